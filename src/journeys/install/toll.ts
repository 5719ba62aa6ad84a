import type { Id } from '#lib/index.ts'
import { checkClass, isMoneyLimited } from '#platform/toll/index.ts'
import type { TollClass } from '#platform/words/index.ts'
import { type InstallDeps, publishChange } from './deps.ts'
import { spentBy } from './spent.ts'

/** Adds a class of numbers, or takes the place of the one of its name. Rejects with `invalid-argument` or `prefix-taken`. */
export async function writeTollClass(deps: InstallDeps, one: TollClass): Promise<TollClass> {
  const all = await deps.store.listTollClasses()
  checkClass(
    one,
    all.filter(({ name }) => name !== one.name),
  )
  const classes = [...all.filter(({ name }) => name !== one.name), one]
  const begun = isMoneyLimited({}, [{ ...one, policy: 'limited' }]) ? await beginSpending(deps, classes) : []
  await deps.store.writeTollClass(one)
  await publishChange(deps, { tollClasses: true, tariffs: true, ...(begun.length > 0 ? { subscribers: begun } : {}) })
  return one
}

/** All whose money is limited by the classes: what they have spent is told with the limit. */
async function beginSpending(deps: InstallDeps, classes: readonly TollClass[]): Promise<Id<'sub'>[]> {
  const begun: Id<'sub'>[] = []
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await deps.store.list({ after, limit: 100 })
    for (const { id, toll } of page.items) {
      const spent = await spentBy(deps, id, toll, classes)
      if (!spent) continue
      await deps.store.update('platform', id, (record) => ({ ...record, spent }))
      begun.push(id)
    }
    after = page.next
  }
  return begun
}

/** Its numbers are those of the classes with shorter prefixes then. Rejects with `not-found`. */
export async function removeTollClass(deps: InstallDeps, name: string): Promise<void> {
  await deps.store.deleteTollClass(name)
  await publishChange(deps, { tollClasses: true })
}
