import { type Id, idOf, uuidOf } from '#lib/index.ts'
import type { AgentVersionRecord, Credential } from '#platform/subscriber/index.ts'
import type { Sealed } from '#platform/words/index.ts'
import { notFound } from './error.ts'
import type { Tx } from './store.ts'

/** Stores a version and makes it the one that takes new calls. */
export async function addVersion(
  tx: Tx,
  subscriber: Id<'sub'>,
  version: Omit<AgentVersionRecord, 'createdAt' | 'active'> & { now: Date },
): Promise<void> {
  const { id, digest, path, entry, listen, bytes, now } = version
  await tx
    .insertInto('agent_version')
    .values({ subscriber_id: uuidOf(subscriber), id: uuidOf(id), digest, path, entry, bytes, listen, created_at: now })
    .execute()
  await activateVersion(tx, subscriber, id)
}

/** Takes new calls with this version from now on. Rejects with `not-found` when it is not the subscriber's. */
export async function activateVersion(tx: Tx, subscriber: Id<'sub'>, version: Id<'agt'>): Promise<void> {
  const subscriberId = uuidOf(subscriber)
  const known = await tx
    .selectFrom('agent_version')
    .select('id')
    .where('subscriber_id', '=', subscriberId)
    .where('id', '=', uuidOf(version))
    .executeTakeFirst()
  if (!known) throw notFound('agent version')
  await tx.updateTable('subscriber').set({ agent_version: known.id }).where('id', '=', subscriberId).execute()
}

/** Newest first. */
export async function listVersions(tx: Tx, subscriber: Id<'sub'>): Promise<AgentVersionRecord[]> {
  const rows = await tx
    .selectFrom('agent_version')
    .innerJoin('subscriber', 'subscriber.id', 'agent_version.subscriber_id')
    .selectAll('agent_version')
    .select('subscriber.agent_version as active')
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
