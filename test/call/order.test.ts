import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PlatformEvent } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, World } from './harness.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Places many calls that end at all times: before they ring, while they ring, and when they are up; who called is its number. */
async function crowd(world: World, count: number): Promise<Call[]> {
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 60 }]
  const calls: Call[] = []
  for (let i = 0; i < count; i++) {
    const call = await world.carrier.place({ to: world.node, from: `+3247000${1000 + i}`, number: DID })
    calls.push(call)
    const end = () => (call.phase === 'up' ? call.hangup() : call.cancel())
    setTimeout(end, 20 + Math.random() * 900)
    await pause(Math.random() * 15)
  }
  return calls
}

/** Puts events in order and tells of what is missing, as a reader does that hears them late, twice and in any order. */
function ordered(heard: PlatformEvent[]): { events: PlatformEvent[]; missing: number[] } {
  const byNumber = new Map(heard.map((event) => [event.number, event]))
  const last = Math.max(...byNumber.keys())
  const numbers = Array.from({ length: last }, (_, i) => i + 1)
  return { events: numbers.flatMap((n) => byNumber.get(n) ?? []), missing: numbers.filter((n) => !byNumber.has(n)) }
}

test('C08 events of many calls at once are numbered without gap, in the order of time; shuffled and doubled they can be put right', async () => {
  await using world = await World.open()
  const calls = await crowd(world, 60)
  await until('all to be over', () => calls.every(({ phase }) => phase === 'ended'), 15_000)
  await world.quiet()
  const events = await world.events()
  assert.ok(events.length > 60 * 4, `${events.length} events`)
  assert.deepEqual(
    events.map(({ number }) => number),
    events.map((_, i) => i + 1),
  )
  assert.deepEqual(
    events.map(({ at }) => at),
    events.map(({ at }) => at).sort(),
  )
  assert.equal(new Set(events.map(({ id }) => id)).size, events.length)
  const byCall = Map.groupBy(events, ({ call }) => call)
  assert.equal(byCall.size, 60)
  for (const [call, own] of byCall) {
    const types = own.map(({ type }) => type)
    assert.deepEqual([types[0], types.at(-1)], ['call.offered', 'call.cleared'], `${call}: ${types}`)
    assert.equal(types.filter((type) => type === 'call.cleared').length, 1)
  }
  const shuffled = [...events, ...events.slice(0, 50)].sort(() => Math.random() - 0.5)
  assert.deepEqual(ordered(shuffled), { events, missing: [] })
  assert.deepEqual(ordered(shuffled.filter(({ number }) => number !== 7)).missing, [7])
})

test('C14 the list of calls shows none for longer than a second after its end, whatever ends at once', async () => {
  await using world = await World.open()
  const over = new Map<string, number>()
  let looks = 0
  let stop = false
  const seen = new Set<string>()
  const calls: Call[] = []
  const looking = (async () => {
    while (!stop) {
      for (const call of calls) {
        const from = /sip:([^@]+)@/.exec(call.report().from)![1]!
        if (call.phase === 'ended' && !over.has(from)) over.set(from, performance.now())
      }
      const begun = performance.now()
      for (const { from, subscriber } of await world.link.call('call.list', {})) {
        assert.equal(subscriber, world.acme)
        seen.add(from.number)
        const ended = over.get(from.number)
        assert.ok(ended === undefined || begun - ended < 1000, `${from.number} is listed ${begun - ended!} ms after its end`)
      }
      looks += 1
      await pause(10)
    }
  })()
  calls.push(...(await crowd(world, 80)))
  await until('all to be over', () => calls.every(({ phase }) => phase === 'ended'), 15_000)
  await pause(1200)
  stop = true
  await looking
  assert.deepEqual(await world.link.call('call.list', {}), [])
  assert.ok(looks > 30 && seen.size > 10, `${looks} looks have seen ${seen.size} calls`)
  await world.quiet()
})
