import { type Id, idOf, uuidOf } from '#lib/index.ts'
import type { AgentVersionRecord, Credential, NewAgentVersion } from '#platform/subscriber/index.ts'
import type { AgentFailure, Sealed } from '#platform/words/index.ts'
import { notFound } from './error.ts'
import { json, type Tx } from './store.ts'

/** Stores a version, which is to be proposed. */
export async function addVersion(tx: Tx, subscriber: Id<'sub'>, version: NewAgentVersion & { now: Date }): Promise<void> {
  const { id, digest, path, entry, listen, bytes, now } = version
  await tx
    .insertInto('agent_version')
    .values({ subscriber_id: uuidOf(subscriber), id: uuidOf(id), digest, path, entry, bytes, listen, created_at: now })
    .execute()
}

/**
 * Has a version tried beside the active one. The first is the active one at once, since nothing could serve meanwhile; the
 * active one itself takes back what is tried. Rejects with `not-found` when it is not the subscriber's.
 */
export async function proposeVersion(tx: Tx, subscriber: Id<'sub'>, version: Id<'agt'>): Promise<AgentVersionRecord> {
  const [subscriberId, id] = [uuidOf(subscriber), uuidOf(version)]
  // Two proposals at once are one after the other.
  const held = await tx
    .selectFrom('subscriber')
    .select('agent_version')
    .where('id', '=', subscriberId)
    .forUpdate()
    .executeTakeFirst()
  const known = await tx
    .updateTable('agent_version')
    .set({ failure: null })
    .where('subscriber_id', '=', subscriberId)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!held || known.numUpdatedRows === 0n) throw notFound('agent version')
  const active = held.agent_version ?? id
  const set = { agent_version: active, agent_candidate: active === id ? null : id }
  await tx.updateTable('subscriber').set(set).where('id', '=', subscriberId).execute()
  return (await listVersions(tx, subscriber)).find((candidate) => candidate.id === version)!
}

/** What became of the version that was tried. False when it is not tried any more. */
export async function settleVersion(
  tx: Tx,
  subscriber: Id<'sub'>,
  version: Id<'agt'>,
  failure: AgentFailure | null,
): Promise<boolean> {
  const [subscriberId, id] = [uuidOf(subscriber), uuidOf(version)]
  const tried = tx
    .selectFrom('subscriber')
    .select('id')
    .where('id', '=', subscriberId)
    .where('agent_candidate', '=', id)
    .forUpdate()
  if (!(await tried.executeTakeFirst())) return false
  if (failure === null) {
    const set = { agent_version: id, agent_candidate: null }
    await tx.updateTable('subscriber').set(set).where('id', '=', subscriberId).execute()
  } else {
    await tx
      .updateTable('agent_version')
      .set({ failure: json(failure) })
      .where('subscriber_id', '=', subscriberId)
      .where('id', '=', id)
      .execute()
  }
  return true
}

/** Newest first. */
export async function listVersions(tx: Tx, subscriber: Id<'sub'>): Promise<AgentVersionRecord[]> {
  const rows = await tx
    .selectFrom('agent_version')
    .innerJoin('subscriber', 'subscriber.id', 'agent_version.subscriber_id')
    .selectAll('agent_version')
    .select(['subscriber.agent_version as active', 'subscriber.agent_candidate as candidate'])
    .where('subscriber_id', '=', uuidOf(subscriber))
    .orderBy('agent_version.id', 'desc')
    .execute()
  return rows.map((row) => ({
    id: idOf('agt', row.id),
    digest: row.digest,
    path: row.path,
    entry: row.entry,
    listen: row.listen,
    bytes: Number(row.bytes),
    createdAt: row.created_at.toISOString(),
    active: row.active === row.id,
    candidate: row.candidate === row.id,
    failure: row.failure as AgentFailure | null,
  }))
}

/** Puts a new certificate in the place of the agent's; all earlier ones are revoked with it. */
export async function replaceCertificate(
  tx: Tx,
  subscriber: Id<'sub'>,
  issued: Omit<Credential, 'key'> & { id: Id<'crt'>; key: Sealed; now: Date },
): Promise<void> {
  const subscriber_id = uuidOf(subscriber)
  await tx
    .updateTable('certificate')
    .set({ revoked_at: issued.now })
    .where('subscriber_id', '=', subscriber_id)
    .where('revoked_at', 'is', null)
    .execute()
  await tx
    .insertInto('certificate')
    .values({
      subscriber_id,
      id: uuidOf(issued.id),
      serial: issued.serial,
      certificate: issued.certificate,
      private_key: issued.key,
      not_before: issued.notBefore,
      not_after: issued.notAfter,
      revoked_at: null,
    })
    .execute()
}
