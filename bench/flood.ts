import { fork } from 'node:child_process'
import { join } from 'node:path'
import { DID, World } from '../test/call/harness.ts'
import { sleep, until } from '../test/peer/clock.ts'
import type { Extent, Figure } from './figure.ts'
import type { FloodOrders, FloodResult } from './flood-sender.ts'
import { resident } from './process.ts'

/** Messages a second, half of a trunk gone mad and half of strangers (PITFALLS F06). */
const PER_SECOND = 20_000
/** Seconds after which nothing may grow any more. */
const SETTLED = 45
/** Calls that are up all the while. */
const UP = 50
const CALLER = '+32470123456'
/** Nobody's number: what is measured is the switch, not our far ends, which would have to answer. */
const FLOODED = '+3225550999'

/** A flood from all sides, for so long: what it costs, whom it harms, and how soon all is as before. */
export async function measure({ minutes = 1 }: Extent = {}): Promise<Figure[]> {
  const seconds = minutes * 60
  await using world = await World.open({ log: 'error' })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const placed: Awaited<ReturnType<World['carrier']['place']>>[] = []
  const place = async () => {
    const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
    placed.push(call)
    return call
  }
  const held = await Promise.all(Array.from({ length: UP }, place))
  await until('the calls that are held', () => held.every((call) => call.phase === 'up'), 10_000)
  const before = resident(world.child('switch').pid!)
  const flood = Promise.all([`${world.net}.3`, `${world.net}.9`].map((address) => sender(world, address, seconds * 1000)))
  const during = await watch(world, flood, place)
  const [mad, strangers] = await flood
  const recovery = await answeredWithin(place, 1000)
  const harmed = held.filter((call) => call.phase !== 'up').length
  // One that was given up may have been answered since.
  const ended = () => {
    for (const call of placed) if (call.phase === 'up') call.hangup()
    return placed.every((call) => call.phase === 'ended')
  }
  await until('the ends', ended, 60_000, 100)
  await world.quiet(60_000)
  const figure = (name: string, value: number, unit: string, must: number | null = null): Figure => ({
    ...{ name: `flood: ${name}`, value, unit, must, aim: null, better: 'lower', peer: null },
  })
  return [
    { ...figure('messages sent', (mad!.sent + strangers!.sent) / seconds, 'messages/s'), better: 'higher' },
    figure('memory grown, at most', during.peak - before, 'MiB', 256),
    figure(`memory grown after the first ${SETTLED} s`, during.peak - during.settled, 'MiB'),
    // Those of the trunk that has gone mad, as many as a source may have, and of the quiet one.
    figure('transactions, at most', during.transactions, 'transactions', 51_000),
    figure('calls that were up and were harmed', harmed, 'calls', 0),
    figure('answers that a stranger got', strangers!.heard, 'messages', 0),
    figure('new calls of a quiet trunk that failed', during.failed, `of ${during.placed}`),
    figure('set-up of a new call meanwhile, median', during.setUpMs, 'ms'),
    figure('until a call is set up within 1 s again', recovery / 1000, 's', 10),
  ]
}

function sender(world: World, address: string, ms: number): Promise<FloodResult> {
  const child = fork(join(import.meta.dirname, 'flood-sender.ts'), { execArgv: [] })
  world.defer(() => void child.kill('SIGKILL'))
  child.send({ address, to: world.node, user: FLOODED, perSecond: PER_SECOND / 2, ms } satisfies FloodOrders)
  return new Promise((resolve, reject) => {
    child.once('message', (result: FloodResult) => resolve(result))
    child.once('exit', (code) => reject(new Error(`a sender ended with ${code}`)))
  })
}

/** Looks at the switch every second, and places a call of a trunk that does nothing wrong. */
async function watch(world: World, flood: Promise<unknown>, place: () => ReturnType<World['carrier']['place']>) {
  const begun = performance.now()
  let over = false
  void flood.finally(() => {
    over = true
  })
  const seen = { peak: 0, settled: 0, transactions: 0, placed: 0, failed: 0, setUpMs: 0 }
  const setUps: number[] = []
  while (!over) {
    const begin = performance.now()
    const call = await place()
    seen.placed += 1
    const up = await until('an answer', () => call.phase === 'up', 10_000).catch(() => false)
    if (up) setUps.push(performance.now() - begin)
    else seen.failed += 1
    call.hangup()
    const link = await world.link.ready(30_000)
    const status = await link.call('status', {}, { timeoutMs: 10_000 })
    seen.peak = Math.max(seen.peak, resident(world.child('switch').pid!))
    if (performance.now() - begun < SETTLED * 1000) seen.settled = seen.peak
    seen.transactions = Math.max(seen.transactions, status.transactions)
    await sleep(1000)
  }
  setUps.sort((a, b) => a - b)
  seen.setUpMs = setUps[Math.floor(setUps.length / 2)] ?? Number.NaN
  return seen
}

/** Ms until a call that is placed now is up within `ms`; tried again and again. */
async function answeredWithin(place: () => ReturnType<World['carrier']['place']>, ms: number): Promise<number> {
  const begin = performance.now()
  for (;;) {
    const call = await place()
    const up = await until('an answer', () => call.phase === 'up', ms).catch(() => false)
    call.hangup()
    if (up) return performance.now() - begin
    if (performance.now() - begin > 60_000) throw new Error('no call was set up within 60 s of the flood')
  }
}

if (import.meta.main) for (const figure of await measure()) process.stdout.write(`${JSON.stringify(figure)}\n`)
