import { type ExpressionBuilder, type Selectable, sql } from 'kysely'
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/postgres'
import { type Id, idOf, uuidOf } from '#lib/index.ts'
import { parseMicros } from '#platform/billing/index.ts'
import type { DefaultRoute, Page, PageQuery, SubscriberRecord } from '#platform/subscriber/index.ts'
import type { AgentFailure, Sealed } from '#platform/words/index.ts'
import { codecsOfRow } from './codecs.ts'
import type { Database } from './database.ts'
import { notFound } from './error.ts'
import type { Tx } from './store.ts'
import { userOf } from './user.ts'

/** One query for everything of one or more subscribers, by name. */
function everything(tx: Tx) {
  return tx.selectFrom('subscriber').selectAll().select(parts).orderBy('name')
}

/** What is left of what was paid in, where the newest plan is paid in advance. */
const prepaid = sql<{ micros: string; position: string; since: string } | null>`(
  select json_build_object('micros', coalesce(b.micros, 0)::text, 'position', coalesce(b.position, 0)::text, 'since', n.since)
  from (select plan, since from plan_binding where subscriber_id = subscriber.id order by since desc limit 1) n
  join plan p on p.name = n.plan left join balance b on b.subscriber_id = subscriber.id
  where (p.definition ->> 'prepaid')::boolean)`

