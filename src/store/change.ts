import { sql } from 'kysely'
import { type Id, uuidOf } from '#lib/index.ts'
import { standardPlan } from '#platform/billing/index.ts'
import type { Sealer, SubscriberRecord } from '#platform/subscriber/index.ts'
import type { Sealed } from '#platform/words/index.ts'
import { rowOfCodecs } from './codecs.ts'
import { notFound } from './error.ts'
import { json, type Tx } from './store.ts'
import { rowOfIpv6 } from './subscriber.ts'

/** Writes what a subscriber may change of itself; the record is complete and checked. */
export async function updateRouting(tx: Tx, record: SubscriberRecord): Promise<void> {
  await tx
    .updateTable('subscriber')
    .set({
      default_route: json(record.defaultRoute),
      pbx: json(record.site.pbx),
      decision_deadline_ms: record.agent.decisionDeadlineMs,
    })
    .where('id', '=', uuidOf(record.id))
    .execute()
}

/** Writes what only the operator may change of a subscriber. */
export async function updateTerms(
  tx: Tx,
  { id, agent, site, survival, timeZone, forwardOutside, toll, spent, lowBalance }: SubscriberRecord,
): Promise<void> {
  await tx
    .updateTable('subscriber')
    .set({
      time_zone: timeZone,
      emergency_caller_id: site.emergencyCallerId ?? null,
      srtp: site.srtp ?? 'off',
      forward_outside: forwardOutside,
      toll: json(toll),
      spent: json(spent),
      low_balance: lowBalance,
      telephone_digest: site.digest ?? 'MD5',
      telephone_tls: site.tls?.telephones ?? 'allowed',
      ...rowOfCodecs(site),
      telephone_codecs: site.telephoneCodecs ?? null,
      voice_loss: survival.voice,
      channel_loss: survival.channel,
      memory_mebibytes: agent.memoryMebibytes,
      cpu_share: agent.cpuShare,
      max_processes: agent.maxProcesses,
      listen: agent.listen,
    })
    .where('id', '=', uuidOf(id))
    .execute()
}

/** Writes what may change of a channel. Only the operator's transactions may. */
export async function updateChannel(tx: Tx, { id, channel }: SubscriberRecord): Promise<void> {
  await tx
    .updateTable('channel')
    .set({
      site_networks: channel.siteNetworks,
      ...rowOfIpv6(channel),
      dns: json(channel.dns),
      keepalive_seconds: channel.keepaliveSeconds,
      mtu: channel.mtu,
      peer_public_key: channel.peerPublicKey,
    })
    .where('subscriber_id', '=', uuidOf(id))
    .execute()
}

export async function addNumber(tx: Tx, subscriber: Id<'sub'>, number: string): Promise<void> {
  await tx
    .insertInto('number')
    .values({ subscriber_id: uuidOf(subscriber), number })
    .execute()
}

export async function removeNumber(tx: Tx, subscriber: Id<'sub'>, number: string): Promise<void> {
  const { numDeletedRows } = await tx
    .deleteFrom('number')
    .where('subscriber_id', '=', uuidOf(subscriber))
    .where('number', '=', number)
    .executeTakeFirst()
  if (numDeletedRows === 0n) throw notFound('number')
}

/**
 * The first plan that is bound holds for what was used before, too. One that is paid in advance can't, since that stands on a bill: the
 * standard plan, which everybody has who has none, is kept before it. Whoever has the plan has it since it got it.
 */
export async function bindPlan(tx: Tx, subscriber: Id<'sub'>, plan: string, since: Date): Promise<void> {
  const newest = await tx
    .selectFrom('plan_binding')
    .select('plan')
    .where('subscriber_id', '=', uuidOf(subscriber))
    .orderBy('since', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (newest?.plan === plan) return
  await sql`insert into plan_binding (subscriber_id, plan, since) select id, ${standardPlan.name}, created_at from subscriber
    where id = ${uuidOf(subscriber)} and created_at < ${since}
      and not exists (select from plan_binding where subscriber_id = ${uuidOf(subscriber)})
      and exists (select from plan where name = ${plan} and (definition ->> 'prepaid')::boolean)`.execute(tx)
  await tx
    .insertInto('plan_binding')
    .values({ subscriber_id: uuidOf(subscriber), plan, since })
    .onConflict((conflict) => conflict.columns(['subscriber_id', 'since']).doUpdateSet({ plan }))
    .execute()
}

export async function addTelephone(
  tx: Tx,
  sealer: Sealer,
  subscriber: Id<'sub'>,
  telephone: { name: string; password: string },
): Promise<void> {
  const password = sealer.seal(telephone.password)
  await tx
    .insertInto('telephone')
    .values({ subscriber_id: uuidOf(subscriber), name: telephone.name, password })
    .execute()
}

export async function removeTelephone(tx: Tx, subscriber: Id<'sub'>, name: string): Promise<void> {
  const { numDeletedRows } = await tx
    .deleteFrom('telephone')
    .where('subscriber_id', '=', uuidOf(subscriber))
    .where('name', '=', name)
    .executeTakeFirst()
  if (numDeletedRows === 0n) throw notFound('telephone')
}

/** Keeps the next preshared key until it is due. */
export async function planRotation(tx: Tx, subscriber: Id<'sub'>, next: Sealed, activatesAt: Date): Promise<void> {
  const values = { next, activates_at: activatesAt }
  await tx
    .insertInto('rotation')
    .values({ subscriber_id: uuidOf(subscriber), secret: 'preshared-key', ...values })
    .onConflict((conflict) => conflict.columns(['subscriber_id', 'secret']).doUpdateSet(values))
    .execute()
}

/** Puts the secrets that are due, of all or of one subscriber, into their places; answers whose. */
export async function activateRotations(tx: Tx, now: Date): Promise<string[]> {
  const due = await tx.deleteFrom('rotation').where('activates_at', '<=', now).returningAll().execute()
  for (const { subscriber_id, next } of due)
    await tx.updateTable('channel').set({ preshared_key: next }).where('subscriber_id', '=', subscriber_id).execute()
  return due.map(({ subscriber_id }) => subscriber_id)
}
