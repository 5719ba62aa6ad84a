import type { Command } from 'commander'
import type { LeaseView } from '#platform/words/index.ts'
import type { Context } from './context.ts'
import { usage } from './error.ts'
import { part } from './parse.ts'

interface Kind {
  kind: string
  capacity?: number
  inUse: number
  ceiling?: number
  guaranteed?: number
  bySubscriber?: { subscriber: string; inUse: number; guaranteed: number; ceiling: number }[]
}

interface Row {
  label: string
  inUse: number
  guaranteed: number | undefined
  limit: number | undefined
}

/** What the node has of a kind, and below it who holds some. */
function ofNode({ kind, capacity, ceiling, inUse, guaranteed, bySubscriber = [] }: Kind): Row[] {
  const holders = bySubscriber.filter((one) => one.inUse > 0)
  return [
    { label: kind, limit: capacity ?? ceiling, inUse, guaranteed },
    ...holders.map((one): Row => ({ ...one, label: `  ${one.subscriber}`, limit: one.ceiling })),
  ]
}

/** What one subscriber may take of a kind. The operator is told of it beside the node's figures, a subscriber of nothing else. */
function ofOne({ kind, bySubscriber, inUse, guaranteed, ceiling }: Kind): Row {
  const own = bySubscriber ? (bySubscriber[0] ?? { inUse: 0, guaranteed: 0, ceiling: 0 }) : { inUse, guaranteed, ceiling }
  return { label: kind, inUse: own.inUse, guaranteed: own.guaranteed, limit: own.ceiling }
}

export function resourceCommands(program: Command, context: (command: Command) => Context): void {
  const noun = program.command('resource').description('call-handling resources')
  noun
    .command('list')
    .description('what is in use')
    .option('--subscriber <subscriber>', 'by one')
    .action(async (options: { subscriber?: string }, command: Command) => {
      const { client, out } = context(command)
      const query = options.subscriber ? `?subscriber=${part(options.subscriber)}` : ''
      const { items } = await client.get<{ items: Kind[] }>(`/v1/resources${query}`)
      if (out.json) return out.value(items)
      const rows = options.subscriber ? items.map(ofOne) : items.flatMap(ofNode)
      out.table(
        rows,
        [
          ['KIND', (r) => r.label],
          ['IN USE', (r) => r.inUse],
          ['GUARANTEED', (r) => r.guaranteed],
          ['LIMIT', (r) => r.limit],
        ],
        'No kind is known.',
      )
    })
  noun
    .command('leases <subscriber>')
    .description('what a subscriber holds at this moment, lease by lease')
    .option('--kind <kind>', 'of one kind')
    .action(async (subscriber: string, options: { kind?: string }, command: Command) => {
      const { client, out } = context(command)
      const query = options.kind ? `?kind=${part(options.kind)}` : ''
      const leases = await client.all<LeaseView>(`/v1/subscribers/${part(subscriber)}/leases${query}`)
      out.table(
        leases,
        [
          ['TAKEN', (l) => l.takenAt],
          ['KIND', (l) => l.kind],
          ['COUNT', (l) => l.count],
          ['OF', (l) => l.call ?? l.agent],
          ['LEASE', (l) => l.lease],
        ],
        'It holds nothing.',
      )
    })
  noun
    .command('capacity [kind=capacity...]')
    .description('show what the node has, or set it')
    .action(async (texts: string[], _options, command: Command) => {
      const { client, out } = context(command)
      for (const text of texts) {
        const [, kind, capacity] = /^([a-z][a-z0-9.-]*)=(\d+)$/.exec(text) ?? []
        if (!kind) throw usage(`A capacity is written kind=capacity, such as trunk.in=100, not ${text}.`)
        await client.put(`/v1/capacities/${part(kind)}`, { capacity: Number(capacity) })
      }
      const { items } = await client.get<{ items: { kind: string; capacity: number }[] }>('/v1/capacities')
      out.table(
        items,
        [
          ['KIND', (c) => c.kind],
          ['CAPACITY', (c) => c.capacity],
        ],
        'The node has no capacity for anything.',
      )
    })
}
