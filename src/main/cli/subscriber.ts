import type { Command } from 'commander'
import type { PbxConfig } from '#platform/words/index.ts'
import { untilUp } from './channel.ts'
import type { Context } from './context.ts'
import { usage } from './error.ts'
import {
  allocation,
  type CodecOptions,
  codecOptions,
  codecs,
  collect,
  endpoint,
  part,
  progressOf,
  route,
  saidOfCodecs,
  share,
  spokenText,
  whole,
} from './parse.ts'
import { SecretFile } from './secret-file.ts'
import { type TlsOptions, tlsOf } from './tls.ts'
import { capCommand } from './toll.ts'
import { secondsOf, type WaitOption } from './wait.ts'

interface Subscriber {
  id: string
  name: string
  state: string
  plan: string | null
  timeZone: string
  numbers: string[]
  allocations: { kind: string; guaranteed: number; ceiling: number }[]
  defaultRoute: Record<string, string> & { progress?: object }
  site: {
    networks: string[]
    dns: { servers: string[]; search?: string } | null
    codecs: string[] | null
    telephoneCodecs: string[] | null
    transcode: boolean
    renegotiate: boolean
    digits: string
    tones: string
    pbx: PbxConfig | null
  }
  survival: { voice: string; channel: string }
  channel: { listenPort: number; publicKey: string; peerPublicKey: string }
  agent: { version: string | null; memoryMebibytes: number; decisionDeadlineMs: number }
  telephones: string[]
}

interface Installed {
  subscriber: Subscriber
  siteFile: string
  apiKey: string
  telephones: { name: string; password: string }[]
}

type Contextual = (command: Command) => Context

export function subscriberCommands(program: Command, context: Contextual): void {
  const noun = program.command('subscriber').description('businesses that are served')
  installCommand(noun, context)
  noun
    .command('list')
    .description('list subscribers')
    .action(async (_options, command: Command) => {
      const { client, out } = context(command)
      const all = await client.all<Subscriber>('/v1/subscribers')
      out.table(
        all,
        [
          ['NAME', (s) => s.name],
          ['STATE', (s) => s.state],
          ['NUMBERS', (s) => s.numbers.join(' ')],
          ['PLAN', (s) => s.plan],
          ['AGENT', (s) => s.agent.version],
          ['ID', (s) => s.id],
        ],
        'There are no subscribers yet. Install one with: tieline subscriber install <name> --number … --site-network …',
      )
    })
  noun
    .command('show <subscriber>')
    .description('show one')
    .action(async (name: string, _options, command: Command) => {
      const { client, out } = context(command)
      show(out, await client.get<Subscriber>(`/v1/subscribers/${part(name)}`))
    })
  noun
    .command('remove <subscriber>')
    .description('remove one; its usage and bills stay')
    .action(async (name: string, _options, command: Command) => {
      const { client, out } = context(command)
      await client.delete(`/v1/subscribers/${part(name)}`)
      out.done(null, `${name} is removed, and the node has nothing of it left.`)
    })
  for (const verb of ['suspend', 'resume'])
    noun
      .command(`${verb} <subscriber>`)
      .description(verb === 'suspend' ? 'refuse it all resources, but for emergency calls' : 'grant it resources again')
      .action(async (name: string, _options, command: Command) => {
        const { client, out } = context(command)
        const subscriber = await client.post<Subscriber>(`/v1/subscribers/${part(name)}/${verb}`)
        out.done(subscriber, `${name} is ${subscriber.state}.`)
      })
  changeCommands(noun, context)
  capCommand(noun, context)
  rotateCommand(noun, context)
}

