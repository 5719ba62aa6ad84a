import type { TollClass } from '#platform/words/index.ts'
import { notFound } from './error.ts'
import type { Tx } from './store.ts'

export async function listTollClasses(tx: Tx): Promise<TollClass[]> {
  return tx.selectFrom('toll_class').select(['name', 'title', 'prefixes', 'policy']).orderBy('name').execute()
}

/** Writes a class, in the place of what had its name. */
export async function writeTollClass(tx: Tx, { name, ...values }: TollClass): Promise<void> {
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
