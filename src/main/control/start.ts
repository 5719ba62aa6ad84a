import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type ApiDeps, balanceRoutes, billingRoutes, createApi } from '#api/index.ts'
import { activateDue, completeEnds, finishHalfDone, type InstallDeps, settleCandidates } from '#journeys/install/index.ts'
import { Watch } from '#journeys/watch/index.ts'
import { type Clock, type Log, sleep } from '#lib/index.ts'
import { shipJournal } from '#platform/cti/index.ts'
import { RecordingShelf } from '#platform/recording/index.ts'
import { createSealer, Publisher, subscriberSealer } from '#platform/subscriber/index.ts'
import { SHARED, type StartMessage } from '#platform/words/index.ts'
import {
  billingRecords,
  booksIn,
  createRecords,
  makeReady,
  publicationSource,
  requestMemory,
  Store,
  spendingIn,
  usageSink,
} from '#store/index.ts'
import { Balances } from './balances.ts'
import { bundleShelf } from './bundles.ts'
import { createFeed } from './feed.ts'
import { connectLinks } from './links.ts'
import { ensureOperatorKey } from './operator-key.ts'

export interface Control extends AsyncDisposable {
  /** Where the API listens. */
  url: string
  close(): Promise<void>
}

export interface ControlOptions {
  start: StartMessage['start']
  clock: Clock
  log: Log
}

const TICK_MS = 1000
const HOUR_MS = 3_600_000

/** Builds and wires the control process. Resolves when the API listens, with or without a database. */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { log } = options
  const { api } = options.start.config
  await using stack = new AsyncDisposableStack()
  const parts = build(options, stack)
  const app = await createApi(parts.api, [parts.billing, parts.balance])
  stack.defer(() => app.close())
  await app.listen({ host: api.address, port: api.port })
  const stopped = new AbortController()
  const running = work(options, parts, stopped.signal).catch((error) =>
    log.error({ err: error }, 'the work behind the API has ended'),
  )
  const watching = parts.watch.run(stopped.signal)
  stack.defer(async () => {
    stopped.abort()
    await Promise.all([running, watching])
  })
  const { address, port } = app.server.address() as AddressInfo
  log.info({ address, port }, 'the API listens')
  const owned = stack.move()
  let closing: Promise<void> | null = null
  const close = () => {
    closing ??= owned.disposeAsync()
    return closing
  }
  return { url: `http://${address.includes(':') ? `[${address}]` : address}:${port}`, close, [Symbol.asyncDispose]: close }
}

type Parts = ReturnType<typeof build>

/** Everything that control is made of; what holds something is put on the stack, and closed in the opposite order. */
function build({ start, clock, log }: ControlOptions, stack: AsyncDisposableStack) {
  const { config, sealingKey, databaseUrl, run } = start
  if (!sealingKey || !databaseUrl) throw new Error('control needs a sealing key and a database')
  const sealer = createSealer(sealingKey)
  const store = stack.use(new Store({ databaseUrl, log }))
  const records = createRecords(store, { node: config.node, ports: config.channel.ports, sealer, clock })
  const publisher = stack.use(new Publisher({ source: publicationSource(store, config.node), clock, log }))
  const links = stack.use(connectLinks({ run, publisher, log }))
  const feed = createFeed()
  const recordings = new RecordingShelf({
    directory: join(config.state, SHARED.recordings),
    sealerOf: (subscriber) => subscriberSealer(sealingKey, subscriber),
  })
  const install: ApiDeps['install'] = {
    store: records,
    publisher,
    host: {
      settle: (subscriber, timeoutMs) => links.host.call('settle', { subscriber, timeoutMs }, { timeoutMs: timeoutMs + 2000 }),
      agents: () => links.host.call('agent.list', {}, { timeoutMs: 2000 }),
    },
    spending: spendingIn(store, { node: config.node, clock }),
    bundles: bundleShelf(join(config.state, SHARED.bundles)),
    sealer,
    clock,
    log,
    config,
  }
  const health = () => ({
    database: store.reachable,
    host: links.host.link !== null,
    switch: links.switch.link !== null,
    publication: publisher.number,
  })
  const bills = billingRecords(store, clock)
  const watch = new Watch({
    host: links.host,
    switch: links.switch,
    health,
    unpriced: () => bills.plansWithoutPrice(),
    snapshot: () => publisher.snapshot,
    directory: config.state,
    clock,
    log,
  })
  const api: ApiDeps = {
    install,
    events: records,
    feed,
    recordings,
    requests: requestMemory(store, { sealer, clock, boot: randomUUID() }),
    host: links.host,
    switch: links.switch,
    watch,
    health,
    clock,
    log,
  }
  const priced: typeof bills = {
    ...bills,
    async addToPlan(name, addition) {
      const plan = await bills.addToPlan(name, addition)
      // The switch counts by it what calls out cost; where it cannot be told now, it is with the next publication.
      await publisher.publish({ tariffs: true }).catch((error) => log.warn({ err: error }, 'prices will be published later'))
      return plan
    },
  }
  const balances = stack.use(new Balances({ publisher, clock, log }))
  const balance = balanceRoutes({ store: bills, switch: links.switch, publish: (ids) => balances.publish(ids) })
  const billing = billingRoutes({ store: priced, books: booksIn(store), clock, log })
  return { store, records, publisher, links, feed, recordings, install, watch, api, billing, balance, balances }
}

