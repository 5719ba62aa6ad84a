import { setImmediate as turn } from 'node:timers/promises'
import type { Journal } from '#platform/journal/index.ts'
import type { Released } from '#platform/toll/index.ts'

const AT_ONCE = 10_000

/** What stands in the journal as released behind a position, until this moment. */
export async function releasedSince(journal: Journal, after: number): Promise<Released[]> {
  const { position: until } = journal.status()
  const found: Released[] = []
  await journal.sync()
  for (let at = after; ; ) {
    const { entries, position } = journal.read(at, AT_ONCE)
    for (const { position, record } of entries) {
      if (position <= until && record.type === 'lease.released') found.push({ position, lease: record.lease })
    }
    if (entries.length === 0 || position >= until) return found
    at = position
    // It may be much, and calls go on meanwhile.
    await turn()
  }
}
