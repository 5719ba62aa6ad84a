import { createHash } from 'node:crypto'
import { type Id, newId, TielineError } from '#lib/index.ts'
import type { AgentVersionRecord, Scope, SubscriberRecord } from '#platform/subscriber/index.ts'
import type { Snapshot } from '#platform/words/index.ts'
import { type InstallDeps, publishChange, wrongState } from './deps.ts'

/** Where unpacked, read-only programs of agents are kept by the SHA-256 of their tarball. */
export interface BundleShelf {
  /** Unpacks a tarball, unless it is there. Rejects with `invalid-bundle` and leaves nothing. */
  put(digest: string, tarball: Buffer): Promise<{ path: string; entry: string; listen: number[] }>
}

/**
 * Deploys an agent. It is tried beside the one that serves; once it has proven itself, new calls go to it and old calls
 * finish on the old one. The first that a subscriber has serves at once.
 */
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
  const stored = await deps.store.addVersion(scope, id, version)
  await publishChange(deps, { subscribers: [id] })
  deps.log.info({ subscriber: id, version: version.id, bytes: version.bytes }, 'an agent is deployed')
  return stored
}

/**
 * Goes back to a named version, which has to prove itself like any other; or takes back what is tried or has failed; or
 * goes to the one before the active one. Rejects with `not-found`.
 */
export async function rollback(
  deps: InstallDeps,
  scope: Scope,
  { id }: SubscriberRecord,
  version?: Id<'agt'>,
): Promise<AgentVersionRecord> {
  const versions = await deps.store.listVersions(scope, id)
  const wanted = version === undefined ? before(versions) : versions.find((candidate) => candidate.id === version)
  if (!wanted)
    throw new TielineError(
      version === undefined ? 'There is no earlier version to go back to.' : 'There is no such agent version.',
      { code: 'not-found', fault: 'caller', retry: false, http: 404 },
    )
  const proposed = await deps.store.proposeVersion(scope, id, wanted.id)
  await publishChange(deps, { subscribers: [id] })
  return proposed
}

/** Where one goes back to without a name. What has failed is no place to go back to. */
function before(versions: AgentVersionRecord[]): AgentVersionRecord | undefined {
  const active = versions.findIndex((version) => version.active)
  if (versions.some(({ candidate }) => candidate)) return versions[active]
  return versions.slice(active + 1).find(({ failure }) => failure === null)
}

/**
 * Asks host what became of the versions that are tried, and stores it: who has proven itself is the active one, who has not
 * leaves the active one as it is. Host goes on trying for as long as it is not stored, so that nothing is lost with a restart.
 */
export async function settleCandidates(deps: InstallDeps, snapshot: Snapshot | null): Promise<void> {
  const pending = (snapshot?.subscribers ?? []).flatMap(({ id, agent }) =>
    agent.candidate ? [[id, agent.candidate.id] as const] : [],
  )
  if (pending.length === 0) return
  const statuses = new Map((await deps.host.agents()).map((status) => [status.subscriber, status.candidate]))
  for (const [subscriber, version] of pending) {
    const tried = statuses.get(subscriber)
    if (tried?.version !== version || tried.verdict === 'trying') continue
    const { verdict, reason, log } = tried
    const failure = verdict === 'failed' ? { reason, log } : null
    if (!(await deps.store.settleVersion(subscriber, version, failure))) continue
    await publishChange(deps, { subscribers: [subscriber] })
    if (failure)
      deps.log.warn({ subscriber, version, reason }, 'a deployed agent has not proven itself; the one before serves on')
    else deps.log.info({ subscriber, version }, 'a deployed agent has proven itself and takes the new calls')
  }
}
