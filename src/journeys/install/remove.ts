import { TielineError } from '#lib/index.ts'
import type { SubscriberRecord } from '#platform/subscriber/index.ts'
import { type InstallDeps, SETTLE_MS } from './deps.ts'

/**
 * Removes a subscriber: no longer published, proven gone by the node, then its rows. Its keys are nobody's from the first
 * step on; usage and bills stay. Rejects with `remove-failed` when the node has something left: asking again goes on.
 */
export async function remove(deps: InstallDeps, { id }: SubscriberRecord): Promise<void> {
  await deps.store.setState(id, 'removing')
  await deps.publisher.publish({ subscribers: [id] })
  const { ok, reason } = await deps.host.settle(id, SETTLE_MS)
  if (!ok)
    throw new TielineError(
      `The node still has something of the subscriber; remove it again to go on: ${reason}`,
      { code: 'remove-failed', fault: 'system', retry: true, http: 502 },
      { reason },
    )
  await deps.store.delete(id)
  deps.log.info({ subscriber: id }, 'a subscriber is removed')
}

/** Finishes what an earlier run of the process left half done: installations are undone, removals go on. */
export async function finishHalfDone(deps: InstallDeps): Promise<void> {
  let after: string | undefined
  do {
    const page = await deps.store.list({ after, limit: 200 })
    for (const record of page.items) {
      if (record.state !== 'installing' && record.state !== 'removing') continue
      deps.log.warn({ subscriber: record.id, state: record.state }, 'a subscriber was left half done')
      await remove(deps, record)
    }
    after = page.next
  } while (after !== undefined)
}
