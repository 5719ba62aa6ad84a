import { createHash } from 'node:crypto'
import { type Id, newId, TielineError } from '#lib/index.ts'
import type { AgentVersionRecord, Scope, SubscriberRecord } from '#platform/subscriber/index.ts'
import { type InstallDeps, publishChange, wrongState } from './deps.ts'

/** Where unpacked, read-only programs of agents are kept by the SHA-256 of their tarball. */
export interface BundleShelf {
  /** Unpacks a tarball, unless it is there. Rejects with `invalid-bundle` and leaves nothing. */
  put(digest: string, tarball: Buffer): Promise<{ path: string; entry: string; listen: number[] }>
}

/** Deploys an agent: new calls go to it, old calls finish on the old one. */
export async function deploy(
  deps: InstallDeps & { bundles: BundleShelf },
  scope: Scope,
  { id, state }: SubscriberRecord,
  tarball: Buffer,
): Promise<AgentVersionRecord> {
  if (state === 'removing') throw wrongState('The subscriber is being removed.')
  const digest = createHash('sha256').update(tarball).digest('hex')
  const { path, entry, listen } = await deps.bundles.put(digest, tarball)
  const version = { id: newId('agt', deps.clock.wall()), digest, path, entry, listen, bytes: tarball.length }
  await deps.store.addVersion(scope, id, version)
  await publishChange(deps, { subscribers: [id] })
  deps.log.info({ subscriber: id, version: version.id, bytes: version.bytes }, 'an agent is deployed')
  return { ...version, createdAt: new Date(deps.clock.wall()).toISOString(), active: true }
}

/** Goes back to a named version, or to the one before the active one. Rejects with `not-found`. */
export async function rollback(
  deps: InstallDeps,
  scope: Scope,
  { id }: SubscriberRecord,
  version?: Id<'agt'>,
): Promise<AgentVersionRecord> {
  const versions = await deps.store.listVersions(scope, id)
  const active = versions.findIndex((candidate) => candidate.active)
  const wanted = version === undefined ? versions[active + 1] : versions.find((candidate) => candidate.id === version)
  if (!wanted)
    throw new TielineError(
      version === undefined ? 'There is no earlier version to go back to.' : 'There is no such agent version.',
      { code: 'not-found', fault: 'caller', retry: false, http: 404 },
    )
  await deps.store.activateVersion(scope, id, wanted.id)
  await publishChange(deps, { subscribers: [id] })
  return { ...wanted, active: true }
}
