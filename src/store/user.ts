import { type Id, uuidOf } from '#lib/index.ts'
import type { UserConfig } from '#platform/words/index.ts'
import { notFound } from './error.ts'
import { json, type Tx } from './store.ts'

/** Writes what is stored for a user, in the place of what was. */
export async function writeUser(tx: Tx, subscriber: Id<'sub'>, { name, ring, forward }: UserConfig): Promise<void> {
  const values = { ring: json(ring ?? null), forward: json(forward ?? null) }
  await tx
    .insertInto('site_user')
    .values({ subscriber_id: uuidOf(subscriber), name, ...values })
    .onConflict((conflict) => conflict.columns(['subscriber_id', 'name']).doUpdateSet(values))
    .execute()
}

/** Rejects with `not-found`. */
export async function deleteUser(tx: Tx, subscriber: Id<'sub'>, name: string): Promise<void> {
  const { numDeletedRows } = await tx
    .deleteFrom('site_user')
    .where('subscriber_id', '=', uuidOf(subscriber))
    .where('name', '=', name)
    .executeTakeFirst()
  if (numDeletedRows === 0n) throw notFound('user')
}

/** A row as the platform speaks of it. */
export function userOf(row: { name: string; ring: object | null; forward: object | null }): UserConfig {
  return {
    name: row.name,
    ...(row.ring ? { ring: row.ring as UserConfig['ring'] & object } : {}),
    ...(row.forward ? { forward: row.forward as UserConfig['forward'] & object } : {}),
  }
}
