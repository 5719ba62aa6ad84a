import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Id, newId, silentLog, systemClock } from '#lib/index.ts'
import { heldBy } from '#platform/resource/index.ts'
import {
  type AgentStatus,
  type CallTrace,
  type CallView,
  type ChannelStatus,
  type CheckStep,
  type HostMethods,
  type Instant,
  type JournalEntry,
  type JournalRecord,
  type Lease,
  LINKS,
  type Metric,
  type PlatformConfig,
  type PlatformEvent,
  type Snapshot,
  type SnapshotChange,
  type SwitchMethods,
  type TollBalance,
  type TollUse,
  type TrunkState,
} from '#platform/words/index.ts'
import { type LinkServer, serveLink } from '#protocol/link/index.ts'
import { type Control, startControl } from '../../src/main/control/start.ts'
import { startPostgres, type TestPostgres } from '../peer/postgres.ts'

/** For a process with an environment of its own: what the tests have compiled, it need not compile again. */
export const COMPILED = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('NODE_COMPILE_CACHE')))

/** What host and switch were told, and what they say: real links, no kernel. */
export interface Fakes {
  published: { host: (Snapshot | SnapshotChange)[]; switch: (Snapshot | SnapshotChange)[] }
  /** What `settle` answers. */
  settle: { ok: boolean; reason: string }
  steps: CheckStep[]
  calls: CallView[]
  killed: string[]
  /** What was commanded of calls, and what the switch says to the next command. */
  ordered: SwitchMethods['call.order']['params'][]
  order(): unknown
  /** What was to be placed. */
  made: SwitchMethods['call.make']['params'][]
  draining: boolean
  metrics: Metric[]
  /** What the switch knows of one call. */
  trace: CallTrace
  journal: JournalEntry[]
  shipped: number
  agents: AgentStatus[]
  channels: ChannelStatus[]
  trunks: TrunkState[]
  tolls: TollUse[]
  balances: TollBalance[]
  /** Of `trunk.in`, of ten. */
  inUse: number
  leases: Lease[]
}

/** The control process on a PostgreSQL of its own, with host and switch as far ends of real links. */
export interface Bench extends AsyncDisposable {
  control: Control
  postgres: TestPostgres
  fakes: Fakes
  operatorKey: string
  state: string
  sealingKey: string
  config: PlatformConfig
  api<T = unknown>(method: string, path: string, options?: ApiOptions): Promise<{ status: number; body: T; headers: Headers }>
  restart(): Promise<void>
  stopLink(name: 'host' | 'switch'): Promise<void>
  startLink(name: 'host' | 'switch'): Promise<void>
}

export interface ApiOptions {
  key?: string | null
  body?: unknown
  raw?: Uint8Array
  idempotencyKey?: string
}

