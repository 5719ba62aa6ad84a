import type { Fault, Id } from '#lib/index.ts'
import type { Instant } from './time.ts'
import type { CallOut, TollRule } from './toll.ts'
import type { MediaStats } from './voice.ts'

/** The name of a kind of call-handling resource. Kinds are data: a new one needs no new code. */
export type Kind = string

/** What is known of a kind. */
export interface KindRule {
  kind: Kind
  /** One sentence for people. */
  title: string
  /** What its usage is measured in when it is billed. */
  unit: 'second' | 'piece' | 'mebibyte-hour'
  /** From which moment its lease is billable. `taken` only where the kind is used without an answered call. */
  billableFrom: 'answered' | 'taken'
  /** Whose it is; a call's unless said. What agents hold is not let go with a call, nor refused or cut for want of a balance. */
  of?: 'agent'
}

/** The kinds that the platform itself leases. */
export const KINDS: readonly KindRule[] = [
  { kind: 'trunk.in', title: 'a call in on a trunk', unit: 'second', billableFrom: 'answered' },
  { kind: 'trunk.out', title: 'a call out on a trunk', unit: 'second', billableFrom: 'answered' },
  { kind: 'channel.leg', title: 'a leg over the private channel', unit: 'second', billableFrom: 'answered' },
  { kind: 'voice.relay', title: 'audio relayed between two legs', unit: 'second', billableFrom: 'answered' },
  { kind: 'voice.transcode', title: 'two legs that share no codec', unit: 'second', billableFrom: 'answered' },
  { kind: 'voice.keys', title: 'keys heard in the sound of one leg for the other', unit: 'second', billableFrom: 'answered' },
  { kind: 'voice.prompt', title: 'a prompt player and digit collector', unit: 'second', billableFrom: 'answered' },
  { kind: 'voice.record', title: 'a recorder', unit: 'second', billableFrom: 'answered' },
  { kind: 'voice.seat', title: 'a conference seat', unit: 'second', billableFrom: 'answered' },
  { kind: 'voice.speech', title: 'speech synthesis', unit: 'second', billableFrom: 'answered' },
  { kind: 'voice.recognition', title: 'speech recognition', unit: 'second', billableFrom: 'answered' },
  { kind: 'voice.detection', title: 'a listener for machines, faxes and tones', unit: 'second', billableFrom: 'answered' },
  { kind: 'voice.stream', title: 'sound between a call and its agent', unit: 'second', billableFrom: 'answered' },
  { kind: 'voice.port', title: 'an RTP port', unit: 'second', billableFrom: 'answered' },
  { kind: 'agent.memory', title: 'memory of an agent', unit: 'mebibyte-hour', billableFrom: 'taken', of: 'agent' },
]

/** The kinds that agents hold, and no calls. */
export const AGENT_KINDS: ReadonlySet<Kind> = new Set(KINDS.flatMap(({ kind, of }) => (of === 'agent' ? [kind] : [])))

/** Whose a lease is: a call's, or a version's of an agent that runs. */
export type Holder = Id<'call'> | Id<'agt'>

/** The stored right of a subscriber to resources of a kind. `guaranteed <= ceiling`. */
export interface Allocation {
  kind: Kind
  guaranteed: number
  ceiling: number
}

/** How much of a kind a node has; the guarantees of all its subscribers fit into it. */
export interface Capacity {
  kind: Kind
  capacity: number
}

/** What a step of a call needs before it does anything. */
export interface Demand {
  kind: Kind
  count: number
  leg?: Id<'leg'>
  /** For kinds that also have a limit of their own per trunk. */
  trunk?: Id<'trk'>
  /** Facts that rating needs: the dialled number, the caller's. */
  detail?: LeaseDetail
  /** For `trunk.out`: which call out it is another way of. Absent: one of its own. */
  out?: CallOut
}

export interface LeaseDetail {
  /** E.164, the far end that decides the price of a trunk leg. */
  number?: string
  trunk?: Id<'trk'>
  /** Placed on the emergency share: never refused, never billed. */
  emergency?: boolean
  /** How a leg's sound came and went; with its port. */
  media?: MediaStats
  /** Which sandbox of an agent holds it: from its start until its memory is free again, however often the program in it is started. */
  sandbox?: string
}

/** What a lease is of, and whose: the same however it is told. */
export interface LeaseFacts {
  kind: Kind
  count: number
  /** Whose it is: a call's, or the agent's whose version this is. Never both. */
  call?: Id<'call'>
  agent?: Id<'agt'>
  leg?: Id<'leg'>
}

/** A resource held. Capacity is held from `taken` to `released`; usage is billable from `answered` to `released`. */
export interface Lease extends LeaseFacts {
  id: Id<'lse'>
  subscriber: Id<'sub'>
  taken: Instant
  answered?: Instant
  released?: Instant
  /** Why it was released: `hangup`, `cancelled`, `crash`, `day` … */
  reason?: string
  detail?: LeaseDetail
}

/** A lease that is held, as it is shown. */
export interface LeaseView extends LeaseFacts {
  lease: Id<'lse'>
  /** RFC 3339, UTC. When capacity was taken, and when it became billable. */
  takenAt: string
  answeredAt: string | null
}

/** A lease of a call. */
export type CallLease = Lease & { call: Id<'call'> }

export function isOfCall(lease: Lease): lease is CallLease {
  return lease.call !== undefined
}

/** Why admission said no: everything a person needs to understand it. */
export interface Refusal {
  kind: Kind
  /** Which limit was met: the subscriber's own ceiling, the node's pool, a trunk's channels, what numbers may be called, how much, or what is paid in. */
  limitedBy: 'ceiling' | 'pool' | 'trunk' | 'class' | 'velocity' | 'spend' | 'balance'
  /** The class of the number that was to be called, where that is what is limited. */
  class?: string
  /** Which limit of calls out was met, where that is what is limited. */
  rule?: TollRule
  limit: number
  inUse: number
  requested: number
  /** Who holds it, at most twenty. Holders that are other subscribers are named only to the operator. */
  holders: { subscriber: Id<'sub'>; call?: Id<'call'>; agent?: Id<'agt'>; count: number }[]
  /** CSTA: `subscriber` is *subscribed resource availability*, `system` is *system resource availability*. */
  fault: Extract<Fault, 'subscriber' | 'system'>
}
