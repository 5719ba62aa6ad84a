import type { ChildProcess } from 'node:child_process'
import { KINDS } from '#platform/words/index.ts'
import { DID, World } from '../test/call/harness.ts'
import { insidesOf, TELLS_INSIDES } from '../test/call/insides.ts'
import { sleep } from '../test/peer/clock.ts'
import type { Figure } from './figure.ts'
import { cpuMs, resident } from './process.ts'
import { SippLoad } from './switch-load.ts'

/** Calls that are up at the same time, how fast they come, and how long each is up. */
const CALLS = 10_000
const RATE = 200
const UP_MS = 300_000
/** Calls before it, so that what is measured is calls and not a process that has just started. */
const WARM_UP = 4000

/** Very many calls that do nothing, without media: what one of them takes of memory and CPU, and what is left of them. */
export async function measure(): Promise<Figure[]> {
  const capacities = KINDS.map(({ kind }) => ({ kind, capacity: 2 * CALLS }))
  const allocations = KINDS.map(({ kind }) => ({ kind, guaranteed: 0, ceiling: 2 * CALLS }))
  await using world = await World.open({
    ...{ media: 'direct', farEnds: false, maxCallSeconds: 7200, capacities, subscriber: { allocations } },
    execArgv: TELLS_INSIDES,
  })
  const trunks = world.snapshot.trunks.map((trunk) => ({ ...trunk, maxOut: 2 * CALLS }))
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
  const process = world.child('switch')
  const pid = process.pid!
  using load = new SippLoad({ directory: world.directory, caller: `${world.net}.2`, callee: `${world.net}.3` })
  const to = { ...world.node, number: DID }
  await load.run(to, RATE, WARM_UP)
  await settled(world)
  const before = await inUse(process)
  const held = load.run(to, RATE, CALLS, UP_MS)
  let over = false
  void held.finally(() => {
    over = true
  })
  const up = async () => (await world.link.call('status', {})).calls
  let most = 0
  while (!over && most < CALLS) {
    most = Math.max(most, await up())
    await sleep(500)
  }
  // Transactions linger for 32 s (RFC 6026): what is left then is the calls themselves.
  await Promise.race([held, sleep(40_000)])
  const during = await inUse(process)
  const rss = resident(pid)
  const busy = cpuMs([pid])
  const begin = performance.now()
  await Promise.race([held, sleep(UP_MS / 2)])
  const share = (cpuMs([pid]) - busy) / (performance.now() - begin)
  const { failed } = await held
  await settled(world)
  const after = await inUse(process)
  const figure = (name: string, value: number, unit: string, must: number | null = null): Figure => ({
    ...{ name: `${CALLS} calls held: ${name}`, value, unit, must, aim: null, better: 'lower', peer: null },
  })
  return [
    { ...figure('up at the same time', most, 'calls', CALLS), better: 'higher' },
    figure('failed', failed, `of ${CALLS} calls`, 0),
    figure('memory of one', ((during - before) * 1024) / most, 'KiB'),
    figure('memory of the whole process', rss, 'MiB'),
    figure('CPU of one while nothing happens', (share * 1000 * 1000) / most, 'µs/s'),
    figure('left of them: memory', after - before, 'MiB'),
    figure('left of them: calls', await up(), 'calls', 0),
    figure('left of them: leases', await leases(world), 'leases', 0),
  ]
}

/** Nothing is up, and transactions have lingered for as long as they may (RFC 6026). */
async function settled(world: World): Promise<void> {
  await world.quiet(60_000)
  await sleep(40_000)
}

/** Memory in use, MiB. */
async function inUse(process: ChildProcess): Promise<number> {
  return (await insidesOf(process)).bytes / (1 << 20)
}

async function leases(world: World): Promise<number> {
  const uses = await world.link.call('resource.list', {})
  return uses.reduce((sum, { inUse }) => sum + inUse, 0)
}

if (import.meta.main) for (const figure of await measure()) process.stdout.write(`${JSON.stringify(figure)}\n`)
