import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { sleep, until } from '../peer/clock.ts'
import { DID, World } from './harness.ts'
import { insidesOf, TELLS_INSIDES } from './insides.ts'

const CALLS = 500
const AT_ONCE = 50

test('C12 after calls with sound nothing is left open: descriptors, timers, sockets (memory: npm run bench -- hold)', async () => {
  await using world = await World.open({ voice: true, execArgv: TELLS_INSIDES })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  // What is made once for all is there after these.
  await calls(world, AT_ONCE)
  const before = await settled(world)
  await calls(world, CALLS)
  // What closes a moment after its call has closed.
  const deadline = performance.now() + 15_000
  let after = await open(world)
  while (JSON.stringify(after) !== JSON.stringify(before) && performance.now() < deadline) {
    await sleep(500)
    after = await open(world)
  }
  assert.deepEqual(after, before)
})

/** What is open once nothing closes any more that was made for the first calls. */
async function settled(world: World) {
  for (let known = await open(world); ; ) {
    await sleep(1000)
    const now = await open(world)
    if (JSON.stringify(now) === JSON.stringify(known)) return now
    known = now
  }
}

async function calls(world: World, count: number): Promise<void> {
  for (let i = 0; i < count; i += AT_ONCE) {
    const placed = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, j) => world.carrier.place({ to: world.node, from: `+3247${i + j}`, number: DID })),
    )
    await until('all of them up', () => placed.every((call) => call.phase === 'up'), 30_000)
    for (const call of placed) call.hangup()
    await world.quiet(30_000)
  }
}

/** Of both processes: open descriptors but those of ports that rest (M13), and what their event loops hold. */
async function open(world: World) {
  const of = async (name: string) => {
    const child = world.child(name)
    const { resources } = await insidesOf(child)
    return { descriptors: descriptors(child.pid!), resources }
  }
  return { switch: await of('switch'), voice: await of('voice') }
}

function descriptors(pid: number): number {
  const ports = new Set<string>()
  for (const family of ['udp', 'udp6']) {
    for (const line of readFileSync(`/proc/${pid}/net/${family}`, 'utf8').split('\n').slice(1)) {
      const inode = line.trim().split(/\s+/)[9]
      if (inode) ports.add(`socket:[${inode}]`)
    }
  }
  const links = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      return [] // closed since the folder was read
    }
  })
  return links.filter((link) => !ports.has(link)).length
}
