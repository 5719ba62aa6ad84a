import { type Exchange, kill, list, order, originate } from '#journeys/call/index.ts'
import type { Carriers } from '#journeys/carrier/index.ts'
import { type Log, TielineError } from '#lib/index.ts'
import { checkVerb } from '#platform/agent/index.ts'
import type { Journal } from '#platform/journal/index.ts'
import { heldBy } from '#platform/resource/index.ts'
import { type Load, probeSite } from '#platform/switch/index.ts'
import type { Registrar } from '#platform/telephone/index.ts'
import type { TollGate } from '#platform/toll/index.ts'
import type { TraceStore } from '#platform/trace/index.ts'
import { LONGEST_LINE, type Metric, type SwitchMethods } from '#platform/words/index.ts'
import { type LinkServer, serveLink, Written } from '#protocol/link/index.ts'
import type { Reception } from './reception.ts'

type ControlLink = { answers: SwitchMethods }

/** The link on which control publishes, asks, and ships the journal. */
export function serveControl(options: {
  path: string
  log: Log
  exchange: Exchange
  carriers: Carriers
  telephones: Registrar
  journal: Journal
  traces: TraceStore
  reception: Reception
  load: Load
  toll: Pick<TollGate, 'uses' | 'balances' | 'keptFrom'>
  metrics(): Metric[]
  startedAt: number
}): Promise<LinkServer<ControlLink>> {
  const { path, log, exchange, carriers, telephones, journal, traces, reception, load, toll, metrics, startedAt } = options
  const { configuration, registry, realms } = exchange
  return serveLink<ControlLink>({
    path,
    hello: { process: 'switch', version: 1 },
    log,
    maxLineBytes: LONGEST_LINE,
    methods: {
      publish: (publication) => configuration.publish(publication),
      'call.list': ({ subscriber }) => list(exchange, subscriber),
      'call.kill': ({ call }) => kill(exchange, call),
      'call.order': ({ call, order: ordered, by }) => order(exchange, call, ordered, by),
      'call.make': ({ subscriber, by, ...wanted }) => originate(exchange, subscriber, checkVerb('call.make', wanted), by),
      'call.trace': ({ call }) => traces.read(call),
      'resource.list': ({ subscriber }) => registry.inUse(subscriber),
      'lease.list': (query) => heldBy(registry.held(), query),
      'toll.list': ({ subscriber }) => toll.uses(subscriber),
      'balance.list': ({ subscriber }) => toll.balances(subscriber),
      'telephone.list': ({ subscriber }) => telephones.list(subscriber),
      'trunk.state': () => carriers.states(),
      'journal.read': ({ after, limit }) => new Written(journal.readText(after, limit)),
      'journal.shipped': ({ position }) => {
        // What the ledger has told of is behind what it knows: the switch reads that again when it starts.
        journal.shipped(Math.min(position, toll.keptFrom ?? position))
        return null
      },
      'channel.probe': ({ subscriber, timeoutMs }) => {
        const site = realms.get(subscriber)
        const config = configuration.subscriber(subscriber)
        if (!site || !config) throw notFound()
        return probeSite(site, config, timeoutMs)
      },
      metrics,
      drain: ({ on }) => {
        reception.drain(on)
        return { draining: reception.draining, calls: exchange.calls.size }
      },
      status: () => ({
        draining: reception.draining,
        lagMs: Math.round(load.lagMs),
        transactions: realms.counts.transactions,
        shed: load.shed,
        boot: exchange.boot,
        calls: exchange.calls.size,
        snapshot: configuration.snapshot.number,
        uptimeMs: Math.round(exchange.clock.now() - startedAt),
      }),
    },
  })
}

function notFound(): TielineError {
  return new TielineError('there is no such subscriber here', { code: 'not-found', fault: 'caller', retry: false, http: 404 })
}