function installCommand(noun: Command, context: Contextual): void {
  codecOptions(noun.command('install <name>'))
    .description('bring a subscriber into being, with all its security data')
    .option('--number <e164>', 'a number of its own; again for more', collect, [])
    .option('--site-network <cidr>', 'a network of its site; again for more', collect, [])
    .option(
      '--pbx <[transport:]host[:port]>',
      "the site's PBX, by udp, tcp or tls; of a name the site's DNS says what is left out",
    )
    .option('--pbx-number <e164>', 'its public number, the road round a dead tunnel')
    .option('--pbx-account <telephone>', 'it registers as this telephone, and its calls go to where that is')
    .option('--pbx-digest', 'its own calls have to prove that account')
    .option('--dns <address>', "the site's DNS server; again for more", collect, [])
    .option('--search <domain>', 'the domain that short names are looked up in')
    .requiredOption(
      '--default-route <route>',
      'taken when the agent does not decide: pbx:100, user:101, number:+32…; @trunk or @channel forces a road',
    )
    .option('--allocation <kind=guaranteed:ceiling>', 'again for more kinds', collect, [])
    .option('--plan <name>', 'what it is billed by')
    .option('--time-zone <zone>', 'its bills are cut in it', 'UTC')
    .option('--telephone <user>', 'a telephone that registers; again for more', collect, [])
    .option('--site-public-key <key>', "the site's own WireGuard key: then its private key never leaves it")
    .option('--emergency-caller-id <e164>', 'the number that is shown to emergency services')
    .option('--srtp <policy>', 'protect the sound of legs over the channel: off, offered or required')
    .option('--codecs <names>', 'what its legs may speak, best first, such as g722,pcma; all where it is not said', codecs)
    .option('--lan <mode>', 'route: the LAN has a route to the platform; masquerade: the gateway hides it', 'route')
    .option('--memory <mebibytes>', 'of its agent', whole('--memory'))
    .option('--cpu <share>', 'of one core, for its agent', share)
    .option('--deadline <ms>', 'for a decision of its agent', whole('--deadline'))
    .option('--listen <port>', 'a port on which the site may call its agent; again for more', collect, [])
    .option('--out <file>', "write the site's file there, mode 0600, instead of printing it")
    .option('--wait [seconds]', 'until the tunnel is up', whole('--wait'))
    .action(async (name: string, options: InstallOptions, command: Command) => {
      const { client, out } = context(command)
      const order = orderOf(name, options)
      using file = options.out === undefined ? null : new SecretFile(options.out)
      const installed = await client.post<Installed>('/v1/subscribers', order)
      tell(out, installed, options.out)
      file?.write(installed.siteFile)
      const seconds = secondsOf(options, 60)
      if (seconds > 0) await untilUp(client, installed.subscriber.id, seconds)
    })
}

interface InstallOptions extends CodecOptions, WaitOption {
  number: string[]
  siteNetwork: string[]
  pbx?: string
  pbxNumber?: string
  pbxAccount?: string
  pbxDigest?: true
  dns: string[]
  search?: string
  defaultRoute: string
  allocation: string[]
  plan?: string
  timeZone: string
  telephone: string[]
  sitePublicKey?: string
  emergencyCallerId?: string
  srtp?: string
  lan: string
  memory?: number
  cpu?: number
  deadline?: number
  listen: string[]
  out?: string
}

