import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { GatewayConfig, NumberRule, TrunkConfig, TrunkState } from '#platform/words/index.ts'
import type { Context } from './context.ts'
import { usage } from './error.ts'
import { type CodecOptions, codecOptions, codecs, collect, endpoint, part, saidOfCodecs, spokenText, whole } from './parse.ts'
import { type TlsOptions, tlsOf } from './tls.ts'

/** A trunk as the API shows it. */
type ShownTrunk = Omit<TrunkConfig, 'credentials'> & { user?: string; state?: TrunkState }

interface TrunkOptions extends CodecOptions, TlsOptions {
  gateway: string[]
  numberIn: string[]
  numberOut: string[]
  tls?: boolean
  user?: string
  passwordFile?: string
  auth?: boolean
  acceptUser?: string
  acceptPasswordFile?: string
  acceptAlgorithm?: string
  accept?: boolean
  register?: number | false
  options?: number | false
  callsPerSecond?: number
  priority?: number
  destinations?: string
  sources?: string
  maxIn?: number
  maxOut?: number
  emergencyReserve?: number
  srtp?: string
  media?: string
  earlyMedia?: string
  diversion?: string
  identity?: string
  redirects?: string
}

type Contextual = (command: Command) => Context

export function trunkCommands(program: Command, context: Contextual): void {
  const noun = program.command('trunk').description('communications trunks to carriers')
  writeCommand(noun, context, 'add <name>', 'add a trunk')
  writeCommand(noun, context, 'set <name>', 'change a trunk; calls on it stay up')
  noun
    .command('list')
    .description('list trunks')
    .action(async (_options, command: Command) => {
      const { client, out } = context(command)
      const { items } = await client.get<{ items: ShownTrunk[] }>('/v1/trunks')
      out.table(
        items,
        [
          ['NAME', (t) => t.name],
          ['GATEWAYS', (t) => t.gateways.map(gatewayText).join(' ')],
          ['MAX IN', (t) => t.maxIn],
          ['MAX OUT', (t) => t.maxOut],
          ['EMERGENCY', (t) => t.emergencyReserve],
          ['MEDIA', (t) => t.media],
          ['SRTP', (t) => t.srtp ?? 'off'],
        ],
        'There are no trunks yet. Add one with: tieline trunk add <name> --gateway <host[:port]>',
      )
    })
  noun
    .command('show <name>')
    .description('show a trunk: its gateways, where their names lead, who of them lives, its registration')
    .action(async (name: string, _options, command: Command) => {
      const { client, out } = context(command)
      const trunk = await client.get<ShownTrunk>(`/v1/trunks/${part(name)}`)
      out.facts(trunk, factsOf(trunk))
    })
  noun
    .command('remove <name>')
    .description('remove a trunk')
    .action(async (name: string, _options, command: Command) => {
      const { client, out } = context(command)
      await client.delete(`/v1/trunks/${part(name)}`)
      out.done(null, `The trunk ${name} is removed.`)
    })
  noun
    .command('emergency [number...]')
    .description('show the emergency numbers, or set them')
    .action(async (numbers: string[], _options, command: Command) => {
      const { client, out } = context(command)
      const path = '/v1/emergency-numbers'
      const answer =
        numbers.length > 0
          ? await client.put<{ numbers: string[] }>(path, { numbers })
          : await client.get<{ numbers: string[] }>(path)
      out.done(answer, `Emergency numbers: ${answer.numbers.join(' ')}`)
    })
}

