import path from 'node:path'
import {
  type Call,
  type CallLimits,
  cutAtLimit,
  dialogsOf,
  type Exchange,
  isUser,
  LIMITS,
  recordOf,
  restore,
  warnOfLimit,
} from '#journeys/call/index.ts'
import { type Clock, type Id, type Log, token } from '#lib/index.ts'
import { endOfDay, parseMicros, priceOf, unitsOf } from '#platform/billing/index.ts'
import { openJournal } from '#platform/journal/index.ts'
import { RecordingShelf } from '#platform/recording/index.ts'
import { AgentMemory, ResourceRegistry } from '#platform/resource/index.ts'
import { createSealer, subscriberSealer } from '#platform/subscriber/index.ts'
import {
  Configuration,
  type Datagrams,
  Load,
  MessageCount,
  Outbox,
  placesIn,
  Realms,
  SiteSecurity,
  TrunkSecurity,
  VoicePool,
} from '#platform/switch/index.ts'
import { Lamps, Registrar } from '#platform/telephone/index.ts'
import { TollGate } from '#platform/toll/index.ts'
import { TraceStore } from '#platform/trace/index.ts'
import { CallPace, createDirectory, Locations, Strangers, TrunkCallers } from '#platform/trunk/index.ts'
import {
  type ChannelState,
  instantOf,
  type JournalRecord,
  LINKS,
  type Realm,
  SHARED,
  type SipTls,
  type SocketHandover,
  type StartMessage,
  timeText,
} from '#platform/words/index.ts'
import { DatagramReceiver, DatagramSender, loadLibc } from '#protocol/posix/index.ts'
import type { Hop } from '#protocol/sip/index.ts'
import { AgentDoor } from './agents.ts'
import { nodeDns, watchCarriers } from './carriers.ts'
import { telephonePasswords, trunkCredentials, trunkPasswords } from './credentials.ts'
import { tellDeployments } from './deployed.ts'
import { followHost } from './host.ts'
import { serveControl } from './link.ts'
import { switchMetrics } from './metrics.ts'
import { Reception } from './reception.ts'
import { releasedSince } from './released.ts'
import { drainCalls, stopCalls } from './stop.ts'
import { watchWire } from './wire.ts'

/** The share of time in which the event loop worked since it was last asked. */
function loopUtilization(): () => number {
  let last = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, last)
    last = now
    return utilization
  }
}

/** Datagrams past Node. A place that is known is the same object each time: nobody writes to it. */
function throughLibc(): Datagrams {
  const libc = loadLibc()
  const receiver = new DatagramReceiver<Hop>(libc, (address, port) => ({ transport: 'udp', address, port }))
  return { libc, sender: new DatagramSender(libc), receiver }
}

export interface Switch {
  adopt(socket: SocketHandover['socket'], handle: unknown): void
  realmGone(realm: Realm): void
  /** The same of one address of a realm. */
  addressGone(realm: Realm, address: string): void
  /** Shows this one to whoever connects by TLS on the trunk side from now on. */
  certify(own: SipTls): void
  /**
   * Takes no new calls, waits for those that are up as long as the configuration says, ends what is left, and then the
   * process's part in everything. `now` waits for nothing; told again, it ends a wait (PITFALLS O01).
   */
  close(how: 'drain' | 'now'): Promise<void>
  /** Leaves the calls as they are, for the next switch to carry on. */
  handOver(): Promise<void>
}

export interface StartOptions {
  start: StartMessage['start']
  clock: Clock
  log: Log
  limits?: Partial<CallLimits>
}