function orderOf(name: string, o: InstallOptions) {
  if (o.siteNetwork.length === 0) throw usage('Name at least one --site-network, such as 192.168.1.0/24.')
  if (o.pbxNumber && !o.pbx && !o.pbxAccount) throw usage('--pbx-number goes with --pbx or --pbx-account.')
  if (o.search && o.dns.length === 0) throw usage('--search goes with --dns.')
  if (o.lan !== 'route' && o.lan !== 'masquerade') throw usage('--lan is route or masquerade.')
  const pbx =
    o.pbx || o.pbxAccount ? pbxOf({ at: o.pbx, number: o.pbxNumber, account: o.pbxAccount, digest: o.pbxDigest }) : undefined
  return {
    name,
    numbers: o.number,
    timeZone: o.timeZone,
    ...(o.plan ? { plan: o.plan } : {}),
    allocations: o.allocation.map(allocation),
    site: {
      networks: o.siteNetwork,
      ...(pbx ? { pbx } : {}),
      ...(o.dns.length > 0 ? { dns: { servers: o.dns, ...(o.search ? { search: o.search } : {}) } } : {}),
      ...(o.sitePublicKey ? { publicKey: o.sitePublicKey } : {}),
      ...(o.emergencyCallerId ? { emergencyCallerId: o.emergencyCallerId } : {}),
      ...(o.srtp ? { srtp: o.srtp } : {}),
      ...saidOfCodecs(o),
      lan: o.lan,
    },
    defaultRoute: route(o.defaultRoute),
    agent: {
      ...(o.memory === undefined ? {} : { memoryMebibytes: o.memory }),
      ...(o.cpu === undefined ? {} : { cpuShare: o.cpu }),
      ...(o.deadline === undefined ? {} : { decisionDeadlineMs: o.deadline }),
      ...(o.listen.length > 0 ? { listen: o.listen.map(whole('--listen')) } : {}),
    },
    telephones: o.telephone,
  }
}

/** The PBX of options: where it is, or as which telephone it registers. */
function pbxOf({ at, number, account, digest, ...tls }: PbxOptions) {
  return {
    ...(at === undefined ? {} : placeOf(at)),
    ...(number === undefined ? {} : { number }),
    ...(account === undefined ? {} : { account }),
    ...(digest ? { calls: 'digest' } : {}),
    ...tlsOf(tls),
  }
}

interface PbxOptions extends TlsOptions {
  at?: string | undefined
  number?: string | undefined
  account?: string | undefined
  digest?: true | undefined
}

function placeOf(text: string) {
  const [, transport, where = ''] = /^(?:(udp|tcp|tls):)?(.*)$/.exec(text) ?? []
  const { address: host, port } = endpoint(where)
  return { host, ...(transport ? { transport } : {}), ...(port === undefined ? {} : { port }) }
}

function pbxText(pbx: Subscriber['site']['pbx']): string | null {
  if (!pbx) return null
  const { transport, host, port, number, account, calls, tls } = pbx
  const where = host === undefined ? '' : `${transport ? `${transport}:` : ''}${host}${port === undefined ? '' : `:${port}`}`
  const registers = account === undefined ? '' : `registers as ${account}`
  const asked = calls === 'digest' ? 'calls by digest' : ''
  const named = tls?.serverName ? `as ${tls.serverName}` : ''
  const trusted = tls?.ca ? 'by its own CA' : ''
  const shown = tls?.certificate ? 'shown a certificate of ours' : ''
  return [where, named, trusted, shown, registers, asked, number && `(${number})`].filter(Boolean).join(' ')
}

function tell(out: Context['out'], installed: Installed, file: string | undefined): void {
  if (out.json) {
    out.value(installed)
    return
  }
  const { subscriber, apiKey, telephones, siteFile } = installed
  out.line(`${subscriber.name} is installed (${subscriber.id}). What follows is told this once.`)
  out.line(`API key of the subscriber: ${apiKey}`)
  for (const { name, password } of telephones) out.line(`Telephone ${name}: password ${password}`)
  out.line(file ? `The file for the site's wg-quick is ${file}.` : `The file for the site's wg-quick:\n\n${siteFile}`)
}

function show(out: Context['out'], s: Subscriber): void {
  const { via, progress, ...target } = s.defaultRoute
  const [kind = '', value = ''] = Object.entries(target)[0] ?? []
  out.facts(s, [
    ['name', s.name],
    ['id', s.id],
    ['state', s.state],
    ['numbers', s.numbers.join(' ')],
    ['plan', s.plan],
    ['time zone', s.timeZone],
    ['default route', `${kind}:${value}${via ? ` over the ${via}` : ''}${progress ? ', tones heard' : ''}`],
    ['site', s.site.networks.join(' ')],
    ['pbx', pbxText(s.site.pbx)],
    ['codecs', spokenText(s.site)],
    ['dns', s.site.dns ? `${s.site.dns.servers.join(' ')}${s.site.dns.search ? ` (${s.site.dns.search})` : ''}` : null],
    ['survival', `voice ${s.survival.voice}, channel ${s.survival.channel}`],
    ['tunnel port', s.channel.listenPort],
    ['agent', s.agent.version],
    ['telephones', s.telephones.join(' ')],
    ['allocations', s.allocations.map((a) => `${a.kind}=${a.guaranteed}:${a.ceiling}`).join(' ')],
  ])
}

