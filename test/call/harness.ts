import { type ChildProcess, fork } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId, silentLog } from '#lib/index.ts'
import { loadLibc, Sockets } from '#platform/channel/index.ts'
import { SWITCH_FLAGS } from '#platform/node/index.ts'
import { createSealer } from '#platform/subscriber/index.ts'
import {
  type ChannelState,
  type ChannelStatus,
  type HostMethods,
  type HostNotifications,
  type JournalRecord,
  KINDS,
  LINKS,
  LONGEST_LINE,
  type PlatformConfig,
  type PlatformEvent,
  type Snapshot,
  type StartMessage,
  type SubscriberConfig,
  type SwitchMethods,
  type TrunkConfig,
} from '#platform/words/index.ts'
import { type CallContext, connectLink, type LinkClient, serveLink } from '#protocol/link/index.ts'
import { until } from '../peer/clock.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { createTestCa } from './agent-ca.ts'

const SOURCE = join(import.meta.dirname, '../../src/main')

export interface WorldOptions {
  /** Whether a real voice process runs beside the switch. Default false. */
  voice?: boolean
  /** How many voice processes there are: `voice`, `voice-1`, … Default 1. */
  voices?: number
  /** `direct` lets audio pass by between the two trunks. Default relay where there is voice. */
  media?: 'relay' | 'direct'
  /** What the one subscriber, acme, has; merged over the defaults. */
  subscriber?: Partial<SubscriberConfig>
  capacities?: Snapshot['capacities']
  log?: PlatformConfig['log']['level']
  hep?: PlatformConfig['hep']
  load?: Partial<PlatformConfig['load']>
  mediaTimeoutMs?: number
  /** RTP ports of each realm. Default 20000–22999. */
  ports?: { first: number; last: number }
  maxCallSeconds?: number
  /** Options of Node for the processes, such as `--cpu-prof`. */
  execArgv?: string[]
  /** Variables of the environment for the processes, beside our own. */
  env?: Record<string, string>
  /** Whether carriers and PBX are our own far ends; a bench has others at their addresses. Default true. */
  farEnds?: boolean
  /** Where the trunk side is; default an address of the world's own, port 5060. TLS is one port above. */
  node?: { address: string; port: number }
  /** In which directory all of it is. Default that for temporary files. */
  within?: string
  /** Where the switch stands in acme's network; default an address of the world's own, port 5060. What is there is acme's. */
  site?: { address: string; port: number }
  /** The trunk side's certificate and key, PEM. Default: nothing comes in by TLS. */
  sipTls?: { certificate: string; key: string }
}

export const DID = '+3225550101'
export const PUBLIC = '+3225550199'

/**
 * A real switch, and voice where asked for, with this process as their host: sockets on loopback addresses of their own
 * are handed over, a snapshot is published over the link. Carriers and the site's PBX are our far ends.
 */
export class World implements AsyncDisposable {
  readonly directory: string
  readonly run: string
  readonly net = `127.${randomInt(10, 250)}.${randomInt(1, 250)}`
  readonly acme = newId('sub')
  readonly sealingKey = Buffer.alloc(32, 7).toString('base64')
  readonly children = new Map<string, ChildProcess>()
  readonly sockets = new Sockets(loadLibc())
  readonly #stack = new AsyncDisposableStack()
  readonly options: WorldOptions
  carrier!: FarEnd
  second!: FarEnd
  pbx!: FarEnd
  snapshot!: Snapshot
  ca!: Awaited<ReturnType<typeof createTestCa>>
  link!: LinkClient<{ calls: SwitchMethods }>
  channel: ChannelState = 'up'
  #tellHost: (status: ChannelStatus) => void = () => {}

