import { jsonArrayFrom } from 'kysely/helpers/postgres'
import { type Id, idOf, isId, uuidOf } from '#lib/index.ts'
import type { TrunkConfig } from '#platform/words/index.ts'
import { codecsOfRow, rowOfCodecs } from './codecs.ts'
import { notFound } from './error.ts'
import { json, type Tx } from './store.ts'

/** All trunks by name, as host and switch are told of them. */
export async function listTrunks(tx: Tx): Promise<TrunkConfig[]> {
  const rows = await tx
    .selectFrom('trunk')
    .selectAll()
    .select((eb) =>
      jsonArrayFrom(
        eb
          .selectFrom('gateway')
          .select(['address', 'port', 'transport', 'priority', 'weight'])
          .whereRef('trunk_id', '=', 'trunk.id')
          .orderBy('position'),
      ).as('gateways'),
    )
    .orderBy('name')
    .execute()
  return rows.map((row) => ({
    id: idOf('trk', row.id),
    name: row.name,
    gateways: row.gateways.map(({ address, port, transport, priority, weight }) => ({
      address,
      ...(port === null ? {} : { port }),
      ...(transport === null ? {} : { transport }),
      ...(priority === null ? {} : { priority }),
      ...(weight === null ? {} : { weight }),
    })),
    ...(row.max_in === null ? {} : { maxIn: row.max_in }),
    ...(row.max_out === null ? {} : { maxOut: row.max_out }),
    emergencyReserve: row.emergency_reserve,
    ...(row.priority === 0 ? {} : { priority: row.priority }),
    ...(row.destinations === null ? {} : { destinations: row.destinations }),
    ...(row.sources === null ? {} : { sources: row.sources }),
    media: row.media,
    ...(row.early_media === 'pass' ? {} : { earlyMedia: row.early_media }),
    ...(row.diversion === 'diversion' ? {} : { diversion: row.diversion }),
    ...(row.identity === 'pass' ? {} : { identity: row.identity }),
    ...(row.redirects === 'refuse' ? {} : { redirects: row.redirects }),
    ...(row.tls === null ? {} : { tls: row.tls as NonNullable<TrunkConfig['tls']> }),
    ...(row.auth_user !== null && row.auth_password !== null
      ? { credentials: { user: row.auth_user, password: row.auth_password } }
      : {}),
    ...(row.accept === null ? {} : { accept: row.accept as NonNullable<TrunkConfig['accept']> }),
    ...(row.register_seconds === null ? {} : { registerSeconds: row.register_seconds }),
    ...(row.options_seconds === null ? {} : { optionsSeconds: row.options_seconds }),
    ...(row.calls_per_second === null ? {} : { callsPerSecond: row.calls_per_second }),
    ...(row.numbers === null ? {} : { numbers: row.numbers as NonNullable<TrunkConfig['numbers']> }),
    ...(row.srtp === 'off' ? {} : { srtp: row.srtp }),
    ...codecsOfRow(row),
  }))
}

/** The trunk of an id or a name. Rejects with `not-found`. */
export async function findTrunk(tx: Tx, idOrName: string): Promise<TrunkConfig> {
  const trunk = (await listTrunks(tx)).find(({ id, name }) => (isId('trk', idOrName) ? id === idOrName : name === idOrName))
  if (!trunk) throw notFound('trunk')
  return trunk
}

/** Writes a trunk, new or known, with exactly these gateways. */
export async function writeTrunk(tx: Tx, trunk: TrunkConfig): Promise<void> {
  const id = uuidOf(trunk.id)
  const values = {
    name: trunk.name,
    max_in: trunk.maxIn ?? null,
    max_out: trunk.maxOut ?? null,
    emergency_reserve: trunk.emergencyReserve,
    priority: trunk.priority ?? 0,
    destinations: trunk.destinations ?? null,
    sources: trunk.sources ?? null,
    media: trunk.media,
    early_media: trunk.earlyMedia ?? ('pass' as const),
    diversion: trunk.diversion ?? ('diversion' as const),
    identity: trunk.identity ?? ('pass' as const),
    redirects: trunk.redirects ?? ('refuse' as const),
    tls: trunk.tls ? json(trunk.tls) : null,
    auth_user: trunk.credentials?.user ?? null,
    auth_password: trunk.credentials?.password ?? null,
    accept: trunk.accept ? json(trunk.accept) : null,
    register_seconds: trunk.registerSeconds ?? null,
    options_seconds: trunk.optionsSeconds ?? null,
    calls_per_second: trunk.callsPerSecond ?? null,
    numbers: trunk.numbers ? json(trunk.numbers) : null,
    srtp: trunk.srtp ?? 'off',
    ...rowOfCodecs(trunk),
  }
  await tx
    .insertInto('trunk')
    .values({ id, ...values })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(values))
    .execute()
  await tx.deleteFrom('gateway').where('trunk_id', '=', id).execute()
  await tx
    .insertInto('gateway')
    .values(
      trunk.gateways.map(({ address, port = null, transport = null, priority = null, weight = null }, position) => ({
        ...{ trunk_id: id, position, address, port },
        ...{ transport, priority, weight },
      })),
    )
    .execute()
}

export async function deleteTrunk(tx: Tx, id: Id<'trk'>): Promise<void> {
  await tx.deleteFrom('trunk').where('id', '=', uuidOf(id)).execute()
}

export async function listEmergencyNumbers(tx: Tx): Promise<string[]> {
  const rows = await tx.selectFrom('emergency_number').select('number').orderBy('number').execute()
  return rows.map(({ number }) => number)
}

export async function setEmergencyNumbers(tx: Tx, numbers: string[]): Promise<void> {
  await tx.deleteFrom('emergency_number').execute()
  await tx
    .insertInto('emergency_number')
    .values(numbers.map((number) => ({ number })))
    .execute()
}
