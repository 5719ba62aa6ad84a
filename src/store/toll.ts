import type { TollClass } from '#platform/words/index.ts'
import { notFound } from './error.ts'
import { json, type Tx } from './store.ts'

export async function listTollClasses(tx: Tx): Promise<TollClass[]> {
  const rows = await tx.selectFrom('toll_class').selectAll().orderBy('name').execute()
  return rows.map(({ limits, ...rest }) => ({ ...rest, ...(limits ? { limits } : {}) }))
}

/** Writes a class, in the place of what had its name. */
export async function writeTollClass(tx: Tx, { name, limits, ...rest }: TollClass): Promise<void> {
  const values = { ...rest, limits: json(limits ?? null) }
  await tx
    .insertInto('toll_class')
    .values({ name, ...values })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
    .execute()
}

/** Rejects with `not-found`. */
export async function deleteTollClass(tx: Tx, name: string): Promise<void> {
  const { numDeletedRows } = await tx.deleteFrom('toll_class').where('name', '=', name).executeTakeFirst()
  if (numDeletedRows === 0n) throw notFound('class')
}