/** What goes on behind the API, until the signal: readiness, then the journal, and what is due. */
async function work({ start, clock, log }: ControlOptions, parts: Parts, signal: AbortSignal): Promise<void> {
  const { store, records, publisher, links, feed, recordings, install, watch } = parts
  await ready({ store, install, publisher, start, clock, log, signal })
  const journal = shipJournal({
    source: {
      read: (params) => links.switch.call('journal.read', params, { timeoutMs: 10_000 }),
      shipped: (params) => links.switch.call('journal.shipped', params, { timeoutMs: 10_000 }),
    },
    events: records.events,
    leases: usageSink(store, start.config.node, (subscribers) => parts.balances.charged(subscribers)),
    clock,
    log,
    signal,
    onTaken(events) {
      feed.wake()
      // An alarm of this kind is of use within seconds.
      if (events.some(({ type }) => /^(toll|balance)\./.test(type))) void watch.look().catch(() => {})
    },
  })
  const { retentionDays } = start.config.recordings
  await Promise.all([
    journal,
    tick({ install, publisher, clock, log, signal }),
    expire({ recordings, retentionDays, clock, log, signal }),
  ])
}

interface ReadyOptions {
  store: Store
  install: InstallDeps
  publisher: Publisher
  start: StartMessage['start']
  clock: Clock
  log: Log
  signal: AbortSignal
}

/** Tries until the database serves and all that should be is published (PITFALLS O08). */
async function ready({ store, install, publisher, start, clock, log, signal }: ReadyOptions): Promise<void> {
  const { config, directory } = start
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      await makeReady(store, { node: config.node, capacities: config.capacities, sealer: install.sealer, clock })
      await ensureOperatorKey(install.store, directory, clock)
      await completeEnds(install)
      await publisher.refresh()
      log.info({ number: publisher.number }, 'what should be is published')
      return
    } catch (error) {
      if (failures % 30 === 0) log.warn({ err: error }, 'the database does not serve yet')
      await sleep(clock, TICK_MS, signal).catch(() => {})
    }
  }
}

interface TickOptions {
  install: InstallDeps
  publisher: Publisher
  clock: Clock
  log: Log
  signal: AbortSignal
}

/** What is done again and again: secrets that are due, versions that are tried, and once what an earlier run has left half done. */
async function tick({ install, publisher, clock, log, signal }: TickOptions) {
  const halfDone = finishHalfDoneUntilDone(install, clock, log, signal)
  while (!signal.aborted) {
    await activateDue(install).catch((error) => log.debug({ err: error }, 'secrets that are due wait'))
    await settleCandidates(install, publisher.snapshot).catch((error) =>
      log.debug({ err: error }, 'versions that are tried wait'),
    )
    await sleep(clock, TICK_MS, signal).catch(() => {})
  }
  await halfDone
}

/** Recordings that were kept long enough are removed, at the start and once an hour. */
async function expire(options: {
  recordings: RecordingShelf
  retentionDays: number
  clock: Clock
  log: Log
  signal: AbortSignal
}) {
  const { recordings, retentionDays, clock, log, signal } = options
  while (!signal.aborted) {
    await recordings
      .expire(retentionDays, { clock, log })
      .catch((error) => log.warn({ err: error }, 'recordings that are due could not be removed'))
    await sleep(clock, HOUR_MS, signal).catch(() => {})
  }
}

async function finishHalfDoneUntilDone(install: InstallDeps, clock: Clock, log: Log, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await finishHalfDone(install)
    } catch (error) {
      if (signal.aborted) return
      log.warn({ err: error }, 'what an earlier run has left half done is not yet finished')
      await sleep(clock, TICK_MS * 5, signal).catch(() => {})
    }
  }
}
