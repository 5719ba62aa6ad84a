import type { Sealer } from '#platform/subscriber/index.ts'
import type { Tx } from './store.ts'

/** What a POST with an Idempotency-Key finds. */
export type Beginning =
  | { found: 'nothing' }
  /** The same request was answered: say it again. */
  | { found: 'answer'; status: number; body: string }
  /** It is being worked on right now. */
  | { found: 'busy' }
  /** The key was used for another request. */
  | { found: 'other' }

export interface RequestMark {
  /** Whose keys these are: an API key's id. */
  scope: string
  key: string
  /** Hash of method, path and body. */
  fingerprint: string
}

/** Keys are kept for a day. */
const KEPT_MS = 86_400_000

/** Marks a request as begun. One that an earlier run of the process left unfinished may be tried again. */
export async function beginRequest(tx: Tx, sealer: Sealer, mark: RequestMark, boot: string, now: Date): Promise<Beginning> {
  await tx
    .deleteFrom('idempotency')
    .where('created_at', '<', new Date(now.getTime() - KEPT_MS))
    .execute()
  const values = { ...mark, boot, status: null, answer: null, created_at: now }
  const inserted = await tx
    .insertInto('idempotency')
    .values(values)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  if ((inserted.numInsertedOrUpdatedRows ?? 0n) > 0n) return { found: 'nothing' }
  const row = await tx
    .selectFrom('idempotency')
    .selectAll()
    .where('scope', '=', mark.scope)
    .where('key', '=', mark.key)
    .forUpdate()
    .executeTakeFirst()
  if (!row) return { found: 'busy' }
  if (row.fingerprint !== mark.fingerprint) return { found: 'other' }
  if (row.status !== null) return { found: 'answer', status: row.status, body: row.answer ? sealer.openText(row.answer) : '' }
  if (row.boot === boot) return { found: 'busy' }
  await tx
    .updateTable('idempotency')
    .set({ boot, created_at: now })
    .where('scope', '=', mark.scope)
    .where('key', '=', mark.key)
    .execute()
  return { found: 'nothing' }
}

/** Keeps the answer, sealed, since it may hold secrets that are shown once. */
export async function endRequest(tx: Tx, sealer: Sealer, mark: RequestMark, status: number, body: string): Promise<void> {
  await tx
    .updateTable('idempotency')
    .set({ status, answer: body === '' ? null : sealer.seal(body) })
    .where('scope', '=', mark.scope)
    .where('key', '=', mark.key)
    .execute()
}

/** Forgets a request that failed by our own fault, so that the same one may be tried again. */
export async function forgetRequest(tx: Tx, mark: RequestMark): Promise<void> {
  await tx
    .deleteFrom('idempotency')
    .where('scope', '=', mark.scope)
    .where('key', '=', mark.key)
    .where('status', 'is', null)
    .execute()
}
