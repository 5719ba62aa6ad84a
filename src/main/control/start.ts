import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type ApiDeps, billingRoutes, createApi } from '#api/index.ts'
import { activateDue, finishHalfDone, type InstallDeps } from '#journeys/install/index.ts'
import { type Clock, type Log, sleep } from '#lib/index.ts'
import { shipJournal } from '#platform/cti/index.ts'
import { createSealer, Publisher } from '#platform/subscriber/index.ts'
import { SHARED, type StartMessage } from '#platform/words/index.ts'
import {
  billingRecords,
  booksIn,
  createRecords,
  makeReady,
  publicationSource,
  requestMemory,
  Store,
  usageSink,
} from '#store/index.ts'
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

/** Builds and wires the control process. Resolves when the API listens, with or without a database. */
export async function startControl({ start, clock, log }: ControlOptions): Promise<Control> {
  const { config, sealingKey, databaseUrl } = start
  if (!sealingKey || !databaseUrl) throw new Error('control needs a sealing key and a database')
  await using stack = new AsyncDisposableStack()
  const stopped = new AbortController()
  const sealer = createSealer(sealingKey)
  const store = stack.use(new Store({ databaseUrl, log }))
  const records = createRecords(store, { node: config.node, ports: config.channel.ports, sealer, clock })
  const publisher = stack.use(new Publisher({ source: publicationSource(store, config.node), clock, log }))
  const links = stack.use(connectLinks({ run: start.run, publisher, log }))
  const feed = createFeed()
  const install: ApiDeps['install'] = {
    store: records,
    publisher,
    host: {
      settle: (subscriber, timeoutMs) => links.host.call('settle', { subscriber, timeoutMs }, { timeoutMs: timeoutMs + 2000 }),
    },
    bundles: bundleShelf(join(config.state, SHARED.bundles)),
    sealer,
    clock,
    log,
    config,
  }
  const app = await createApi(
    {
      install,
      events: records,
      feed,
      requests: requestMemory(store, { sealer, clock, boot: randomUUID() }),
      host: links.host,
      switch: links.switch,
      health: () => ({
        database: store.reachable,
        host: links.host.link !== null,
        switch: links.switch.link !== null,
        publication: publisher.number,
      }),
      clock,
      log,
    },
    [billingRoutes({ store: billingRecords(store, clock), books: booksIn(store), clock, log })],
  )
  stack.defer(() => app.close())
  await app.listen({ host: config.api.address, port: config.api.port })
  const running = (async () => {
    await ready({ store, install, publisher, start, clock, log, signal: stopped.signal })
    await Promise.all([
      shipJournal({
        source: {
          read: (params) => links.switch.call('journal.read', params, { timeoutMs: 10_000 }),
          shipped: (params) => links.switch.call('journal.shipped', params, { timeoutMs: 10_000 }),
        },
        events: records.events,
        leases: usageSink(store),
        clock,
        log,
        signal: stopped.signal,
        onTaken: () => feed.wake(),
      }),
      tick({ install, clock, log, signal: stopped.signal }),
    ])
  })()
  stack.defer(async () => {
    stopped.abort()
    await running.catch(() => {})
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
      await publisher.refresh()
      log.info({ number: publisher.number }, 'what should be is published')
      return
    } catch (error) {
      if (failures % 30 === 0) log.warn({ err: error }, 'the database does not serve yet')
      await sleep(clock, TICK_MS, signal).catch(() => {})
    }
  }
}

/** What is done again and again: secrets that are due, and once what an earlier run has left half done. */
async function tick({ install, clock, log, signal }: { install: InstallDeps; clock: Clock; log: Log; signal: AbortSignal }) {
  const halfDone = finishHalfDoneUntilDone(install, clock, log, signal)
  while (!signal.aborted) {
    await activateDue(install).catch((error) => log.debug({ err: error }, 'secrets that are due wait'))
    await sleep(clock, TICK_MS, signal).catch(() => {})
  }
  await halfDone
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
