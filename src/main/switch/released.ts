import { setImmediate as turn } from 'node:timers/promises'
import type { Journal } from '#platform/journal/index.ts'
import type { Released } from '#platform/toll/index.ts'

const AT_ONCE = 10_000

/** What stands in the journal as released behind a position, until this moment; some of it at a time, since it may be much. */
export async function* releasedSince(journal: Journal, after: number): AsyncGenerator<Released[]> {
  const { position: until } = journal.status()
  await journal.sync()
  for (let at = after; ; ) {
    const { entries, position } = journal.read(at, AT_ONCE)
    yield entries.flatMap(({ position, record }) =>
      position <= until && record.type === 'lease.released' ? [{ position, lease: record.lease }] : [],
    )
    if (entries.length === 0 || position >= until) return
    at = position
    // Calls go on meanwhile.
    await turn()
  }
}
