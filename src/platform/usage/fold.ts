import {
  durationMs,
  type Instant,
  type JournalEntry,
  KINDS,
  type KindRule,
  type Lease,
  type UsageRecord,
} from '#platform/words/index.ts'

/**
 * The usage that journal entries tell of: one record for each released lease, and none for anything else. A released
 * record carries its whole lease, so entries may come in any order, in parts, and again (PITFALLS B02). `rules` says from
 * which moment a kind is billable; a kind that is not named is billable from `answered`.
 */
export function usageOf(entries: Iterable<JournalEntry>, rules: readonly KindRule[] = KINDS): UsageRecord[] {
  const byLease = new Map<string, UsageRecord>()
  for (const { record } of entries) {
    if (record.type !== 'lease.released') continue
    const { lease } = record
    const rule = rules.find((rule) => rule.kind === lease.kind)
    byLease.set(lease.id, usageOfLease(lease, lease.released ?? record.at, record.review === true, rule))
  }
  return [...byLease.values()]
}

function usageOfLease(lease: Lease, released: Instant, review: boolean, rule: KindRule | undefined): UsageRecord {
  const from = rule?.billableFrom === 'taken' ? lease.taken : lease.answered
  const billableMs = from ? durationMs(from, released) : 0
  const record: UsageRecord = {
    lease: lease.id,
    subscriber: lease.subscriber,
    kind: lease.kind,
    count: lease.count,
    ...(lease.call ? { call: lease.call } : {}),
    ...(lease.agent ? { agent: lease.agent } : {}),
    takenAt: at(lease.taken),
    answeredAt: from ? at(from) : null,
    releasedAt: at(released),
    billableMs,
    reason: lease.reason ?? 'unknown',
    detail: lease.detail ?? {},
    review,
  }
  if (lease.leg) record.leg = lease.leg
  return record
}

function at(instant: Instant): string {
  return new Date(instant.wall).toISOString()
}