function writeCommand(noun: Command, context: Contextual, syntax: string, description: string): void {
  const adds = syntax.startsWith('add')
  codecOptions(noun.command(syntax))
    .description(description)
    .option(
      '--gateway <[transport:]host[:port][,priority[,weight]]>',
      'a gateway of the carrier, an address or a name (then NAPTR and SRV say what is left out), by udp, udp+tcp (what is large), tcp or tls; again for more',
      collect,
      [],
    )
    .option('--tls-ca <file>', 'whom its certificates come from (PEM); it must then show one when it connects')
    .option('--tls-certificate <file>', 'what it is shown as our certificate (PEM)')
    .option('--tls-key <file>', 'the key of --tls-certificate (PEM); not needed while the certificate is as it was')
    .option('--tls-name <name>', 'the name that its certificate is for; default the gateway’s name or address')
    .option('--no-tls', 'take these away again')
    .option('--user <name>', 'answer its challenges as this user')
    .option('--password-file <file>', 'the password of --user; - for standard input')
    .option('--no-auth', 'answer no challenges any more')
    .option('--accept-user <name>', 'challenge its calls: they have to come from this user, beside their address')
    .option('--accept-password-file <file>', 'the password of --accept-user; - for standard input')
    .option('--accept-algorithm <name>', 'MD5 or SHA-256; default MD5')
    .option('--no-accept', 'challenge its calls no more')
    .option('--register <seconds>', 'register there as --user, for so long at a time', whole('--register'))
    .option('--no-register', 'register no more')
    .option('--options <seconds>', 'ask its gateways by OPTIONS so often', whole('--options'))
    .option('--no-options', 'ask no more')
    .option('--calls-per-second <calls>', 'calls out that may begin in a second', whole('--calls-per-second'))
    .option(
      '--priority <number>',
      'of the trunks that may carry a number the lowest is tried first; default 0',
      whole('--priority'),
    )
    .option(
      '--sources <networks>',
      'from where it calls beside its gateways, such as 198.51.100.0/24,2001:db8::/48; none for nowhere',
    )
    .option('--destinations <prefixes>', 'what the numbers begin with that it may carry, such as +32,+33; all for all of them')
    .option('--number-in <prefix=replace>', 'from its numbers to E.164, such as 0=+32; again for more', collect, [])
    .option('--number-out <prefix=replace>', 'from E.164 to its numbers, such as +32=0; again for more', collect, [])
    .option('--srtp <policy>', 'protect the sound: off, offered or required')
    .option('--codecs <names>', 'what it may speak, best first, such as pcma,g722,opus; default for what is usual', codecs)
    .option('--max-in <calls>', 'calls in at once', whole('--max-in'))
    .option('--max-out <calls>', 'calls out at once', whole('--max-out'))
    .option(
      '--emergency-reserve <calls>',
      'of the calls out, how many only emergency calls may use',
      whole('--emergency-reserve'),
    )
    .option('--media <mode>', 'relay, or direct between two trunks that both say so')
    .option('--early-media <policy>', 'pass, or ignore what is heard before the answer')
    .option('--diversion <header>', 'tell it who sent a call on by diversion, history-info, or none')
    .option('--identity <policy>', 'pass a signed Identity on to it, or drop it')
    .option('--redirects <policy>', 'refuse its 3xx, or follow it to hosts of this trunk')
    .action(async (name: string, options: TrunkOptions, command: Command) => {
      const { client, out } = context(command)
      const { gateway, ...rest } = options
      if (adds && gateway.length === 0)
        throw usage('Name at least one --gateway, such as 203.0.113.10:5060 or sip.carrier.example.')
      const fields = {
        ...(gateway.length > 0 ? { gateways: gateway.map(gatewayOf) } : {}),
        ...pick(rest),
        ...(rest.srtp ? { srtp: rest.srtp } : {}),
        ...saidOfCodecs(rest),
        ...(rest.tls === false ? { tls: null } : tlsOf(rest)),
        ...authOf(rest),
        ...acceptOf(rest),
      }
      const trunk = adds
        ? await client.post<ShownTrunk>('/v1/trunks', { name, ...fields })
        : await client.patch<ShownTrunk>(`/v1/trunks/${part(name)}`, fields)
      out.done(trunk, `The trunk ${name} ${adds ? 'is there' : 'is changed'}.`)
    })
}

/** Options that the API knows by the same name. */
const AS_GIVEN = [
  'maxIn',
  'maxOut',
  'emergencyReserve',
  'media',
  'earlyMedia',
  'diversion',
  'identity',
  'redirects',
  'callsPerSecond',
  'priority',
] as const satisfies readonly (keyof TrunkOptions)[]

function pick(options: Omit<TrunkOptions, 'gateway'>) {
  const { register, options: ask } = options
  const given: [string, unknown][] = AS_GIVEN.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]]))
  // Commander says true for a `--no-…` that was not given.
  for (const [name, value] of [
    ['registerSeconds', register],
    ['optionsSeconds', ask],
  ] as const)
    if (typeof value === 'number' || value === false) given.push([name, value === false ? null : value])
  if (options.destinations !== undefined)
    given.push(['destinations', options.destinations === 'all' ? null : options.destinations.split(',').filter(Boolean)])
  if (options.sources !== undefined)
    given.push(['sources', options.sources === 'none' ? null : options.sources.split(',').filter(Boolean)])
  if (options.numberIn.length + options.numberOut.length > 0)
    given.push(['numbers', { in: options.numberIn.map(ruleOf), out: options.numberOut.map(ruleOf) }])
  return Object.fromEntries(given)
}

function authOf({ user, passwordFile, auth }: Omit<TrunkOptions, 'gateway'>) {
  if (auth === false) return { auth: null }
  if (user === undefined && passwordFile === undefined) return {}
  if (user === undefined || passwordFile === undefined) throw usage('--user and --password-file go together.')
  return { auth: { user, password: passwordIn(passwordFile) } }
}

