import { type Id, idOf, uuidOf } from '#lib/index.ts'
import type { KeyRecord, Principal } from '#platform/subscriber/index.ts'
import { notFound } from './error.ts'
import type { Tx } from './store.ts'

/** Whose key a hash is, at this moment; null when nobody's, expired, revoked, or its subscriber is on its way out. */
export async function principalOf(tx: Tx, hash: string, now: Date): Promise<Principal | null> {
  const operator = await tx
    .selectFrom('operator_key')
    .select('id')
    .where('hash', '=', hash)
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .executeTakeFirst()
  if (operator) return { role: 'operator', key: idOf('key', operator.id) }
  const key = await tx
    .selectFrom('api_key')
    .innerJoin('subscriber', 'subscriber.id', 'api_key.subscriber_id')
    .select(['api_key.id', 'subscriber_id'])
    .where('hash', '=', hash)
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .where('state', '!=', 'removing')
    .executeTakeFirst()
  return key ? { role: 'subscriber', key: idOf('key', key.id), subscriber: idOf('sub', key.subscriber_id) } : null
}

export async function listKeys(tx: Tx, subscriber: Id<'sub'>): Promise<KeyRecord[]> {
  const rows = await tx.selectFrom('api_key').selectAll().where('subscriber_id', '=', uuidOf(subscriber)).orderBy('id').execute()
  return rows.map((row) => ({
    id: idOf('key', row.id),
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
  }))
}

/** Adds a key; those that were there end at `othersExpireAt`, unless they end sooner. */
export async function rotateKey(
  tx: Tx,
  subscriber: Id<'sub'>,
  key: { id: Id<'key'>; hash: string; now: Date; othersExpireAt: Date },
): Promise<void> {
  const subscriber_id = uuidOf(subscriber)
  await tx
    .updateTable('api_key')
    .set({ expires_at: key.othersExpireAt })
    .where('subscriber_id', '=', subscriber_id)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', key.othersExpireAt)]))
    .execute()
  await tx
    .insertInto('api_key')
    .values({ subscriber_id, id: uuidOf(key.id), hash: key.hash, created_at: key.now, expires_at: null, revoked_at: null })
    .execute()
}

/** From the next request on the key is nobody's. Rejects with `not-found`. */
export async function revokeKey(tx: Tx, subscriber: Id<'sub'>, key: Id<'key'>, now: Date): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('api_key')
    .set({ revoked_at: now })
    .where('subscriber_id', '=', uuidOf(subscriber))
    .where('id', '=', uuidOf(key))
    .executeTakeFirst()
  if (numUpdatedRows === 0n) throw notFound('API key')
}

/** Makes `hash` the operator's key of this label, in the place of an earlier one. */
export async function replaceOperatorKey(tx: Tx, key: { id: Id<'key'>; hash: string; label: string; now: Date }): Promise<void> {
  const { label, hash, now } = key
  await tx
    .updateTable('operator_key')
    .set({ revoked_at: now })
    .where('label', '=', label)
    .where('revoked_at', 'is', null)
    .execute()
  await tx
    .insertInto('operator_key')
    .values({ id: uuidOf(key.id), hash, label, created_at: now, expires_at: null, revoked_at: null })
    .execute()
}
