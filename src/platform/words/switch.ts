import type { Id } from '#lib/index.ts'
import type { VerbMethods } from './agent.ts'
import type { CallOrder, CallView } from './call.ts'
import type { JournalEntry } from './journal.ts'
import type { Metric } from './metric.ts'
import type { Kind, LeaseView } from './resource.ts'
import type { Snapshot, SnapshotChange } from './snapshot.ts'
import type { TelephoneState } from './telephone.ts'
import type { TollBalance, TollUse } from './toll.ts'
import type { CallTrace } from './trace.ts'

/** How a trunk is, as the switch sees it. */
export interface TrunkState {
  trunk: Id<'trk'>
  /** Each server of each gateway; `name` is the gateway's where it has one. */
  gateways: {
    name?: string
    address: string
    port: number
    transport: 'udp' | 'tcp' | 'tls'
    state: 'up' | 'down'
    lost: number
    /** Why no connection to it can be had, as a clause about it. */
    trouble?: string
  }[]
  /** How names of gateways are: `kept` goes on with the last answer while DNS says none. */
  names: { name: string; state: 'looking' | 'located' | 'kept' | 'nowhere'; text: string }[]
  /** `refused` and `waiting` try again at their time; `text` says why, for people. */
  registration: { state: 'none' | 'registering' | 'registered' | 'refused' | 'waiting'; text: string } | null
}

/** What control may ask of the switch. */
export interface SwitchMethods {
  publish: { params: { snapshot: Snapshot } | { change: SnapshotChange }; result: { number: number } }
  'call.list': { params: { subscriber?: Id<'sub'> }; result: CallView[] }
  /** Ends a call in whatever state it is. */
  'call.kill': { params: { call: Id<'call'> }; result: { found: boolean } }
  /** Answers like the agent's verb of that name. */
  'call.order': { params: { call: Id<'call'>; order: CallOrder; by: 'operator' | 'subscriber' }; result: unknown }
  /** Calls `from`, then `to`, and joins them: the agent's verb of that name. The same `call` again is the same call. */
  'call.make': {
    params: VerbMethods['call.make']['params'] & { subscriber: Id<'sub'>; by: 'operator' | 'subscriber' }
    result: VerbMethods['call.make']['result']
  }
  /** What was said for a call that is up or was lately. */
  'call.trace': { params: { call: Id<'call'> }; result: CallTrace }
  'resource.list': {
    params: { subscriber?: Id<'sub'> }
    result: {
      kind: string
      capacity: number
      inUse: number
      bySubscriber: { subscriber: Id<'sub'>; inUse: number; guaranteed: number; ceiling: number }[]
    }[]
  }
  /** What a subscriber holds: a page of it, in the order in which it was taken. */
  'lease.list': {
    params: { subscriber: Id<'sub'>; kind?: Kind; after?: Id<'lse'>; limit: number }
    result: { items: LeaseView[]; next?: Id<'lse'> }
  }
  /** How far the limits of calls out are used up. */
  'toll.list': { params: { subscriber?: Id<'sub'> }; result: TollUse[] }
  /** What is left of the balances of those who pay in advance. */
  'balance.list': { params: { subscriber?: Id<'sub'> }; result: TollBalance[] }
  /** The telephones of a site that are registered. */
  'telephone.list': { params: { subscriber: Id<'sub'> }; result: TelephoneState[] }
  'trunk.state': { params: Record<string, never>; result: TrunkState[] }
  /** Journal entries after `position`, at most `limit`, and where to go on; answers at once, empty when there are none. */
  'journal.read': { params: { after: number; limit: number }; result: { entries: JournalEntry[]; position: number } }
  /** All up to `position` is in PostgreSQL: the journal may forget it. */
  'journal.shipped': { params: { position: number }; result: null }
  /** SIP OPTIONS to the site's PBX and a DNS question through the tunnel, for `tieline channel check`. */
  'channel.probe': {
    params: { subscriber: Id<'sub'>; timeoutMs: number }
    result: { dns: { ok: boolean; text: string } | null; pbx: { ok: boolean; text: string } | null }
  }
  /** The figures of the switch at this moment. */
  metrics: { params: Record<string, never>; result: Metric[] }
  /** No new calls from now on, or new ones again; calls that are up go on. */
  drain: { params: { on: boolean }; result: { draining: boolean; calls: number } }
  status: {
    params: Record<string, never>
    result: {
      draining: boolean
      lagMs: number
      transactions: number
      shed: number
      boot: string
      calls: number
      snapshot: number
      uptimeMs: number
    }
  }
}
