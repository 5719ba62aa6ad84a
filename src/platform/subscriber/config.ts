import { AGENT_KINDS, KINDS, type Snapshot, type SnapshotChange, type SubscriberConfig } from '#platform/words/index.ts'
import type { SubscriberRecord } from './record.ts'

/** What host and switch are told of a subscriber, made of its rows; null while it is on its way out. */
export function subscriberConfig(record: SubscriberRecord): SubscriberConfig | null {
  if (record.state === 'removing') return null
  const { siteHoldsKey: _, ...channel } = record.channel
  const { versionListen, failed, ...rest } = record.agent
  const agent = {
    ...rest,
    // What it has printed is for who asks, and on no other disk.
    ...(failed ? { failed: { version: failed.version, reason: failed.reason } } : {}),
    listen: [...new Set([...rest.listen, ...versionListen])],
  }
  return {
    id: record.id,
    name: record.name,
    slot: record.slot,
    numbers: record.numbers.map((number) => ({ number })),
    allocations: record.state === 'suspended' ? nothing(record) : record.allocations,
    channel,
    site: record.site,
    survival: record.survival,
    telephones: record.telephones,
    users: record.users,
    forwardOutside: record.forwardOutside,
    timeZone: record.timeZone,
    plan: planOf(record),
    toll: record.toll,
    ...(record.prepaid ? { prepaid: record.prepaid } : {}),
    ...(record.spent ? { spent: record.spent } : {}),
    defaultRoute: record.defaultRoute,
    agent,
  }
}

/** By which it is billed: the plan that is there from the beginning, where none was chosen. */
export function planOf({ plan }: SubscriberRecord): string {
  return plan ?? 'standard'
}

/** A suspended subscriber keeps its channel, agent and numbers, but no call gets a resource; emergency calls ask for none. */
function nothing(record: SubscriberRecord): SubscriberConfig['allocations'] {
  const kinds = new Set([...KINDS.map((rule) => rule.kind), ...record.allocations.map((allocation) => allocation.kind)])
  return [
    ...[...kinds].filter((kind) => !AGENT_KINDS.has(kind)).map((kind) => ({ kind, guaranteed: 0, ceiling: 0 })),
    ...record.allocations.filter(({ kind }) => AGENT_KINDS.has(kind)),
  ]
}

/** The snapshot after a change; host and switch do the same with what they have on disk. */
export function applyChange(snapshot: Snapshot, change: SnapshotChange): Snapshot {
  const { base: _, subscribers, ...rest } = change
  if (!subscribers) return { ...snapshot, ...rest }
  const replaced = new Map(subscribers.upsert.map((subscriber) => [subscriber.id, subscriber]))
  const removed = new Set(subscribers.remove)
  const kept = snapshot.subscribers.filter(({ id }) => !removed.has(id) && !replaced.has(id))
  return { ...snapshot, ...rest, subscribers: [...kept, ...replaced.values()] }
}