function changeCommands(noun: Command, context: Contextual): void {
  noun
    .command('allocate <subscriber> <kind=guaranteed:ceiling...>')
    .description('set what it may take')
    .action(async (name: string, texts: string[], _options, command: Command) => {
      const { client, out } = context(command)
      for (const { kind, ...amounts } of texts.map(allocation))
        await client.put(`/v1/subscribers/${part(name)}/allocations/${part(kind)}`, amounts)
      out.done(null, `${name} may take ${texts.join(' ')}.`)
    })
  noun
    .command('route <subscriber> <route>')
    .description('set the default route')
    .option('--progress [country]', 'listen for the tones of networks, as those of a country: busy ends it as a refusal does')
    .option('--after-answer <seconds>', 'behind the answer, too', whole('--after-answer'))
    .action(async (name: string, text: string, options: Parameters<typeof progressOf>[0], command: Command) => {
      const { client, out } = context(command)
      out.done(
        await client.patch(`/v1/subscribers/${part(name)}`, { defaultRoute: { ...route(text), ...progressOf(options) } }),
        `The default route of ${name} is ${text}.`,
      )
    })
  noun
    .command('srtp <name> <policy>')
    .description('protect the sound of legs over its channel: off, offered or required')
    .action(async (name: string, srtp: string, _options, command: Command) => {
      const { client, out } = context(command)
      const subscriber = await client.patch<Subscriber>(`/v1/subscribers/${part(name)}`, { srtp })
      out.done(subscriber, `SRTP over the channel of ${name}: ${srtp}.`)
    })
  noun
    .command('pbx <subscriber> [where]')
    .description('set its PBX: [udp:|tcp:|tls:]host[:port], or the telephone as which it registers, or none of both for no PBX')
    .option('--number <e164>', 'its public number, the road round a dead tunnel')
    .option('--account <telephone>', 'it registers as this telephone, and its calls go to where that is')
    .option('--digest', 'its own calls have to prove that account')
    .option('--tls-ca <file>', 'whom its certificate comes from, where it is called by TLS (PEM)')
    .option('--tls-certificate <file>', 'what it is shown as our certificate, where it asks for one (PEM)')
    .option('--tls-key <file>', 'the key of --tls-certificate (PEM); not needed while the certificate is as it was')
    .option('--tls-name <name>', 'the name that its certificate is for; default its own name or address')
    .action(async (name: string, at: string | undefined, options: Omit<PbxOptions, 'at'>, command: Command) => {
      const { client, out } = context(command)
      const pbx = at === undefined && options.account === undefined ? null : pbxOf({ at, ...options })
      const subscriber = await client.patch<Subscriber>(`/v1/subscribers/${part(name)}`, { pbx })
      out.done(subscriber, `The PBX of ${name}: ${pbxText(subscriber.site.pbx) ?? 'none'}.`)
    })
  noun
    .command('forward-outside <name> <policy>')
    .description('whether calls to its users may be sent on to numbers outside: allowed or denied')
    .action(async (name: string, forwardOutside: string, _options, command: Command) => {
      const { client, out } = context(command)
      const subscriber = await client.patch<Subscriber>(`/v1/subscribers/${part(name)}`, { forwardOutside })
      out.done(subscriber, `Sending calls of ${name} on to numbers outside: ${forwardOutside}.`)
    })
  codecOptions(noun.command('codecs <name> [names]'))
    .description('what the telephones and the PBX of its site may speak, best first, such as g722,pcma; default for all')
    .option('--telephones <names>', 'what its telephones may speak, where that is something else; default for the same', codecs)
    .action(
      async (
        name: string,
        names: string | undefined,
        { telephones, ...options }: CodecOptions & { telephones?: string[] },
        command: Command,
      ) => {
        const { client, out } = context(command)
        const said = {
          ...saidOfCodecs({ ...options, ...(names === undefined ? {} : { codecs: codecs(names) }) }),
          ...(telephones === undefined ? {} : { telephoneCodecs: telephones.length > 0 ? telephones : null }),
        }
        const path = `/v1/subscribers/${part(name)}`
        const asked = Object.keys(said).length === 0
        const subscriber = asked ? await client.get<Subscriber>(path) : await client.patch<Subscriber>(path, said)
        out.done(subscriber, `The site of ${name} speaks: ${spokenText(subscriber.site)}.`)
      },
    )
  noun
    .command('survival <name>')
    .description('what becomes of its calls when something dies under them')
    .option('--voice <policy>', 'a voice process: move answered legs to another one, or end them')
    .option('--channel <policy>', 'its channel: end, or dial the site over the trunk')
    .action(async (name: string, survival: { voice?: string; channel?: string }, command: Command) => {
      const { client, out } = context(command)
      const subscriber = await client.patch<Subscriber>(`/v1/subscribers/${part(name)}`, { survival })
      const { voice, channel } = subscriber.survival
      out.done(subscriber, `When a voice process dies: ${voice}. When the channel of ${name} is cut: ${channel}.`)
    })
  noun
    .command('plan <subscriber> <plan>')
    .description('set what it is billed by from now on')
    .action(async (name: string, plan: string, _options, command: Command) => {
      const { client, out } = context(command)
      out.done(await client.patch(`/v1/subscribers/${part(name)}`, { plan }), `${name} is billed by ${plan}.`)
    })
  noun
    .command('number <add|remove> <subscriber> <number>')
    .description('give it a number, or take one back')
    .action(async (verb: string, name: string, number: string, _options, command: Command) => {
      const { client, out } = context(command)
      const path = `/v1/subscribers/${part(name)}/numbers`
      if (verb === 'add') await client.post(path, { number })
      else if (verb === 'remove') await client.delete(`${path}/${part(number)}`)
      else throw usage('Say add or remove.')
      out.done(null, `${number} ${verb === 'add' ? 'belongs to' : 'is taken from'} ${name}.`)
    })
}

