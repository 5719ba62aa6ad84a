import { type Clock, idOf, TielineError } from '#lib/index.ts'
import type { EventReader, EventSink } from '#platform/cti/index.ts'
import type { AgentVersionStore, PlatformStore, Sealer, SecretStore, SubscriberStore } from '#platform/subscriber/index.ts'
import { addVersion, listVersions, proposeVersion, replaceCertificate, settleVersion } from './agent.ts'
import { listCapacities, removeAllocation, setAllocations, setCapacity } from './allocation.ts'
import { readAuthorities } from './authority.ts'
import { checkBalanceCurrency } from './billing-balance.ts'
import { hasPlan } from './billing-plan.ts'
import * as change from './change.ts'
import { listEvents, newestEvent, setShippedPosition, shippedPosition, takeEvents } from './event.ts'
import { deleteSubscriber, insertSubscriber, setState } from './install.ts'
import { listKeys, principalOf, replaceOperatorKey, revokeKey, rotateKey } from './key.ts'
import { renewSiteTls } from './site-tls.ts'
import type { Store } from './store.ts'
import { findSubscriber, listSubscribers } from './subscriber.ts'
import * as toll from './toll.ts'
import * as trunk from './trunk.ts'
import * as user from './user.ts'

export type Records = SubscriberStore & SecretStore & AgentVersionStore & PlatformStore & EventReader & { events: EventSink }

export interface RecordsOptions {
  node: string
  ports: { first: number; last: number }
  sealer: Sealer
  clock: Clock
}

/** All that the nouns ask of the database, each method one transaction. */
export function createRecords(store: Store, options: RecordsOptions): Records {
  return {
    ...subscriberRecords(store, options),
    ...secretRecords(store, options),
    ...versionRecords(store, options),
    ...platformRecords(store, options),
    ...eventRecords(store, options),
  }
}

function subscriberRecords(store: Store, { node, ports, sealer, clock }: RecordsOptions): SubscriberStore {
  const platform = store.transaction.bind(store, 'platform') as <T>(
    work: Parameters<typeof store.transaction<T>>[1],
  ) => Promise<T>
  return {
    find: (scope, idOrName) => store.transaction(scope, (tx) => findSubscriber(tx, idOrName)),
    list: (page) => platform((tx) => listSubscribers(tx, page)),
    insert: (subscriber) =>
      platform((tx) => insertSubscriber(tx, subscriber, { node, ports, sealer, now: new Date(clock.wall()) })),
    update: (scope, id, change_) =>
      store.transaction(scope, async (tx) => {
        const before = await findSubscriber(tx, id)
        const record = change_(before)
        await change.updateRouting(tx, record)
        if (scope !== 'platform') return findSubscriber(tx, id)
        await change.updateTerms(tx, record)
        await change.updateChannel(tx, record)
        if (record.channel.ipv6?.address !== before.channel.ipv6?.address) await renewSiteTls(tx, id, sealer, clock)
        if (record.allocations !== before.allocations) await setAllocations(tx, node, id, record.allocations)
        return record
      }),
    setState: (id, state) => platform((tx) => setState(tx, id, state)),
    delete: (id) => platform((tx) => deleteSubscriber(tx, id)),
    bindPlan: (id, plan) =>
      platform(async (tx) => {
        await checkBalanceCurrency(tx, id, plan)
        await change.bindPlan(tx, id, plan, new Date(clock.wall()))
      }),
    setAllocations: (id, allocations) => platform((tx) => setAllocations(tx, node, id, allocations)),
    removeAllocation: (id, kind) => platform((tx) => removeAllocation(tx, id, kind)),
    addNumber: (id, number) => platform((tx) => change.addNumber(tx, id, number)),
    removeNumber: (id, number) => platform((tx) => change.removeNumber(tx, id, number)),
    addTelephone: (scope, id, telephone) => store.transaction(scope, (tx) => change.addTelephone(tx, sealer, id, telephone)),
    removeTelephone: (scope, id, name) => store.transaction(scope, (tx) => change.removeTelephone(tx, id, name)),
    writeUser: (scope, id, config) => store.transaction(scope, (tx) => user.writeUser(tx, id, config)),
    removeUser: (scope, id, name) => store.transaction(scope, (tx) => user.deleteUser(tx, id, name)),
  }
}

