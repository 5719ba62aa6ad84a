import { connect } from 'node:net'
import { sleep, until } from '../peer/clock.ts'
import { type Chance, chanceOf, mutate } from '../peer/mutate.ts'
import { RawEnd } from '../peer/sip/raw.ts'
import { DID, World } from './harness.ts'
import { addNeighbour } from './neighbour.ts'

const CALLER = '+32470123456'
/** Globex's number. */
const QUIET = '+3225550777'

/** Where calls of a subscriber go that is left in peace, and mutated ones: these are refused, or each would be up for 32 s. */
const SOMEBODY = '+3225559000'
const NOBODY = '+3225558000'

export interface Fuzzed {
  datagrams: number
  streams: number
  packets: number
  /** Calls placed in between, and such that were not answered within 10 s. */
  calls: number
  unanswered: number
  /** The longest time that the switch took to answer on its link, ms. */
  slowestMs: number
  /** Processes that have ended. */
  ended: string[]
}

/** A switch and voice, with acme, whose traffic is mutated, and globex, whose calls go on. */
export async function openFuzzWorld(): Promise<World> {
  const world = await World.open({
    ...{ voice: true, log: 'error', load: { requestsPerSecond: 50_000, siteRequestsPerSecond: 50_000 } },
    subscriber: { defaultRoute: { trunk: 'other', number: SOMEBODY } },
  })
  await addNeighbour(world)
  const subscribers = world.snapshot.subscribers.map((each) =>
    each.name === 'acme' ? { ...each, defaultRoute: { trunk: 'other', number: NOBODY } } : each,
  )
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, subscribers })
  world.second.rules = [
    { user: SOMEBODY, does: 'answer', ringMs: 5, tone: 700 },
    { user: '*', does: 486 },
  ]
  return world
}

/**
 * Mutations of the switch's own traffic, by datagrams and connections, from a trunk, a site and a stranger, and of RTP to the
 * ports of a call that is up. `told` gets what is about to be sent, so that what ends a process is known.
 */
export async function fuzzed(world: World, plan: { ms: number; perSecond: number; seed: number }): Promise<Fuzzed> {
  const chance = chanceOf(plan.seed)
  const seeds = await traffic(world)
  const result: Fuzzed = { datagrams: 0, streams: 0, packets: 0, calls: 0, unanswered: 0, slowestMs: 0, ended: [] }
  const pids = [...world.children].map(([name, child]) => ({ name, child }))
  const over = () => pids.filter(({ child }) => child.exitCode !== null || child.signalCode !== null).map(({ name }) => name)
  const end = performance.now() + plan.ms
  const going = () => performance.now() < end && over().length === 0
  const held = await world.carrier.place({ to: world.node, from: CALLER, number: QUIET, tone: 400 })
  await until('the call that is held', () => held.phase === 'up', 10_000)
  await Promise.all([
    datagrams(world, seeds, chance, plan.perSecond, going, result),
    streams(world, seeds, chance, going, result),
    packets(held.stream.remote!, chance, going, result),
    watch(world, going, result),
  ])
  held.hangup()
  result.ended = over()
  return result
}

/** What a call is made of, as the switch's own trace has it, but that it is acme who is called. */
export async function traffic(world: World): Promise<string[]> {
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: QUIET, tone: 400 })
  await until('an answer', () => call.phase === 'up', 5000)
  const [view] = await world.link.call('call.list', {})
  call.hangup()
  await world.quiet()
  const trace = await world.link.call('call.trace', { call: view!.id })
  const seeds = trace!.entries.flatMap((entry) => (entry.kind === 'sip' ? [entry.message.replaceAll(QUIET, DID)] : []))
  if (seeds.length < 8) throw new Error(`only ${seeds.length} messages were seen`)
  return seeds
}