function parts(eb: ExpressionBuilder<Database, 'subscriber'>) {
  const certificate = eb
    .selectFrom('certificate')
    .select(['certificate', 'private_key as privateKey'])
    .whereRef('certificate.subscriber_id', '=', 'subscriber.id')
    .where('revoked_at', 'is', null)
    .orderBy('not_before', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
  return [
    jsonArrayFrom(
      eb.selectFrom('number').select('number').whereRef('number.subscriber_id', '=', 'subscriber.id').orderBy('number'),
    ).as('numbers'),
    jsonArrayFrom(
      eb
        .selectFrom('allocation')
        .select(['kind', 'guaranteed', 'ceiling'])
        .whereRef('allocation.subscriber_id', '=', 'subscriber.id')
        .orderBy('kind'),
    ).as('allocations'),
    jsonArrayFrom(
      eb
        .selectFrom('telephone')
        .select(['name', 'password'])
        .whereRef('telephone.subscriber_id', '=', 'subscriber.id')
        .orderBy('name'),
    ).as('telephones'),
    jsonArrayFrom(
      eb
        .selectFrom('site_user')
        .select(['name', 'ring', 'forward'])
        .whereRef('site_user.subscriber_id', '=', 'subscriber.id')
        .orderBy('name'),
    ).as('users'),
    jsonObjectFrom(eb.selectFrom('channel').selectAll().whereRef('channel.subscriber_id', '=', 'subscriber.id')).as('channel'),
    jsonObjectFrom(certificate).as('credential'),
    jsonObjectFrom(
      eb
        .selectFrom('site_tls')
        .select(['ca', 'certificate', 'private_key as key'])
        .whereRef('site_tls.subscriber_id', '=', 'subscriber.id'),
    ).as('siteTls'),
    jsonObjectFrom(
      eb
        .selectFrom('agent_version')
        .select(['agent_version.id', 'digest', 'path', 'entry', 'agent_version.listen'])
        .whereRef('agent_version.subscriber_id', '=', 'subscriber.id')
        .whereRef('agent_version.id', '=', 'subscriber.agent_version'),
    ).as('version'),
    jsonObjectFrom(
      eb
        .selectFrom('agent_version')
        .select(['agent_version.id', 'digest', 'path', 'entry', 'agent_version.listen', 'failure'])
        .whereRef('agent_version.subscriber_id', '=', 'subscriber.id')
        .whereRef('agent_version.id', '=', 'subscriber.agent_candidate'),
    ).as('candidate'),
    eb
      .selectFrom('plan_binding')
      .select('plan')
      .whereRef('plan_binding.subscriber_id', '=', 'subscriber.id')
      .orderBy('since', 'desc')
      .limit(1)
      .as('plan'),
    prepaid.as('prepaid'),
  ] as const
}

type Row = Awaited<ReturnType<ReturnType<typeof everything>['executeTakeFirstOrThrow']>>

/** Rows as the platform's own record of them. */
function recordOf(row: Row): SubscriberRecord {
  const { channel, credential, version, candidate } = row
  if (!channel || !credential) throw new Error('a subscriber without channel or certificate: install writes all at once')
  return {
    id: idOf('sub', row.id),
    name: row.name,
    slot: row.slot,
    state: row.state,
    timeZone: row.time_zone,
    plan: row.plan,
    numbers: row.numbers.map(({ number }) => number),
    allocations: row.allocations.map((a) => ({ kind: a.kind, guaranteed: Number(a.guaranteed), ceiling: Number(a.ceiling) })),
    channel: channelOf(channel),
    site: {
      pbx: row.pbx as SubscriberRecord['site']['pbx'],
      ...(row.emergency_caller_id === null ? {} : { emergencyCallerId: row.emergency_caller_id }),
      ...(row.srtp === 'off' ? {} : { srtp: row.srtp }),
      ...(row.telephone_digest === 'MD5' ? {} : { digest: row.telephone_digest }),
      ...(row.siteTls ? { tls: { ...row.siteTls, telephones: row.telephone_tls } } : {}),
      ...codecsOfRow(row),
      ...(row.telephone_codecs ? { telephoneCodecs: row.telephone_codecs } : {}),
    },
    survival: { voice: row.voice_loss, channel: row.channel_loss },
    defaultRoute: row.default_route as DefaultRoute,
    agent: {
      version: version && versionOf(version),
      ...(candidate ? candidateOf(candidate) : {}),
      decisionDeadlineMs: row.decision_deadline_ms,
      memoryMebibytes: row.memory_mebibytes,
      cpuShare: row.cpu_share,
      maxProcesses: row.max_processes,
      listen: row.listen,
      versionListen: [...(version?.listen ?? []), ...(candidate && !candidate.failure ? candidate.listen : [])],
      certificate: credential.certificate,
      key: credential.privateKey as Sealed,
    },
    telephones: row.telephones,
    users: row.users.map(userOf),
    forwardOutside: row.forward_outside,
    toll: (row.toll ?? {}) as SubscriberRecord['toll'],
    spent: row.spent as SubscriberRecord['spent'],
    lowBalance: row.low_balance,
    prepaid: row.prepaid && prepaidOf(row.prepaid, row.low_balance),
    createdAt: row.created_at.toISOString(),
  }
}

function versionOf({ id, digest, path, entry }: Pick<NonNullable<Row['version']>, 'id' | 'digest' | 'path' | 'entry'>) {
  return { id: idOf('agt', id), digest, path, entry }
}

/** What has failed is not tried again, but told of until it is taken back. */
function candidateOf(row: NonNullable<Row['candidate']>): Pick<SubscriberRecord['agent'], 'candidate' | 'failed'> {
  const version = versionOf(row)
  return row.failure ? { failed: { version: version.id, ...(row.failure as AgentFailure) } } : { candidate: version }
}

function prepaidOf(row: { micros: string; position: string; since: string }, low: string | null): SubscriberRecord['prepaid'] {
  return {
    ...{ balanceMicros: Number(row.micros), position: Number(row.position), sinceMs: Date.parse(row.since) },
    ...(low === null ? {} : { lowMicros: Number(parseMicros(low)) }),
  }
}

export function rowOfIpv6({ ipv6 }: Pick<SubscriberRecord['channel'], 'ipv6'>) {
  return { address6: ipv6?.address ?? null, peer_address6: ipv6?.peerAddress ?? null }
}

function channelOf(row: Omit<Selectable<Database['channel']>, 'subscriber_id'>): SubscriberRecord['channel'] {
  return {
    address: row.address,
    peerAddress: row.peer_address,
    ...(row.address6 && row.peer_address6 ? { ipv6: { address: row.address6, peerAddress: row.peer_address6 } } : {}),
    listenPort: row.listen_port,
    privateKey: row.private_key,
    publicKey: row.public_key,
    peerPublicKey: row.peer_public_key,
    presharedKey: row.preshared_key,
    siteHoldsKey: row.site_holds_key,
    siteNetworks: row.site_networks,
    mtu: row.mtu,
    keepaliveSeconds: row.keepalive_seconds,
    dns: row.dns as SubscriberRecord['channel']['dns'],
  }
}

/** The subscriber of an id or a name. Rejects with `not-found`, also for one that this scope may not see. */
export async function findSubscriber(tx: Tx, idOrName: string): Promise<SubscriberRecord> {
  const isId = /^sub_[0-9a-f]{32}$/.test(idOrName)
  if (!isId && !/^[a-z0-9-]{1,64}$/.test(idOrName)) throw notFound('subscriber')
  const row = await everything(tx)
    .where(isId ? 'id' : 'name', '=', isId ? uuidOf(idOrName) : idOrName)
    .executeTakeFirst()
  if (!row) throw notFound('subscriber')
  return recordOf(row)
}

/** Those of these ids that exist, or all. */
export async function readSubscribers(tx: Tx, ids?: Id<'sub'>[]): Promise<SubscriberRecord[]> {
  const query = everything(tx)
  const rows = await (ids ? query.where('id', 'in', ids.map(uuidOf)) : query).execute()
  return rows.map(recordOf)
}

/** A page by name; `after` is the last name that was seen. */
export async function listSubscribers(tx: Tx, { after, limit }: PageQuery): Promise<Page<SubscriberRecord>> {
  const query = everything(tx).limit(limit + 1)
  const rows = await (after === undefined ? query : query.where('name', '>', after)).execute()
  const items = rows.slice(0, limit).map(recordOf)
  const last = items.at(-1)
  return rows.length > limit && last ? { items, next: last.name } : { items }
}
