import type { Command } from 'commander'
import type { TrunkConfig } from '#platform/words/index.ts'
import type { Context } from './context.ts'
import { usage } from './error.ts'
import { collect, endpoint, part, whole } from './parse.ts'

interface TrunkOptions {
  gateway: string[]
  maxIn?: number
  maxOut?: number
  emergencyReserve?: number
  media?: string
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
      const { items } = await client.get<{ items: TrunkConfig[] }>('/v1/trunks')
      out.table(
        items,
        [
          ['NAME', (t) => t.name],
          ['GATEWAYS', (t) => t.gateways.map(({ address, port }) => `${address}:${port}`).join(' ')],
          ['MAX IN', (t) => t.maxIn],
          ['MAX OUT', (t) => t.maxOut],
          ['EMERGENCY', (t) => t.emergencyReserve],
          ['MEDIA', (t) => t.media],
        ],
        'There are no trunks yet. Add one with: tieline trunk add <name> --gateway <address:port>',
      )
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
  noun
    .command(syntax)
    .description(description)
    .option('--gateway <address[:port]>', 'a gateway of the carrier, in the order of preference; again for more', collect, [])
    .option('--max-in <calls>', 'calls in at once', whole('--max-in'))
    .option('--max-out <calls>', 'calls out at once', whole('--max-out'))
    .option(
      '--emergency-reserve <calls>',
      'of the calls out, how many only emergency calls may use',
      whole('--emergency-reserve'),
    )
    .option('--media <mode>', 'relay, or direct between two trunks that both say so')
    .action(async (name: string, options: TrunkOptions, command: Command) => {
      const { client, out } = context(command)
      const { gateway, ...limits } = options
      if (adds && gateway.length === 0) throw usage('Name at least one --gateway, such as 203.0.113.10:5060.')
      const fields = { ...(gateway.length > 0 ? { gateways: gateway.map(endpoint) } : {}), ...pick(limits) }
      const trunk = adds
        ? await client.post<TrunkConfig>('/v1/trunks', { name, ...fields })
        : await client.patch<TrunkConfig>(`/v1/trunks/${part(name)}`, fields)
      out.done(trunk, `The trunk ${name} ${adds ? 'is there' : 'is changed'}.`)
    })
}

function pick({ maxIn, maxOut, emergencyReserve, media }: Omit<TrunkOptions, 'gateway'>) {
  const given = Object.entries({ maxIn, maxOut, emergencyReserve, media }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given)
}