/** One of them as it was, or as the first of a new transaction, or of a new call. */
export function fresh(seeds: readonly string[], chance: Chance): Buffer {
  const seed = seeds[chance(seeds.length)]!
  const n = chance(1 << 24)
  const transaction = seed.replaceAll(/branch=[^;,\s]+/g, `branch=z9hG4bK${n}`)
  const call = transaction.replace(/^Call-ID:.*$/im, `Call-ID: ${n}`).replace(/^(To:.*);tag=[^;\r]+/im, '$1')
  return Buffer.from([seed, transaction, call, call][chance(4)]!, 'latin1')
}

async function datagrams(
  world: World,
  seeds: string[],
  chance: Chance,
  perSecond: number,
  going: () => boolean,
  result: Fuzzed,
): Promise<void> {
  const others = seeds.map((seed) => Buffer.from(seed, 'latin1'))
  await using trunk = await RawEnd.open(`${world.net}.2`)
  await using site = await RawEnd.open(`${world.net}.75`)
  await using stranger = await RawEnd.open(`${world.net}.9`)
  const roads = [
    [trunk, world.node],
    [site, world.siteSwitch],
    [stranger, world.node],
  ] as const
  while (going()) {
    for (let i = 0; i < perSecond / 50; i++) {
      const [from, to] = roads[chance(8) < 5 ? 0 : 1 + chance(2)]!
      const bytes = mutate(fresh(seeds, chance), others, chance)
      // A datagram holds no more.
      from.send(bytes.subarray(0, 65_000), to)
      result.datagrams += 1
    }
    for (const [end] of roads) end.heard.length = 0
    await sleep(20)
  }
}

/** Several messages on one connection, in pieces of chance, until it is closed by either side. */
async function streams(world: World, seeds: string[], chance: Chance, going: () => boolean, result: Fuzzed): Promise<void> {
  const others = seeds.map((seed) => Buffer.from(seed, 'latin1'))
  while (going()) {
    await new Promise<void>((resolve) => {
      const socket = connect({ host: world.node.address, port: world.node.port, localAddress: `${world.net}.2` })
      socket.setTimeout(200, () => socket.destroy())
      socket.on('error', () => {}).on('close', () => resolve())
      socket.resume()
      socket.on('connect', () => {
        const bytes = Buffer.concat(Array.from({ length: 1 + chance(6) }, () => mutate(fresh(seeds, chance), others, chance)))
        for (let at = 0; at < bytes.length; ) {
          const size = 1 + chance(1500)
          socket.write(bytes.subarray(at, at + size))
          at += size
        }
        result.streams += 1
        setTimeout(() => socket.end(), 20)
      })
    })
  }
}

/** RTP and RTCP with anything wrong, to both ports of a leg. */
async function packets(
  to: { address: string; port: number },
  chance: Chance,
  going: () => boolean,
  result: Fuzzed,
): Promise<void> {
  await using end = await RawEnd.open(to.address.replace(/\d+$/, '2'))
  const rtp = Buffer.concat([Buffer.from([0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4]), Buffer.alloc(160, 0xd5)])
  const rtcp = Buffer.from('80c80006010203040000000000000000000000000000000000000000', 'hex')
  while (going()) {
    for (let i = 0; i < 20; i++) {
      const [seed, port] = chance(2) ? [rtp, to.port] : [rtcp, to.port + 1]
      end.send(mutate(seed, [rtp, rtcp], chance).subarray(0, 1400), { address: to.address, port })
      result.packets += 1
    }
    await sleep(20)
  }
}

/** Asks the switch how it is, and has a call answered, all the while. */
async function watch(world: World, going: () => boolean, result: Fuzzed): Promise<void> {
  while (going()) {
    const asked = performance.now()
    await world.link.call('status', {}, { timeoutMs: 10_000 })
    result.slowestMs = Math.max(result.slowestMs, performance.now() - asked)
    const call = await world.carrier.place({ to: world.node, from: CALLER, number: QUIET, tone: 400 })
    result.calls += 1
    await until('an answer', () => call.phase === 'up', 10_000).catch(() => {
      result.unanswered += 1
    })
    call.hangup()
    await sleep(200)
  }
}