function secretRecords(store: Store, { clock }: RecordsOptions): SecretStore {
  const now = () => new Date(clock.wall())
  return {
    principal: (hash) => store.transaction('platform', (tx) => principalOf(tx, hash, now())),
    replaceOperatorKey: (key) => store.transaction('platform', (tx) => replaceOperatorKey(tx, { ...key, now: now() })),
    listKeys: (scope, id) => store.transaction(scope, (tx) => listKeys(tx, id)),
    rotateKey: (scope, id, key) => store.transaction(scope, (tx) => rotateKey(tx, id, { ...key, now: now() })),
    revokeKey: (scope, id, key) => store.transaction(scope, (tx) => revokeKey(tx, id, key, now())),
    authority: () => store.transaction('platform', async (tx) => (await readAuthorities(tx)).ca),
    replaceCertificate: (id, issued) =>
      store.transaction('platform', (tx) => replaceCertificate(tx, id, { ...issued, now: now() })),
    planRotation: (id, next, at) => store.transaction('platform', (tx) => change.planRotation(tx, id, next, at)),
    activateRotations: async () => {
      const uuids = await store.transaction('platform', (tx) => change.activateRotations(tx, now()))
      return uuids.map((uuid) => idOf('sub', uuid))
    },
  }
}

function versionRecords(store: Store, { clock }: RecordsOptions): AgentVersionStore {
  return {
    listVersions: (scope, id) => store.transaction(scope, (tx) => listVersions(tx, id)),
    addVersion: (scope, id, version) =>
      store.transaction(scope, async (tx) => {
        await addVersion(tx, id, { ...version, now: new Date(clock.wall()) })
        return proposeVersion(tx, id, version.id)
      }),
    proposeVersion: (scope, id, version) => store.transaction(scope, (tx) => proposeVersion(tx, id, version)),
    settleVersion: (id, version, failure) => store.transaction('platform', (tx) => settleVersion(tx, id, version, failure)),
  }
}

function platformRecords(store: Store, { node }: RecordsOptions): PlatformStore {
  return {
    listTrunks: () => store.transaction('platform', (tx) => trunk.listTrunks(tx)),
    findTrunk: (idOrName) => store.transaction('platform', (tx) => trunk.findTrunk(tx, idOrName)),
    writeTrunk: (config) => store.transaction('platform', (tx) => trunk.writeTrunk(tx, config)),
    deleteTrunk: (id) => store.transaction('platform', (tx) => trunk.deleteTrunk(tx, id)),
    listCapacities: () => store.transaction('platform', (tx) => listCapacities(tx, node)),
    setCapacity: (capacity) => store.transaction('platform', (tx) => setCapacity(tx, node, capacity)),
    hasPlan: (name) => store.transaction('platform', (tx) => hasPlan(tx, name)),
    listTollClasses: () => store.transaction('platform', (tx) => toll.listTollClasses(tx)),
    writeTollClass: (one) => store.transaction('platform', (tx) => toll.writeTollClass(tx, one)),
    deleteTollClass: (name) => store.transaction('platform', (tx) => toll.deleteTollClass(tx, name)),
    listEmergencyNumbers: () => store.transaction('platform', (tx) => trunk.listEmergencyNumbers(tx)),
    setEmergencyNumbers: (numbers) => store.transaction('platform', (tx) => trunk.setEmergencyNumbers(tx, numbers)),
  }
}

function eventRecords(store: Store, { node }: RecordsOptions): EventReader & { events: EventSink } {
  return {
    listEvents: (scope, query) => {
      if (query.after !== undefined && !/^\d{1,15}$/.test(query.after)) throw badCursor()
      return store.transaction(scope, (tx) => listEvents(tx, query))
    },
    newestEvent: (scope, subscriber) => store.transaction(scope, (tx) => newestEvent(tx, subscriber)),
    events: {
      position: () => store.transaction('platform', (tx) => shippedPosition(tx, node)),
      take: (events, position) =>
        store.transaction('platform', async (tx) => {
          await takeEvents(tx, events)
          await setShippedPosition(tx, node, position)
        }),
    },
  }
}

function badCursor(): TielineError {
  return new TielineError('The cursor is not one that a page gave.', {
    code: 'invalid-argument',
    fault: 'caller',
    retry: false,
    http: 422,
  })
}