function acceptOf({ acceptUser, acceptPasswordFile, acceptAlgorithm, accept }: Omit<TrunkOptions, 'gateway'>) {
  if (accept === false) return { accept: null }
  if (acceptUser === undefined && acceptPasswordFile === undefined && acceptAlgorithm === undefined) return {}
  if (acceptUser === undefined || acceptPasswordFile === undefined)
    throw usage('--accept-user and --accept-password-file go together.')
  const algorithm = acceptAlgorithm === undefined ? {} : { algorithm: acceptAlgorithm }
  return { accept: { user: acceptUser, password: passwordIn(acceptPasswordFile), ...algorithm } }
}

/** Never an argument: those are for everybody on the machine to see. */
function passwordIn(file: string): string {
  return readFileSync(file === '-' ? 0 : file, 'utf8').replace(/\r?\n$/, '')
}

function gatewayOf(text: string) {
  const [, transport, rest = ''] = /^(?:(udp|udp\+tcp|tcp|tls):)?(.*)$/.exec(text) ?? []
  const [where = '', priority, weight] = rest.split(',')
  const number = (name: string, value: string | undefined) => (value === undefined ? {} : { [name]: whole('--gateway')(value) })
  return { ...endpoint(where), ...(transport ? { transport } : {}), ...number('priority', priority), ...number('weight', weight) }
}

/** As it is written in `--gateway`. */
function gatewayText({ transport, address, port }: GatewayConfig): string {
  const host = address.includes(':') ? `[${address}]` : address
  return `${transport ? `${transport}:` : ''}${host}${port === undefined ? '' : `:${port}`}`
}

function ruleOf(text: string): NumberRule {
  const [, prefix, replace] = /^([^=]*)=([^=]*)$/.exec(text) ?? []
  if (prefix === undefined || replace === undefined)
    throw usage(`A number rule is written prefix=replace, such as 0=+32, not ${text}.`)
  return { prefix, replace }
}

/** A gateway, and where its name leads. */
function gatewayLines(gateway: GatewayConfig, place: number, state: TrunkState | undefined): string[] {
  const { address, port, priority, weight } = gateway
  const head = `${gatewayText(gateway)} (priority ${priority ?? place}, weight ${weight ?? 1}): `
  const how = ({ state, lost, trouble }: TrunkState['gateways'][number]) =>
    `${state}${lost > 0 ? `, ${lost} OPTIONS lost` : ''}${trouble ? `: ${trouble}` : ''}`
  const name = state?.names.find((one) => one.name === address)
  if (!name) {
    const known = state?.gateways.find((one) => one.name === undefined && one.address === address && one.port === port)
    return [head + (known ? how(known) : 'not known')]
  }
  const servers = state?.gateways.filter((one) => one.name === address) ?? []
  const listed = servers.map((server) => `  ${gatewayText(server)}: ${how(server)}`)
  return [head + name.state + (name.text ? ` (${name.text})` : ''), ...listed]
}

function factsOf(trunk: ShownTrunk): [string, string | number | null | undefined][] {
  const { state } = trunk
  const rules = (list: NumberRule[] | undefined) => list?.map(({ prefix, replace }) => `${prefix}=${replace}`).join(' ')
  return [
    ['trunk', trunk.name],
    ...trunk.gateways.flatMap((gateway, i) =>
      gatewayLines(gateway, i, state).map((line, j): [string, string] => [i + j === 0 ? 'gateways' : '', line]),
    ),
    ['calls from', trunk.sources?.join(' ')],
    ['TLS name', trunk.tls?.serverName],
    ['TLS of its own CA', trunk.tls?.ca ? 'yes' : undefined],
    ['TLS certificate of ours', trunk.tls?.certificate ? 'shown' : undefined],
    ['user', trunk.user],
    ['registration', state?.registration?.text],
    ['calls in', trunk.maxIn],
    ['calls out', trunk.maxOut],
    ['calls per second', trunk.callsPerSecond],
    ['priority', trunk.priority ?? 0],
    ['destinations', trunk.destinations ? trunk.destinations.join(' ') || 'none' : 'all'],
    ['emergency', trunk.emergencyReserve],
    ['media', trunk.media],
    ['early media', trunk.earlyMedia ?? 'pass'],
    ['codecs', spokenText(trunk)],
    ['diversion', trunk.diversion ?? 'diversion'],
    ['identity', trunk.identity ?? 'pass'],
    ['redirects', trunk.redirects ?? 'refuse'],
    ['numbers in', rules(trunk.numbers?.in)],
    ['numbers out', rules(trunk.numbers?.out)],
  ]
}