function rotateCommand(noun: Command, context: Contextual): void {
  noun
    .command('rotate <subscriber> <secret>')
    .description('replace a secret: api-key, preshared-key or agent-certificate')
    .option('--overlap <seconds>', 'how long the old one still counts; 0 revokes it at once', whole('--overlap'))
    .action(async (name: string, secret: string, options: { overlap?: number }, command: Command) => {
      const { client, out } = context(command)
      const body = { secret, ...(options.overlap === undefined ? {} : { overlapSeconds: options.overlap }) }
      const rotated = await client.post<{ secret?: string; peer?: string; oldCountsUntil?: string }>(
        `/v1/subscribers/${part(name)}/rotate`,
        body,
      )
      const told = rotated.secret
      const until = rotated.oldCountsUntil ? ` The old one counts until ${rotated.oldCountsUntil}.` : ''
      const site = rotated.peer
        ? `\nOn the site's gateway, within that time: wg set tieline peer ${rotated.peer} preshared-key <file with the new one>` +
          '\nAnd in the file that was given to the site, PresharedKey: else its gateway has the old one again after its next start.'
        : ''
      // On a line of its own, without a full stop that would be copied with it.
      out.done(rotated, `${told ? `The new one, told this once:\n${told}\n` : 'It is replaced.'}${until.trimStart()}${site}`)
    })
}
