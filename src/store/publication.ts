import { sql } from 'kysely'
import type { Id } from '#lib/index.ts'
import {
  type ChangedParts,
  type PublicationSource,
  planOf,
  type SubscriberRecord,
  subscriberConfig,
} from '#platform/subscriber/index.ts'
import type { Snapshot, Tariff } from '#platform/words/index.ts'
import { listCapacities } from './allocation.ts'
import { readAuthorities } from './authority.ts'
import { listPlans } from './billing-plan.ts'
import { usagePosition } from './billing-usage.ts'
import type { Store, Tx } from './store.ts'
import { readSubscribers } from './subscriber.ts'
import { listTollClasses } from './toll.ts'
import { listEmergencyNumbers, listTrunks } from './trunk.ts'

/** Publications made of the rows, each read in one transaction with its number. */
export function publicationSource(store: Store, node: string): PublicationSource {
  return {
    snapshot: () => store.transaction('platform', (tx) => readSnapshot(tx, node)),
    parts: (what) => store.transaction('platform', (tx) => readParts(tx, node, what)),
  }
}

async function readSnapshot(tx: Tx, node: string): Promise<Snapshot> {
  const number = await nextNumber(tx)
  const { ca, switch: own } = await readAuthorities(tx)
  const taken = await usagePosition(tx, node)
  const records = (await readSubscribers(tx)).map((record) => charged(record, taken))
  return {
    number,
    capacities: await listCapacities(tx, node),
    trunks: await listTrunks(tx),
    subscribers: records.flatMap((record) => subscriberConfig(record) ?? []),
    emergency: { numbers: await listEmergencyNumbers(tx) },
    tollClasses: await listTollClasses(tx),
    tariffs: await tariffsOf(tx, records),
    ca: ca.certificate,
    switchCertificate: own,
  }
}

async function readParts(tx: Tx, node: string, what: ChangedParts): ReturnType<PublicationSource['parts']> {
  const number = await nextNumber(tx)
  const ids = what.subscribers ?? []
  const records = new Map<Id<'sub'>, Awaited<ReturnType<typeof readSubscribers>>[number]>()
  const taken = await usagePosition(tx, node)
  if (ids.length > 0) for (const record of await readSubscribers(tx, ids)) records.set(record.id, charged(record, taken))
  const configOf = (id: Id<'sub'>) => {
    const record = records.get(id)
    return record ? subscriberConfig(record) : null
  }
  return {
    number,
    parts: {
      ...(what.trunks ? { trunks: await listTrunks(tx), emergency: { numbers: await listEmergencyNumbers(tx) } } : {}),
      ...(what.tariffs ? { tariffs: await tariffsOf(tx, await readSubscribers(tx)) } : {}),
      ...(what.tollClasses ? { tollClasses: await listTollClasses(tx) } : {}),
      ...(what.capacities ? { capacities: await listCapacities(tx, node) } : {}),
    },
    subscribers: new Map(ids.map((id) => [id, configOf(id)])),
  }
}

/** All that the node's journal had up to there had been charged before the balance was read. */
function charged(record: SubscriberRecord, taken: number): SubscriberRecord {
  const { prepaid } = record
  return prepaid ? { ...record, prepaid: { ...prepaid, position: Math.max(prepaid.position, taken) } } : record
}

/** Of the plans by which these are billed, the prices of calls out, and of all where it is paid in advance. */
async function tariffsOf(tx: Tx, records: readonly SubscriberRecord[]): Promise<Tariff[]> {
  const inUse = new Set(records.map(planOf))
  const plans = (await listPlans(tx)).filter(({ name }) => inUse.has(name))
  return plans.map(({ name, rates, prepaid }) => ({
    plan: name,
    rates: prepaid ? rates : rates.filter(({ kind }) => kind === 'trunk.out'),
  }))
}

async function nextNumber(tx: Tx): Promise<number> {
  const row = await tx.updateTable('publication').set({ number: sql`number + 1` }).returning('number').executeTakeFirstOrThrow()
  return Number(row.number)
}
