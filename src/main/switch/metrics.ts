import type { Exchange } from '#journeys/call/index.ts'
import type { Carriers } from '#journeys/carrier/index.ts'
import type { Journal } from '#platform/journal/index.ts'
import type { Load, MessageCount } from '#platform/switch/index.ts'
import type { TollGate } from '#platform/toll/index.ts'
import type { TraceStore } from '#platform/trace/index.ts'
import type { Strangers } from '#platform/trunk/index.ts'
import type { Metric } from '#platform/words/index.ts'

export interface SwitchParts {
  exchange: Exchange
  carriers: Carriers
  journal: Journal
  traces: TraceStore
  load: Load
  toll: Pick<TollGate, 'uses'>
  strangers: Strangers
  count: MessageCount
}

/** The figures of the switch at this moment (PITFALLS O06). */
export function switchMetrics({ exchange, carriers, journal, traces, load, toll, strangers, count }: SwitchParts): Metric[] {
  const { transactions, sessions, subscriptions, repeats, dropped } = exchange.realms.counts
  return [
    ...callMetrics(exchange),
    gauge('tieline_sip_transactions', 'SIP transactions that are alive', transactions),
    gauge('tieline_sip_dialogs', 'Confirmed SIP dialogs', sessions),
    gauge('tieline_sip_subscriptions', "Telephones' subscriptions to the state of others", subscriptions),
    ...count.metrics(repeats),
    counter('tieline_sip_shed_total', 'New SIP requests refused under load', load.shed),
    counter('tieline_sip_strangers_total', 'Datagrams dropped of sources that are no trunk and no site', strangers.dropped),
    counter('tieline_datagrams_dropped_total', 'Datagrams to be sent that found no room to wait for their socket in', dropped),
    gauge('tieline_event_loop_lag_seconds', 'How late the event loop was lately', load.lagMs / 1000, { process: 'switch' }),
    gauge('tieline_resident_bytes', 'Memory of the process', process.memoryUsage.rss(), { process: 'switch' }),
    ...resourceMetrics(exchange),
    tollMetric(exchange, toll),
    ...trunkMetrics(exchange, carriers),
    ...journalMetrics(journal),
    counter('tieline_trace_lines_dropped_total', 'Lines of traces that found no room', traces.dropped),
  ]
}

function callMetrics({ calls }: Exchange): Metric[] {
  const up = new Map<string, { labels: Record<string, string>; value: number }>()
  const legs = new Map<string, { labels: Record<string, string>; value: number }>()
  const add = (to: typeof up, labels: Record<string, string>) => {
    const key = JSON.stringify(labels)
    const sample = to.get(key)
    if (sample) sample.value += 1
    else to.set(key, { labels, value: 1 })
  }
  for (const call of calls.values()) {
    add(up, { subscriber: call.subscriber.name, state: call.phase })
    for (const { cause, facts } of call.legs) if (!cause) add(legs, { direction: facts.direction, via: facts.via })
  }
  return [
    { name: 'tieline_calls', help: 'Calls that are up', type: 'gauge', samples: [...up.values()] },
    { name: 'tieline_legs', help: 'Legs that are up', type: 'gauge', samples: [...legs.values()] },
  ]
}

/** Pools by kind; RTP ports are the kind voice.port. */
function resourceMetrics({ registry }: Exchange): Metric[] {
  const uses = registry.inUse()
  const of = (name: string, help: string, value: (use: (typeof uses)[number]) => number): Metric => ({
    ...{ name, help, type: 'gauge' },
    samples: uses.map((use) => ({ labels: { kind: use.kind }, value: value(use) })),
  })
  return [
    of('tieline_resource_in_use', 'Resources that are leased', (use) => use.inUse),
    of('tieline_resource_capacity', 'Resources that there are', (use) => use.capacity),
  ]
}

/** How far limits of calls out are used up: whoever is paged for fraud is paged for this. */
function tollMetric({ configuration }: Exchange, toll: SwitchParts['toll']): Metric {
  const samples = toll.uses().map(({ subscriber, class: name = '', rule, limit, used }) => ({
    labels: { subscriber: configuration.subscriber(subscriber)?.name ?? subscriber, class: name, rule },
    value: used / limit,
  }))
  return { name: 'tieline_toll_used_ratio', help: 'Used part of a limit of calls out', type: 'gauge', samples }
}

/** How trunks are, by name: whoever is paged is paged for these. */
function trunkMetrics({ directory }: Exchange, carriers: Carriers): Metric[] {
  const states = carriers.states().map((state) => ({ ...state, trunk: directory().byName(state.trunk)?.name ?? state.trunk }))
  const servers = states.flatMap(({ trunk, gateways }) =>
    gateways.map(({ transport, address, port, state }) => {
      const server = `${transport}:${address.includes(':') ? `[${address}]` : address}:${port}`
      return { labels: { trunk, server }, value: state === 'up' ? 1 : 0 }
    }),
  )
  const names = states.flatMap(({ trunk, names }) =>
    names.map(({ name, state }) => ({ labels: { trunk, name }, value: state === 'located' ? 1 : 0 })),
  )
  const registered = states.flatMap(({ trunk, registration }) =>
    registration ? [{ labels: { trunk }, value: registration.state === 'registered' ? 1 : 0 }] : [],
  )
  return [
    { name: 'tieline_trunk_server_up', help: 'Whether a server of a trunk serves', type: 'gauge', samples: servers },
    { name: 'tieline_trunk_name_located', help: 'Whether DNS tells where a gateway is', type: 'gauge', samples: names },
    { name: 'tieline_trunk_registered', help: 'Whether a trunk is registered', type: 'gauge', samples: registered },
  ]
}

function journalMetrics(journal: Journal): Metric[] {
  const { position, synced, shipped, segments, backlogBytes, failedWrites, lost, reserve } = journal.status()
  return [
    gauge('tieline_journal_unsynced_records', 'Records that have not reached the disk', position - synced),
    gauge('tieline_journal_unshipped_records', 'Records that PostgreSQL does not have', position - shipped),
    gauge('tieline_journal_segments', 'Files of the journal', segments),
    gauge('tieline_journal_backlog_bytes', 'Records that wait in memory because the disk takes no more', backlogBytes),
    counter('tieline_journal_failed_writes_total', 'Writes that the disk refused', failedWrites),
    counter('tieline_journal_lost_records_total', 'Records that found no room in memory either', lost),
    gauge('tieline_journal_disk_full', 'Whether the reserve has been given up', reserve === 'released' ? 1 : 0),
  ]
}

function gauge(name: string, help: string, value: number, labels?: Record<string, string>): Metric {
  return { name, help, type: 'gauge', samples: [{ ...(labels ? { labels } : {}), value }] }
}

function counter(name: string, help: string, value: number): Metric {
  return { name, help, type: 'counter', samples: [{ value }] }
}
