import { checkUserConfig, invalid, type Scope, type SubscriberRecord } from '#platform/subscriber/index.ts'
import type { UserConfig } from '#platform/words/index.ts'
import { type InstallDeps, publishChange } from './deps.ts'

/** Users of one site: more than have desks in it. */
const MOST_USERS = 10_000

/** Stores what rings for a user and where its calls go instead; what was stored before is gone. Rejects with `invalid-argument`. */
export async function writeUser(
  deps: InstallDeps,
  scope: Scope,
  record: SubscriberRecord,
  user: UserConfig,
): Promise<UserConfig> {
  const { id, telephones, users, site, forwardOutside } = record
  const emergencyNumbers = await deps.store.listEmergencyNumbers()
  const others = users.filter(({ name }) => name !== user.name)
  if (others.length >= MOST_USERS) throw invalid('name', `A site has at most ${MOST_USERS} users.`)
  checkUserConfig(user, { telephones, users: others, pbx: site.pbx, forwardOutside, emergencyNumbers })
  await deps.store.writeUser(scope, id, user)
  await publishChange(deps, { subscribers: [id] })
  return user
}

/** Nothing is stored for this user any more: its telephone, if it has one, rings. Rejects with `not-found`. */
export async function removeUser(deps: InstallDeps, scope: Scope, { id }: SubscriberRecord, name: string): Promise<void> {
  await deps.store.removeUser(scope, id, name)
  await publishChange(deps, { subscribers: [id] })
}