/** `databaseIn` prepares another database than the first one, and answers its connection string. */
export async function startBench(databaseIn?: (postgres: TestPostgres) => Promise<string>): Promise<Bench> {
  await using stack = new AsyncDisposableStack()
  const postgres = await startPostgres()
  stack.defer(() => postgres.stop())
  const databaseUrl = (await databaseIn?.(postgres)) ?? postgres.url
  const state = mkdtempSync(join(tmpdir(), 'tlctl-'))
  stack.defer(() => rmSync(state, { recursive: true, force: true }))
  const run = join(state, 'run')
  mkdirSync(run)
  const config = configAt(state)
  const fakes: Fakes = {
    published: { host: [], switch: [] },
    settle: { ok: true, reason: '' },
    steps: [{ step: 'handshake', ok: true, text: 'The last handshake is recent.' }],
    calls: [],
    killed: [],
    ordered: [],
    made: [],
    order: () => null,
    draining: false,
    metrics: [],
    trace: null,
    journal: [],
    shipped: 0,
    agents: [],
    channels: [],
    trunks: [],
    tolls: [],
    balances: [],
    inUse: 2,
    leases: [],
  }
  const servers = new Map<string, LinkServer<object>>()
  const startLink = async (name: 'host' | 'switch') => {
    servers.set(name, name === 'host' ? await serveHost(run, fakes) : await serveSwitch(run, fakes))
  }
  const stopLink = async (name: 'host' | 'switch') => {
    await servers.get(name)?.close()
    servers.delete(name)
  }
  stack.defer(async () => {
    for (const server of servers.values()) await server.close()
  })
  await startLink('host')
  await startLink('switch')
  const start = { config, directory: join(state, 'control'), run, sealingKey: randomBytes(32).toString('base64'), databaseUrl }
  const startOne = () => startControl({ start, clock: systemClock, log: silentLog })
  const bench: Bench = {
    control: await startOne(),
    postgres,
    fakes,
    operatorKey: '',
    state,
    sealingKey: start.sealingKey,
    config,
    api: (method, path, options) => ask(bench, method, path, options),
    async restart() {
      await bench.control.close()
      bench.control = await startOne()
      await untilReady(bench)
    },
    stopLink,
    startLink,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
  stack.defer(() => bench.control.close())
  await untilReady(bench)
  bench.operatorKey = readFileSync(join(state, 'control', 'operator.key'), 'utf8').trim()
  const all = stack.move()
  return bench
}

async function untilReady(bench: Bench): Promise<void> {
  await until('control to be ready', async () => {
    const { status } = await ask(bench, 'GET', '/v1/health', { key: null })
    return status === 200 && bench.fakes.published.host.length > 0
  })
}

/** Polls for something with a deadline. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
  const deadline = Date.now() + ms
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms for ${what}`)
    await delay(20)
  }
}

async function ask<T>(bench: Bench, method: string, path: string, options: ApiOptions = {}) {
  const { key = bench.operatorKey, body, raw, idempotencyKey } = options
  const headers: Record<string, string> = {}
  if (key) headers.authorization = `Bearer ${key}`
  if (raw) headers['content-type'] = 'application/gzip'
  else if (body !== undefined) headers['content-type'] = 'application/json'
  if (idempotencyKey) headers['idempotency-key'] = idempotencyKey
  const payload = raw ?? (body === undefined ? null : JSON.stringify(body))
  const answer = await fetch(`${bench.control.url}${path}`, { method, headers, body: payload as never })
  const text = await answer.text()
  return { status: answer.status, body: (text === '' ? null : JSON.parse(text)) as T, headers: answer.headers }
}

const hello = (process: string) => ({ process, version: 1 })

function serveHost(run: string, fakes: Fakes): Promise<LinkServer<object>> {
  let at = -1
  const methods: Partial<{ [K in keyof HostMethods]: (params: never) => unknown }> = {
    publish: (params: HostMethods['publish']['params']) => {
      at = take(at, params, fakes.published.host)
      return { number: at }
    },
    settle: () => fakes.settle,
    'channel.list': () => fakes.channels,
    'channel.check': () => fakes.steps,
    'agent.list': () => fakes.agents,
    'agent.logs': () => ({ lines: ['one', 'two'] }),
    'agent.restart': () => null,
    status: () => ({ instance: 'test', processes: [], snapshot: at }),
  }
  return serveLink({ path: join(run, LINKS.host), hello: hello('host'), log: silentLog, methods: methods as never })
}

function serveSwitch(run: string, fakes: Fakes): Promise<LinkServer<object>> {
  let at = -1
  const methods: Partial<{ [K in keyof SwitchMethods]: (params: never) => unknown }> = {
    publish: (params: SwitchMethods['publish']['params']) => {
      at = take(at, params, fakes.published.switch)
      return { number: at }
    },
    'telephone.list': () => [
      { name: '101', contacts: [{ uri: 'sip:101@x', source: '192.168.1.30:5060', expiresAt: '2026-11-23T12:00:00.000Z' }] },
    ],
    'call.list': ({ subscriber }: { subscriber?: string }) =>
      fakes.calls.filter((c) => !subscriber || c.subscriber === subscriber),
    'trunk.state': () => fakes.trunks,
    'toll.list': ({ subscriber }: SwitchMethods['toll.list']['params']) =>
      fakes.tolls.filter((use) => subscriber === undefined || use.subscriber === subscriber),
    'balance.list': ({ subscriber }: SwitchMethods['balance.list']['params']) =>
      fakes.balances.filter((one) => subscriber === undefined || one.subscriber === subscriber),
    'call.kill': ({ call }: { call: string }) => {
      fakes.killed.push(call)
      return { found: true }
    },
    'call.order': (params: SwitchMethods['call.order']['params']) => {
      fakes.ordered.push(params)
      return fakes.order()
    },
    'call.make': (params: SwitchMethods['call.make']['params']) => {
      fakes.made.push(params)
      return { call: params.call }
    },
    'call.trace': ({ call }: { call: string }) => (fakes.trace?.call === call ? fakes.trace : null),
    'resource.list': () => [
      {
        kind: 'trunk.in',
        capacity: 10,
        inUse: fakes.inUse,
        bySubscriber: [...new Set(fakes.calls.map((c) => c.subscriber))].map((subscriber) => ({
          subscriber,
          inUse: 1,
          guaranteed: 0,
          ceiling: 2,
        })),
      },
    ],
    'lease.list': (query: SwitchMethods['lease.list']['params']) => heldBy(fakes.leases, query),
    'journal.read': ({ after, limit }: { after: number; limit: number }) => {
      const entries = fakes.journal.filter(({ position }) => position > after).slice(0, limit)
      return { entries, position: entries.at(-1)?.position ?? Math.min(after, fakes.journal.at(-1)?.position ?? 0) }
    },
    'journal.shipped': ({ position }: { position: number }) => {
      fakes.shipped = position
      return null
    },
    'channel.probe': () => ({ dns: { ok: true, text: 'It answers.' }, pbx: { ok: false, text: 'No answer to OPTIONS.' } }),
    metrics: () => fakes.metrics,
    drain: ({ on }: { on: boolean }) => {
      fakes.draining = on
      return { draining: on, calls: fakes.calls.length }
    },
    status: () => ({
      draining: fakes.draining,
      lagMs: 0,
      transactions: 0,
      shed: 0,
      boot: 'test',
      calls: fakes.calls.length,
      snapshot: at,
      uptimeMs: 1,
    }),
  }
  return serveLink({ path: join(run, LINKS.switch), hello: hello('switch'), log: silentLog, methods: methods as never })
}

/** As host and switch do: the whole always, a change only on its base. */
function take(
  at: number,
  params: { snapshot: Snapshot } | { change: SnapshotChange },
  seen: (Snapshot | SnapshotChange)[],
): number {
  if ('snapshot' in params) {
    seen.push(params.snapshot)
    return params.snapshot.number
  }
  if (params.change.base !== at) return at
  seen.push(params.change)
  return params.change.number
}

function configAt(state: string): PlatformConfig {
  return {
    instance: 'test',
    state,
    node: 'node1',
    sip: { address: '127.0.0.1', port: 5060 },
    dns: { servers: [] },
    media: { address: '127.0.0.1', ports: { first: 16384, last: 16483 } },
    api: { address: '127.0.0.1', port: 0 },
    channel: {
      endpoint: 'tieline.example.net',
      ports: { first: 51820, last: 51919 },
      address: '10.77.0.1',
      peerAddress: '10.77.0.2',
      ipv6: { address: 'fd00:77::1', peerAddress: 'fd00:77::2' },
      mtu: 1420,
      implementation: 'auto',
    },
    siteSipPort: 5060,
    voice: { processes: 1, mediaTimeoutMs: 3000 },
    agents: { firstUid: 100_000 },
    calls: { maxSeconds: 3600 },
    recordings: { retentionDays: 30 },
    capacities: [
      { kind: 'trunk.in', capacity: 10 },
      { kind: 'trunk.out', capacity: 10 },
      { kind: 'agent.memory', capacity: 16_384 },
    ],
    load: {
      requestsPerSecond: 2000,
      siteRequestsPerSecond: 200,
      transactionsPerSource: 50_000,
      shedAboveMs: 250,
      drainSeconds: 0,
    },
    trace: { mebibytes: 0 },
    hep: null,
    log: { level: 'error' },
    databaseUrl: null,
  }
}

/** A body that installs. */
export function order(name: string, number: string, more: object = {}) {
  return {
    name,
    numbers: [number],
    allocations: [{ kind: 'trunk.in', guaranteed: 2, ceiling: 5 }],
    site: {
      networks: ['192.168.1.0/24'],
      pbx: { host: '192.168.1.10', number: '+3225550199' },
      dns: { servers: ['192.168.1.53'], search: 'office.lan' },
    },
    defaultRoute: { pbx: '100', via: 'trunk' },
    telephones: ['desk'],
    ...more,
  }
}

export interface InstalledBody {
  subscriber: { id: Id<'sub'>; name: string; state: string; numbers: string[]; channel: { listenPort: number } }
  siteFile: string
  apiKey: string
  telephones: { name: string; password: string }[]
}

export async function installed(bench: Bench, name: string, number: string, more: object = {}): Promise<InstalledBody> {
  const { status, body } = await bench.api<InstalledBody>('POST', '/v1/subscribers', { body: order(name, number, more) })
  if (status !== 201) throw new Error(`install answered ${status}: ${JSON.stringify(body)}`)
  return body
}

let position = 0

/** Appends to the switch's journal. */
export function journal(bench: Bench, record: JournalRecord): JournalEntry {
  position += 1
  const entry = { position, record }
  bench.fakes.journal.push(entry)
  return entry
}

export function eventRecord(subscriber: Id<'sub'>, number: number, more: Partial<PlatformEvent> = {}): JournalRecord {
  const at: Instant = { wall: Date.now(), mono: performance.now(), boot: 'b' }
  const event: PlatformEvent = {
    id: newId('evt'),
    subscriber,
    number,
    at: new Date(at.wall).toISOString(),
    type: 'channel.state',
    data: { state: 'up', reason: 'test' },
    ...more,
  }
  return { type: 'event', at, event }
}
