import { sql } from 'kysely'
import { type Id, TielineError, uuidOf } from '#lib/index.ts'
import type { NewSubscriber, Sealer, SubscriberRecord, SubscriberState } from '#platform/subscriber/index.ts'
import { setAllocations } from './allocation.ts'
import { rowOfCodecs } from './codecs.ts'
import { notFound } from './error.ts'
import { writeSiteTls } from './site-tls.ts'
import { json, type Tx } from './store.ts'
import { findSubscriber, rowOfIpv6 } from './subscriber.ts'

/** What install needs of the node to place one more subscriber on it. */
export interface Placement {
  node: string
  /** WireGuard's ports: a subscriber has `first + slot`. */
  ports: { first: number; last: number }
  sealer: Sealer
  now: Date
}

/** Writes all of a new subscriber; the caller's transaction makes it all or nothing. */
export async function insertSubscriber(tx: Tx, subscriber: NewSubscriber, placement: Placement): Promise<SubscriberRecord> {
  const slot = await freeSlot(tx, placement.ports)
  const id = uuidOf(subscriber.id)
  const { agent, site } = subscriber
  await tx
    .insertInto('subscriber')
    .values({
      id,
      name: subscriber.name,
      slot,
      state: subscriber.state,
      time_zone: subscriber.timeZone,
      default_route: json(subscriber.defaultRoute),
      pbx: json(site.pbx),
      emergency_caller_id: site.emergencyCallerId ?? null,
      srtp: site.srtp ?? 'off',
      forward_outside: subscriber.forwardOutside,
      telephone_digest: site.digest ?? 'MD5',
      telephone_tls: site.tls?.telephones ?? 'allowed',
      ...rowOfCodecs(site),
      telephone_codecs: site.telephoneCodecs ?? null,
      voice_loss: subscriber.survival.voice,
      channel_loss: subscriber.survival.channel,
      agent_version: null,
      agent_candidate: null,
      decision_deadline_ms: agent.decisionDeadlineMs,
      memory_mebibytes: agent.memoryMebibytes,
      cpu_share: agent.cpuShare,
      max_processes: agent.maxProcesses,
      listen: agent.listen,
      created_at: placement.now,
    })
    .execute()
  if (subscriber.numbers.length > 0)
    await tx
      .insertInto('number')
      .values(subscriber.numbers.map((number) => ({ subscriber_id: id, number })))
      .execute()
  if (subscriber.plan !== null)
    await tx.insertInto('plan_binding').values({ subscriber_id: id, since: placement.now, plan: subscriber.plan }).execute()
  await setAllocations(tx, placement.node, subscriber.id, subscriber.allocations)
  await insertChannel(tx, subscriber, placement.ports.first + slot)
  await insertSecrets(tx, subscriber, placement)
  const { siteAuthority } = subscriber
  if (site.tls)
    await writeSiteTls(tx, subscriber.id, {
      ...{ ca: site.tls.ca, caKey: siteAuthority.key, notAfter: siteAuthority.certificateNotAfter },
      ...{ certificate: site.tls.certificate, key: site.tls.key },
    })
  return findSubscriber(tx, subscriber.id)
}

/** The smallest slot that nobody has, so that uids and ports are used again. */
async function freeSlot(tx: Tx, ports: { first: number; last: number }): Promise<number> {
  // Two installs at once would take the same one.
  await sql`select pg_advisory_xact_lock(hashtext('tieline subscriber slot'))`.execute(tx)
  const { rows } = await sql<{ slot: number }>`
    select coalesce(min(free), 0)::int as slot
    from generate_series(0, (select count(*) from subscriber)) as free
    where not exists (select from subscriber where slot = free)`.execute(tx)
  const slot = rows[0]?.slot ?? 0
  if (ports.first + slot > ports.last)
    throw new TielineError(
      'The node has no WireGuard port left for one more subscriber.',
      { code: 'node-full', fault: 'system', retry: false, http: 409 },
      { first: ports.first, last: ports.last },
    )
  return slot
}

async function insertChannel(tx: Tx, { id, channel }: NewSubscriber, listenPort: number): Promise<void> {
  await tx
    .insertInto('channel')
    .values({
      subscriber_id: uuidOf(id),
      address: channel.address,
      peer_address: channel.peerAddress,
      ...rowOfIpv6(channel),
      listen_port: listenPort,
      private_key: channel.privateKey,
      public_key: channel.publicKey,
      peer_public_key: channel.peerPublicKey,
      preshared_key: channel.presharedKey,
      site_holds_key: channel.siteHoldsKey,
      site_networks: channel.siteNetworks,
      mtu: channel.mtu,
      keepalive_seconds: channel.keepaliveSeconds,
      dns: json(channel.dns),
    })
    .execute()
}

async function insertSecrets(tx: Tx, subscriber: NewSubscriber, { sealer, now }: Placement): Promise<void> {
  const subscriber_id = uuidOf(subscriber.id)
  const { agent, agentCertificate: issued, apiKey } = subscriber
  await tx
    .insertInto('certificate')
    .values({
      subscriber_id,
      id: uuidOf(issued.id),
      serial: issued.serial,
      certificate: agent.certificate,
      private_key: agent.key,
      not_before: issued.notBefore,
      not_after: issued.notAfter,
      revoked_at: null,
    })
    .execute()
  await tx
    .insertInto('api_key')
    .values({ subscriber_id, id: uuidOf(apiKey.id), hash: apiKey.hash, created_at: now, expires_at: null, revoked_at: null })
    .execute()
  if (subscriber.telephones.length === 0) return
  const telephones = subscriber.telephones.map(({ name, password }) => ({ subscriber_id, name, password: sealer.seal(password) }))
  await tx.insertInto('telephone').values(telephones).execute()
}

/** Moves a subscriber on. Rejects with `not-found`. */
export async function setState(tx: Tx, id: Id<'sub'>, state: SubscriberState): Promise<void> {
  const { numUpdatedRows } = await tx.updateTable('subscriber').set({ state }).where('id', '=', uuidOf(id)).executeTakeFirst()
  if (numUpdatedRows === 0n) throw notFound('subscriber')
}

/** Deletes every row of it. Its usage and bills are billing's, and stay. */
export async function deleteSubscriber(tx: Tx, id: Id<'sub'>): Promise<void> {
  await tx.deleteFrom('subscriber').where('id', '=', uuidOf(id)).execute()
}