  private constructor(options: WorldOptions) {
    this.options = options
    this.directory = mkdtempSync(join(options.within ?? tmpdir(), 'tl-switch-'))
    this.run = join(this.directory, 'run')
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const world = new World(options)
    try {
      await world.#build()
      return world
    } catch (error) {
      await world[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Run at the end, also of a test that fails. */
  defer(run: () => void): void {
    this.#stack.defer(run)
  }

  get node() {
    return this.options.node ?? { address: `${this.net}.1`, port: 5060 }
  }

  /** Where the switch stands in acme's network. */
  get siteSwitch() {
    return this.options.site ?? { address: `${this.net}.65`, port: 5060 }
  }

  get config(): PlatformConfig {
    return {
      instance: 'test',
      state: this.directory,
      node: 'test',
      sip: { ...this.node, tls: { port: this.node.port + 1, certificate: '/unread', key: '/unread' } },
      dns: { servers: [`${this.net}.53`] },
      media: { address: this.node.address, ports: this.options.ports ?? { first: 20000, last: 22999 } },
      api: { address: '127.0.0.1', port: 0 },
      channel: {
        endpoint: '127.0.0.1',
        ports: { first: 51820, last: 51830 },
        address: this.siteSwitch.address,
        peerAddress: `${this.net}.66`,
        ipv6: { address: 'fd00:210::1', peerAddress: 'fd00:210::2' },
        mtu: 1420,
        implementation: 'auto',
      },
      siteSipPort: 5060,
      voice: { processes: this.options.voices ?? 1, mediaTimeoutMs: this.options.mediaTimeoutMs ?? 10_000 },
      calls: { maxSeconds: this.options.maxCallSeconds ?? 3600 },
      agents: { firstUid: 200_000 },
      recordings: { retentionDays: 30 },
      capacities: [],
      load: {
        ...{ requestsPerSecond: 2000, siteRequestsPerSecond: 200, transactionsPerSource: 50_000 },
        // A machine that runs several tests at once lags: a test says so where it is about lag.
        ...{ shedAboveMs: 10_000, drainSeconds: 0, ...this.options.load },
      },
      trace: { mebibytes: 16 },
      hep: this.options.hep ?? null,
      log: { level: this.options.log ?? 'warn' },
      databaseUrl: null,
    } as PlatformConfig
  }

  async #build(): Promise<void> {
    this.#stack.defer(() => rmSync(this.directory, { recursive: true, force: true }))
    mkdirSync(join(this.run, 'agents'), { recursive: true })
    this.#stack.defer(() => this.sockets.close())
    const watched = [400, 700, 425, 1400]
    const far = async (last: number, name: string) => {
      const end = await FarEnd.open({ address: `${this.net}.${last}`, port: 5060, name, watched })
      this.#stack.defer(() => end.close())
      return end
    }
    if (this.options.farEnds !== false) {
      this.carrier = await far(2, 'carrier')
      this.second = await far(3, 'second')
      this.pbx = await far(74, 'pbx')
    }
    this.ca = await createTestCa()
    await this.#compose()
    await this.#serveHost()
    for (const [realm, at] of [
      ['node', this.node],
      [this.acme, this.siteSwitch],
    ] as const) {
      this.sockets.hold({ realm, namespace: null, purpose: 'sip', ...at })
      this.sockets.hold({ realm, namespace: null, purpose: 'sip-tcp', ...at })
      this.sockets.hold({ realm, namespace: null, purpose: 'sip-tls', address: at.address, port: at.port + 1 })
    }
    this.sockets.hold({ realm: this.acme, namespace: null, purpose: 'dns', address: this.siteSwitch.address, port: 0 })
    this.#stack.defer(() => this.#killAll())
    this.link = connectLink<{ calls: SwitchMethods }>({
      path: join(this.run, LINKS.switch),
      hello: { process: 'control', version: 1 },
      maxLineBytes: LONGEST_LINE,
      log: silentLog,
      reconnect: { firstMs: 10, maxMs: 50 },
    })
    this.#stack.defer(() => this.link.close())
    // Both read their modules at the same time; the switch is told to begin when voice is there.
    const switched = this.#fork('switch')
    for (let i = 0; this.options.voice && i < (this.options.voices ?? 1); i++) await this.startVoice(i)
    await this.#beginSwitch(switched)
  }

  async #compose(): Promise<void> {
    const issued = await this.ca.switch()
    const key = createSealer(this.sealingKey).seal(issued.key)
    const media = this.options.media ?? (this.options.voice ? 'relay' : 'direct')
    const gateway = (last: number) => ({ address: `${this.net}.${last}`, port: 5060 })
    const trunk = { emergencyReserve: 1, media, maxOut: 1000 }
    this.snapshot = {
      number: 1,
      capacities: this.options.capacities ?? KINDS.map(({ kind }) => ({ kind, capacity: 10_000 })),
      trunks: [
        { id: newId('trk'), name: 'main', gateways: [gateway(2)], ...trunk },
        { id: newId('trk'), name: 'other', gateways: [gateway(3)], ...trunk },
      ],
      subscribers: [await this.#subscriber()],
      emergency: { numbers: ['112'] },
      ca: this.ca.certificate,
      switchCertificate: { certificate: issued.certificate, key },
    }
  }

  async #subscriber(): Promise<SubscriberConfig> {
    const { certificate, key } = await this.ca.agent(this.acme)
    return {
      id: this.acme,
      name: 'acme',
      slot: 0,
      numbers: [{ number: DID }, { number: PUBLIC }],
      allocations: KINDS.map(({ kind }) => ({ kind, guaranteed: 0, ceiling: 10_000 })),
      channel: {
        ...{
          address: this.siteSwitch.address,
          peerAddress: `${this.net}.66`,
          listenPort: 51820,
          mtu: 1420,
          keepaliveSeconds: 25,
        },
        ...{ privateKey: 'v1.', publicKey: '', peerPublicKey: '', presharedKey: 'v1.' },
        siteNetworks: [`${this.net}.64/26`, ...(this.options.site ? [`${this.options.site.address}/128`] : [])],
        dns: null,
      },
      site: { pbx: { host: `${this.net}.74`, port: 5060, number: PUBLIC }, emergencyCallerId: '+3225550112' },
      defaultRoute: { trunk: 'other', number: '+3225559000' },
      agent: {
        ...{ version: null, decisionDeadlineMs: 500, memoryMebibytes: 64, cpuShare: 1, maxProcesses: 8, listen: [] },
        certificate,
        key: createSealer(this.sealingKey).seal(key),
      },
      ...this.options.subscriber,
    }
  }

  /** The host's side: channel states, and RTP sockets for voice. */
  async #serveHost(): Promise<void> {
    type Link = { answers: Partial<HostMethods>; says: HostNotifications }
    const status = (): ChannelStatus => ({
      ...{ subscriber: this.acme, state: this.channel, reason: 'test', handshakeAgeSeconds: 1 },
      ...{ receivedBytes: 0, sentBytes: 0, mtu: 1420 },
    })
    const server = await serveLink<Link>({
      path: join(this.run, LINKS.host),
      hello: { process: 'host', version: 1 },
      log: silentLog,
      methods: {
        'channel.list': () => [status()],
        // No sandbox is here: agents are programs of the tests.
        'memory.list': () => [],
        'socket.open': async ({ realm, port }: HostMethods['socket.open']['params'], { link }: CallContext) => {
          const address = realm === 'node' ? this.node.address : this.siteSwitch.address
          return await this.sockets.open(
            { realm, namespace: null, purpose: 'rtp', address, port },
            this.child(voiceName(Number(link.peer.facts?.index))),
          )
        },
        'socket.stream': async ({ realm, id }: HostMethods['socket.stream']['params']) => {
          const { address } = realm === 'node' ? this.node : this.siteSwitch
          await this.sockets.open({ realm, namespace: null, purpose: 'sip-out', address, port: 0 }, this.child('switch'), id)
          return null
        },
      } as never,
    })
    this.#tellHost = () => {
      for (const peer of server.peers) peer.notify('channel.state', status())
    }
    this.#stack.defer(() => server.close())
  }

  /** Host's word of acme's channel. */
  setChannel(state: ChannelState): void {
    this.channel = state
    this.#tellHost({} as ChannelStatus)
  }

  child(name: string): ChildProcess {
    const child = this.children.get(name)
    if (!child) throw new Error(`there is no ${name}`)
    return child
  }

  async startVoice(index = 0): Promise<void> {
    const name = voiceName(index)
    this.#begin(name, this.#fork('voice', name), { index })
    const link = connectLink({ path: join(this.run, LINKS.voice(index)), hello: { process: 'test', version: 1 }, log: silentLog })
    try {
      await link.ready(30_000)
    } finally {
      link.close()
    }
  }

  /** Starts the switch, hands its sockets over, publishes the snapshot, and waits until it is ready. */
  async startSwitch(): Promise<void> {
    await this.#beginSwitch(this.#fork('switch'))
  }

  async #beginSwitch(child: ChildProcess): Promise<void> {
    const { sipTls } = this.options
    this.#begin('switch', child, { sealingKey: this.sealingKey, ...(sipTls ? { sipTls } : {}) })
    for (const { id } of this.sockets.held) await this.sockets.handOver(id, child)
    const boot = async () => {
      const link = await this.link.ready(30_000)
      return link.call('status', {})
    }
    await until('a new switch', () => boot().catch(() => null), 30_000)
    await this.publish(this.snapshot)
  }

  async publish(snapshot: Snapshot): Promise<void> {
    this.snapshot = snapshot
    await this.link.call('publish', { snapshot })
  }

  /** Changes acme in a new publication. */
  async change(subscriber: Partial<SubscriberConfig>): Promise<void> {
    const [acme] = this.snapshot.subscribers
    await this.publish({ ...this.snapshot, number: this.snapshot.number + 1, subscribers: [{ ...acme!, ...subscriber }] })
  }

  /** Changes one trunk in a new publication. */
  async changeTrunk(name: string, change: Partial<TrunkConfig>): Promise<void> {
    const trunks = this.snapshot.trunks.map((trunk) => (trunk.name === name ? { ...trunk, ...change } : trunk))
    await this.publish({ ...this.snapshot, number: this.snapshot.number + 1, trunks })
  }

  async kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const child = this.children.get(name)
    if (!child) return null
    this.children.delete(name)
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    const gone = new Promise<number | null>((resolve) => child.once('exit', resolve))
    child.kill(signal)
    return await gone
  }

  /** What is not on the disk yet is not read. */
  async #synced(): Promise<void> {
    const unsynced = async () => {
      const metric = (await this.link.call('metrics', {})).find(({ name }) => name === 'tieline_journal_unsynced_records')
      return metric!.samples[0]!.value
    }
    await until('the journal to be on the disk', async () => (await unsynced()) === 0, 10_000)
  }

  /** All records of the journal so far, from the beginning. */
  async records(): Promise<JournalRecord[]> {
    const records: JournalRecord[] = []
    let after = 0
    await this.#synced()
    for (;;) {
      const { entries, position } = await this.link.call('journal.read', { after, limit: 1000 })
      records.push(...entries.map((entry) => entry.record))
      if (entries.length === 0) return records
      after = position
    }
  }

  async events(): Promise<PlatformEvent[]> {
    return (await this.records()).flatMap((record) => (record.type === 'event' ? [record.event] : []))
  }

  /** Leases by what became of them. */
  async leases(): Promise<{ kind: string; answered: boolean; released: string | null }[]> {
    const leases = new Map<string, { kind: string; answered: boolean; released: string | null }>()
    for (const record of await this.records()) {
      if (record.type === 'lease.taken') leases.set(record.lease.id, { kind: record.lease.kind, answered: false, released: null })
      if (record.type === 'lease.answered') leases.get(record.lease as string)!.answered = true
      if (record.type === 'lease.released') {
        const lease = leases.get(record.lease.id)!
        if (lease.released !== null) throw new Error('a lease was released twice')
        lease.released = record.lease.reason ?? ''
      }
    }
    return [...leases.values()]
  }

  /** Waits until no call is up and no lease is held. */
  async quiet(ms = 5000): Promise<void> {
    await until(
      'an idle switch',
      async () => {
        const [status, resources] = await Promise.all([this.link.call('status', {}), this.link.call('resource.list', {})])
        return status.calls === 0 && resources.every((r) => r.inUse === 0)
      },
      ms,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }

  #fork(program: 'switch' | 'voice', name: string = program): ChildProcess {
    // Whoever runs the tests leaves its own marks in the environment, which are not for our processes.
    const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env
    const child = fork(join(SOURCE, `${program}.ts`), [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [...(program === 'switch' ? SWITCH_FLAGS : []), ...(this.options.execArgv ?? [])],
      env: { ...env, ...this.options.env },
    })
    this.children.set(name, child)
    return child
  }

  #begin(name: string, child: ChildProcess, extra: Partial<StartMessage['start']>): void {
    const directory = join(this.directory, name)
    mkdirSync(directory, { recursive: true })
    child.send({ start: { config: this.config, directory, run: this.run, ...extra } } satisfies StartMessage)
  }

  async #killAll(): Promise<void> {
    for (const name of [...this.children.keys()]) await this.kill(name)
  }
}

function voiceName(index: number): string {
  return index === 0 ? 'voice' : `voice-${index}`
}
