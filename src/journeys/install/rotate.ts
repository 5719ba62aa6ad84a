import { type Id, newId } from '#lib/index.ts'
import { issueCertificate, newApiKey, newPassword, type Scope, type SubscriberRecord } from '#platform/subscriber/index.ts'
import { newPresharedKey } from '#protocol/wireguard/index.ts'
import { type InstallDeps, publishChange } from './deps.ts'

/** A new secret, told once, and until when the old one counts. */
export interface Rotated<T> {
  secret: T
  oldCountsUntil: string
}

/** A new API key beside the old ones, which end after the overlap. An overlap of 0 revokes them at once. */
export async function rotateApiKey(
  { store, clock }: InstallDeps,
  scope: Scope,
  { id }: SubscriberRecord,
  overlapSeconds: number,
): Promise<Rotated<string> & { id: Id<'key'> }> {
  const { key, hash } = newApiKey('subscriber')
  const keyId = newId('key', clock.wall())
  const othersExpireAt = new Date(clock.wall() + overlapSeconds * 1000)
  await store.rotateKey(scope, id, { id: keyId, hash, othersExpireAt })
  return { id: keyId, secret: key, oldCountsUntil: othersExpireAt.toISOString() }
}

/**
 * A new preshared key of the channel. WireGuard knows one at a time: the node changes over at the end of the overlap, and
 * the site within it, at its leisure; a session that is up lives on its old keys for up to 180 s more, so that calls do
 * not notice. An overlap of 0 changes over at once. `peer` is the platform's public key, by which the site sets it.
 */
export async function rotatePresharedKey(
  deps: InstallDeps,
  { id, channel }: SubscriberRecord,
  overlapSeconds: number,
): Promise<Rotated<string> & { peer: string }> {
  const presharedKey = newPresharedKey()
  const activatesAt = new Date(deps.clock.wall() + overlapSeconds * 1000)
  await deps.store.planRotation(id, deps.sealer.seal(presharedKey), activatesAt)
  if (overlapSeconds === 0) await activateDue(deps)
  return { secret: presharedKey, peer: channel.publicKey, oldCountsUntil: activatesAt.toISOString() }
}

/** Changes over to the secrets that are due. Called once a second, and whenever one is due at once. */
export async function activateDue(deps: InstallDeps): Promise<void> {
  const subscribers = await deps.store.activateRotations()
  if (subscribers.length === 0) return
  deps.log.info({ subscribers: subscribers.length }, 'preshared keys are changed over')
  await publishChange(deps, { subscribers })
}

/** A new certificate for the agent. The switch takes the one that is published, so that the old one is revoked with it. */
export async function rotateCertificate(
  deps: InstallDeps,
  { id }: SubscriberRecord,
): Promise<{ serial: string; notAfter: string }> {
  const { store, sealer, clock } = deps
  const authority = await store.authority()
  const issued = await issueCertificate(
    clock,
    { certificate: authority.certificate, key: sealer.openText(authority.key) },
    { agentOf: id },
  )
  await store.replaceCertificate(id, { ...issued, id: newId('crt', clock.wall()), key: sealer.seal(issued.key) })
  await publishChange(deps, { subscribers: [id] })
  return { serial: issued.serial, notAfter: issued.notAfter.toISOString() }
}

/** A telephone with a password of its own, told once. */
export async function addTelephone(
  deps: InstallDeps,
  scope: Scope,
  { id }: SubscriberRecord,
  name: string,
): Promise<{ name: string; password: string }> {
  const telephone = { name, password: newPassword() }
  await deps.store.addTelephone(scope, id, telephone)
  await publishChange(deps, { subscribers: [id] })
  return telephone
}

/** Its credentials are revoked, and where it has registered is forgotten. */
export async function removeTelephone(deps: InstallDeps, scope: Scope, { id }: SubscriberRecord, name: string): Promise<void> {
  await deps.store.removeTelephone(scope, id, name)
  await publishChange(deps, { subscribers: [id] })
}