/** Builds the switch and takes up what the journal says was left. The order is that of DESIGN §2: state, calls, links. */
export async function startSwitch({ start, clock, log, limits }: StartOptions): Promise<Switch> {
  const { config, directory, run } = start
  const boot = token(8)
  const traces = new TraceStore({ directory: path.join(directory, 'traces'), clock, log, maxBytes: config.trace.mebibytes << 20 })
  const wire = watchWire({ config, traces, clock, log })
  const journal = await openJournal({
    ...{ directory: path.join(directory, 'journal'), clock, boot, node: config.node, log },
    onAppend: (record, text) => wire.tap.record(record, text),
  })
  const configuration = new Configuration({ directory, log })
  /** One that is there twice has not changed the second time. */
  let dirty: Call[] = []
  const now = () => instantOf(clock, boot)
  const outbox = new Outbox({
    flush() {
      const changed = dirty
      if (changed.length > 0) dirty = []
      for (const call of changed) {
        const entry = call.cause ? null : recordOf(call, now())
        if (entry) journal.append(entry)
      }
      journal.flush()
    },
  })
  const record = (entry: JournalRecord) => {
    const position = journal.append(entry)
    outbox.wake()
    return position
  }
  const toll: TollGate = new TollGate({
    ...{ clock, boot, record },
    pricing: { units: unitsOf, price: priceOf, micros: parseMicros },
    warn: (leg) => warnOfLimit(exchange, leg),
    cut: (leg) => cutAtLimit(exchange, leg),
    leases: () => registry.held(),
    released: (after) => releasedSince(journal, after),
  })
  const registry: ResourceRegistry = new ResourceRegistry({
    ...{ clock, boot },
    record(entry, demand) {
      toll.saw(entry, record(entry), demand?.out)
    },
    refuses: (subscriber, demand, beside, ahead) => toll.refuses(subscriber, demand, beside, ahead),
  })
  const memory = new AgentMemory({
    ...{ registry, clock, boot, log, record },
    subscriber: (id) => configuration.subscriber(id),
    endOfDay: (wall, timeZone) => endOfDay(new Date(wall), timeZone).getTime(),
  })
  const locations = new Locations({ now: () => clock.now(), formerMs: config.calls.maxSeconds * 1000 })
  locations.configure(configuration.snapshot.trunks)
  let trunks = createDirectory({ ...configuration.snapshot, locations })
  const channels = new Map<Id<'sub'>, ChannelState>()
  const strangers = new Strangers({ clock, log })
  const count = new MessageCount()
  const load = new Load({ clock, limits: config.load, utilization: loopUtilization() })
  const callers = new TrunkCallers({ clock, password: trunkPasswords({ sealer: createSealer(start.sealingKey ?? '') }) })
  const reception = new Reception({ directory: () => trunks, strangers, load, callers, configuration, clock })
  const voice = new VoicePool({ log, clock })
  const agents = new AgentDoor({ path: path.join(run, LINKS.agents), log, clock, start, configuration })
  const security = new TrunkSecurity({
    log,
    own: start.sipTls,
    unseal: (sealed) => createSealer(start.sealingKey ?? '').openText(sealed),
    trunk: (profile) => trunks.byName(profile),
  })
  const siteSecurity = new SiteSecurity({
    log,
    unseal: (sealed) => createSealer(start.sealingKey ?? '').openText(sealed),
  })
  const ask = nodeDns({ config, clock })
  const realms: Realms = new Realms({
    clock,
    log,
    outbox,
    datagrams: throughLibc(),
    ask,
    random: Math.random,
    accepts: (realm, from, bytes) => reception.accepts(realm, from, bytes),
    belongs: (realm, source, hop) => reception.belongs(realm, source, hop),
    reaches: (realm, to, like) => reception.reaches(realm, to, like),
    usable: (realm, address) => reception.usable(realm, address),
    credentials: trunkCredentials({ sealer: createSealer(start.sealingKey ?? ''), directory: () => trunks }),
    refuses: (realm, request, source, load) => reception.refuses(realm, request, source, load),
    count,
    onMessage: (seen) => wire.tap.see(seen),
    streams: {
      open: (realm, id, family) => host.openStream(realm, id, family),
      secure(realm, socket, to) {
        if (realm === 'node') return security.secure(socket, to)
        return siteSecurity.secure(configuration.subscriber(realm), socket, to)
      },
      tlsServer(realm, from) {
        if (realm === 'node') return security.server(from)
        const subscriber = configuration.subscriber(realm)
        return subscriber ? siteSecurity.server(subscriber) : null
      },
      profileOf: (realm, address) => (realm === 'node' ? trunks.bySource(address)?.id : undefined),
    },
    onInvite: (realm, invite) => {
      const emergency = trunks.isEmergency(invite.request.target.user ?? '')
      if (realm === 'node' || emergency || telephones.admits(realm, invite)) reception.onInvite(exchange, realm, invite)
    },
    onRequest: (realm, request) => {
      if (realm !== 'node' && request.request.method === 'REGISTER') telephones.onRegister(realm, request)
      else reception.onRequest(realm, request)
    },
    onSubscribe: (subscriber, subscribe) => lamps.onSubscribe(subscriber, subscribe),
    onUnbound: (realm, flow) => {
      if (realm !== 'node') telephones.unbound(realm, flow)
    },
  })
  const passwords = telephonePasswords({ sealer: createSealer(start.sealingKey ?? ''), configuration })
  const telephones = new Registrar({
    clock,
    password: passwords,
    record: (subscriber, user, bindings) => record({ type: 'registration', at: now(), subscriber, user, bindings }),
    algorithm: (subscriber) => configuration.subscriber(subscriber)?.site.digest ?? 'MD5',
    pbx(subscriber) {
      const { account, calls } = configuration.subscriber(subscriber)?.site.pbx ?? {}
      return account === undefined ? undefined : { account, asked: calls === 'digest' }
    },
    tlsOnly: (subscriber) => configuration.subscriber(subscriber)?.site.tls?.telephones === 'required',
    moved: (subscriber) => lamps.check(subscriber),
    bind: (subscriber, flow) => realms.bind(subscriber, flow),
  })
  const lamps: Lamps = new Lamps({
    clock,
    recognise: (subscriber, request, source) => telephones.recognise(subscriber, request, source),
    isThere: (subscriber, telephone, source) => telephones.isThere(subscriber, telephone, source),
    isUser(id, name) {
      const subscriber = configuration.subscriber(id)
      return subscriber !== undefined && isUser(exchange, subscriber, name)
    },
    dialogs: (subscriber, user) => dialogsOf(exchange, subscriber, user),
  })
  const carriers = watchCarriers({ config, directory, clock, log, ask, locations, node: () => realms.get('node') })
  const exchange: Exchange = {
    clock,
    log: wire.log,
    boot,
    config,
    limits: { ...LIMITS, maxCallMs: config.calls.maxSeconds * 1000, mediaTimeoutMs: config.voice.mediaTimeoutMs, ...limits },
    configuration,
    registry,
    voice,
    realms,
    sealer: createSealer(start.sealingKey ?? ''),
    agents,
    trace: wire.tap,
    recordings: new RecordingShelf({
      directory: path.join(config.state, SHARED.recordings),
      sealerOf: (subscriber) => subscriberSealer(start.sealingKey ?? '', subscriber),
    }),
    directory: () => trunks,
    gateways: carriers,
    telephones,
    lamps,
    pace: new CallPace(),
    instantText: timeText,
    channelState: (subscriber) => channels.get(subscriber),
    record,
    save(call) {
      if (dirty.at(-1) !== call) dirty.push(call)
      outbox.wake()
    },
    slots: new Map(),
    calls: new Map(),
  }
  const configure = () => {
    trunks = createDirectory({ ...configuration.snapshot, locations })
    registry.configure(configuration.snapshot)
    toll.configure(configuration.snapshot)
    carriers.configure(configuration.snapshot.trunks)
    for (const subscriber of configuration.snapshot.subscribers) {
      realms.ensure(subscriber.id, placesIn(subscriber.channel, config.siteSipPort))
      realms.resolves(subscriber.id, subscriber.channel.dns)
    }
    agents.update(exchange)
  }
  const { address, port, tls } = config.sip
  realms.ensure('node', { local: { address, port, ...(tls ? { tlsPort: tls.port } : {}) } })
  configure()
  configuration.onChange(configure)
  configuration.onChange(() => memory.published())
  tellDeployments({ configuration, clock, boot, record })
  configuration.onChange(() => telephones.forget((subscriber, user) => passwords(subscriber, user) !== undefined))
  configuration.onChange(() => lamps.checkAll())
  const host = followHost({ path: path.join(run, LINKS.host), log, clock, channels, memory, onSaid: wire.said })
  const left = journal.replay()
  telephones.restore(left.registrations)
  // Whoever has nothing left is cut in the next turn: its call has to be there by then.
  const counted = toll.restore(left.tolls, left.leases)
  const begun = restore(exchange, left)
  memory.restore(left)
  await counted
  outbox.deliver()
  voice.start(Array.from({ length: config.voice.processes }, (_, index) => path.join(run, LINKS.voice(index))))
  const control = await serveControl({
    path: path.join(run, LINKS.switch),
    log,
    exchange,
    carriers,
    telephones,
    journal,
    traces,
    reception,
    load,
    toll,
    metrics: () => switchMetrics({ exchange, carriers, journal, traces, load, toll, strangers, count }),
    startedAt: clock.now(),
  })
  for (const goOn of begun) void goOn()
  log.info({ boot, resumed: begun.length, snapshot: configuration.snapshot.number }, 'the switch is ready')

  const hurry = new AbortController()
  let closing: Promise<void> | null = null
  const shut = async () => {
    load.close()
    await control.close()
    await agents.close()
    host.close()
    carriers.close()
    voice.close()
    realms.close()
    outbox.deliver()
    wire.close()
    await traces.close()
    await journal.close()
  }
  return {
    adopt: (socket, handle) => realms.adopt(socket, handle),
    addressGone: (realm, address) => realms.addressGone(realm, address),
    realmGone(realm) {
      if (realm !== 'node') lamps.gone(realm)
      realms.gone(realm)
    },
    certify: (own) => security.certify(own),
    close(how) {
      if (how === 'now') hurry.abort()
      closing ??= (async () => {
        reception.drain(true)
        await drainCalls(exchange, config.load.drainSeconds * 1000, hurry.signal)
        reception.close()
        await stopCalls(exchange)
        memory.stop()
        lamps.close()
        outbox.deliver()
        await shut()
      })()
      return closing
    },
    async handOver() {
      reception.close()
      memory.close()
      for (const call of exchange.calls.values()) {
        exchange.save(call)
        call.handedOver = true
      }
      lamps.close()
      outbox.deliver()
      await shut()
    },
  }
}
