import { checkClass } from '#platform/toll/index.ts'
import type { TollClass } from '#platform/words/index.ts'
import { type InstallDeps, publishChange } from './deps.ts'

/** Adds a class of numbers, or takes the place of the one of its name. Rejects with `invalid-argument` or `prefix-taken`. */
export async function writeTollClass(deps: InstallDeps, one: TollClass): Promise<TollClass> {
  const all = await deps.store.listTollClasses()
  checkClass(
    one,
    all.filter(({ name }) => name !== one.name),
  )
  await deps.store.writeTollClass(one)
  await publishChange(deps, { tollClasses: true, tariffs: true })
  return one
}

/** Its numbers are those of the classes with shorter prefixes then. Rejects with `not-found`. */
export async function removeTollClass(deps: InstallDeps, name: string): Promise<void> {
  await deps.store.deleteTollClass(name)
  await publishChange(deps, { tollClasses: true })
}
