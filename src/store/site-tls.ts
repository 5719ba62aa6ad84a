import { sql } from 'kysely'
import { type Clock, type Id, idOf, uuidOf } from '#lib/index.ts'
import { issueSiteTls, type SealedSiteTls, type Sealer, sealSiteTls } from '#platform/subscriber/index.ts'
import type { Tx } from './store.ts'

const DAY_MS = 86_400_000
/** A certificate is made anew when less than this is left. */
const RENEW_BEFORE_MS = 60 * DAY_MS

export async function writeSiteTls(tx: Tx, subscriber: Id<'sub'>, made: SealedSiteTls): Promise<void> {
  const values = {
    ca: made.ca,
    ca_key: made.caKey,
    certificate: made.certificate,
    private_key: made.key,
    not_after: made.notAfter,
  }
  await tx
    .insertInto('site_tls')
    .values({ subscriber_id: uuidOf(subscriber), ...values })
    .onConflict((conflict) => conflict.column('subscriber_id').doUpdateSet(values))
    .execute()
}

/** Makes the certificate anew: the switch stands at another address than the one that it is for. */
export async function renewSiteTls(tx: Tx, subscriber: Id<'sub'>, sealer: Sealer, clock: Clock): Promise<void> {
  await tx
    .updateTable('site_tls')
    .set({ not_after: new Date(clock.wall()) })
    .where('subscriber_id', '=', uuidOf(subscriber))
    .execute()
  await ensureSiteTls(tx, sealer, clock)
}

/**
 * Makes what is missing of the subscribers that were installed before there was any, and renews certificates in time: by
 * the same CA, so that no telephone has to be told of it.
 */
export async function ensureSiteTls(tx: Tx, sealer: Sealer, clock: Clock): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('tieline site tls'))`.execute(tx)
  const due = await tx
    .selectFrom('subscriber')
    .innerJoin('channel', 'channel.subscriber_id', 'subscriber.id')
    .leftJoin('site_tls', 'site_tls.subscriber_id', 'subscriber.id')
    .select(['subscriber.id', 'subscriber.name', 'channel.address', 'channel.address6', 'site_tls.ca', 'site_tls.ca_key'])
    .where((eb) =>
      eb.or([eb('site_tls.not_after', 'is', null), eb('site_tls.not_after', '<', new Date(clock.wall() + RENEW_BEFORE_MS))]),
    )
    .execute()
  for (const { id, name, address, address6, ca, ca_key } of due) {
    const known = ca && ca_key ? { certificate: ca, key: sealer.openText(ca_key) } : undefined
    const addresses = address6 === null ? [address] : [address, address6]
    await writeSiteTls(tx, idOf('sub', id), sealSiteTls(sealer, await issueSiteTls(clock, { name, addresses }, known)))
  }
}
