import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, silentLog, TurnedClock } from '#lib/index.ts'
import { durationMs, type JournalRecord, type Lease, type SandboxMemory } from '#platform/words/index.ts'
import { AgentMemory } from './memory.ts'
import { ResourceRegistry } from './registry.ts'
import { ResourceUnavailable } from './unavailable.ts'

const [acme, globex] = [newId('sub'), newId('sub')]
const version = newId('agt')
const DAY = 86_400_000

function world({ boot = 'b1', clock = new TurnedClock() } = {}) {
  const records: JournalRecord[] = []
  const record = (entry: JournalRecord) => void records.push(structuredClone(entry))
  const registry = new ResourceRegistry({ clock, boot, record })
  const sizes = new Map([acme, globex].map((id) => [id, 256]))
  const configure = (capacity: number) =>
    registry.configure({
      capacities: [{ kind: 'agent.memory', capacity }],
      subscribers: [acme, globex].map((id) => ({
        id,
        allocations: [{ kind: 'agent.memory', guaranteed: sizes.get(id)!, ceiling: 3 * sizes.get(id)! }],
      })),
      trunks: [],
    })
  configure(1024)
  const calendar = { looks: 0 }
  const memory = new AgentMemory({
    ...{ registry, clock, boot, record, log: silentLog },
    subscriber: (id) => ({ timeZone: 'UTC', agent: { memoryMebibytes: sizes.get(id) ?? 0 } }),
    endOfDay(wall) {
      calendar.looks++
      return Math.floor(wall / DAY) * DAY + DAY - 1
    },
  })
  const of = (type: 'lease.taken' | 'lease.released') =>
    records.flatMap((entry) => (entry.type === type && 'lease' in entry ? [entry as { lease: Lease; review?: boolean }] : []))
  const events = () => records.flatMap((entry) => (entry.type === 'event' ? [entry.event] : []))
  const carried = () => records.flatMap((entry) => (entry.type === 'lease.carried' ? [entry] : []))
  return { clock, registry, memory, records, of, events, carried, sizes, configure, calendar }
}

const sandbox = (name: string, more: Partial<SandboxMemory> = {}): SandboxMemory => ({
  ...{ sandbox: name, subscriber: acme, agent: version, mebibytes: 256 },
  ...more,
})

test('a sandbox has one lease, however often it is asked for, and none when it is gone', async () => {
  const { registry, memory, of, clock } = world()
  await memory.take(sandbox('s1'))
  await memory.take(sandbox('s1'))
  assert.deepEqual(
    of('lease.taken').map(({ lease }) => [lease.agent, lease.count, lease.detail?.sandbox]),
    [[version, 256, 's1']],
  )
  memory.free('s1', 'replaced')
  memory.free('s1', 'replaced')
  assert.deepEqual(
    of('lease.released').map(({ lease }) => lease.reason),
    ['replaced'],
  )
  assert.equal(registry.size, 0)
  // What was asked for and not needed any more has held nothing.
  await memory.take(sandbox('s2'))
  clock.turn(5000)
  memory.free('s2', 'unused')
  const { taken, released } = of('lease.released').at(-1)!.lease
  assert.deepEqual(released, taken)
  memory.close()
  assert.equal(clock.pending, 0)
})

test('what the node has not is refused, and told once: kind, limit, and the versions that hold it', async () => {
  const { memory, events, configure } = world()
  configure(700)
  await memory.take(sandbox('s1'))
  await memory.take(sandbox('g1', { subscriber: globex }))
  for (let i = 0; i < 3; i++)
    await assert.rejects(memory.take(sandbox('s2')), (error) => {
      assert.ok(error instanceof ResourceUnavailable)
      assert.match(error.message, /no agent.memory left: the node's pool is 700, 512 in use, 256 more asked for/)
      return true
    })
  const told = events()
  assert.deepEqual([told.length, told[0]?.type, told[0]?.subscriber, told[0]?.data.agent], [1, 'resource.refused', acme, version])
  const { holders } = told[0]!.data.refusal as { holders: object[] }
  assert.deepEqual(
    holders,
    [acme, globex].map((subscriber) => ({ subscriber, agent: version, count: 256 })),
  )
  // It was had, and is refused anew: that is told again.
  configure(800)
  await memory.take(sandbox('s2'))
  await assert.rejects(memory.take(sandbox('s3')))
  assert.equal(events().length, 2)
  memory.close()
})

test('host may have heard of another size before the switch: it is waited for, and not for ever', async () => {
  const { memory, events, sizes, configure, clock } = world()
  configure(8192)
  let outcome = ''
  const ask = (name: string) =>
    memory.take(sandbox(name, { mebibytes: 1024 })).then(
      () => (outcome = 'granted'),
      () => (outcome = 'refused'),
    )
  const granted = ask('s1')
  await null
  assert.equal(outcome, '')
  sizes.set(acme, 1024)
  configure(8192)
  memory.published()
  await granted
  assert.deepEqual([outcome, events().length], ['granted', 0])
  sizes.set(acme, 64)
  configure(8192)
  const refused = ask('s2')
  clock.turn(1000)
  await refused
  assert.deepEqual([outcome, events().length], ['refused', 1])
  memory.close()
  assert.equal(clock.pending, 0)
})

test('a lease is cut at the end of each day, to the millisecond, however late that is noticed; days add up to what was held', async () => {
  const { memory, of, clock, registry } = world()
  const noon = Math.floor(clock.wall() / DAY) * DAY + DAY + DAY / 2
  clock.turn(noon - clock.wall())
  await memory.take(sandbox('s1'))
  const begun = clock.wall()
  clock.turn(DAY / 2)
  assert.equal(of('lease.released').length, 1, 'at midnight, and no hour later')
  // Nobody is awake for two and a half days.
  clock.turn(2.5 * DAY)
  memory.free('s1', 'stopped')
  const days = of('lease.released').map(({ lease }) => lease)
  assert.deepEqual(
    days.map(({ reason }) => reason),
    ['day', 'day', 'day', 'stopped'],
  )
  for (const { released, reason } of days) if (reason === 'day') assert.equal((released!.wall + 1) % DAY, 0)
  for (const [i, { taken }] of days.entries()) if (i > 0) assert.deepEqual(taken, days[i - 1]!.released)
  assert.equal(
    days.reduce((sum, { taken, released }) => sum + durationMs(taken, released!), 0),
    clock.wall() - begun,
  )
  assert.equal(new Set(days.map(({ id }) => id)).size, 4)
  assert.equal(registry.size, 0)
  memory.close()
  assert.equal(clock.pending, 0)
})

test('a switch that was killed goes on with what host says is there, and closes the rest at the last proven moment', async () => {
  const before = world()
  await before.memory.take(sandbox('s1'))
  await before.memory.take(sandbox('g1', { subscriber: globex }))
  const leases = [...before.registry.held()]
  before.memory.close()
  // It is a day later: nothing is cut of which nobody knows yet whether it is there.
  const { clock } = before
  const proven = { wall: clock.wall() + 5000, mono: clock.now() + 5000, boot: 'b1' }
  clock.turn(DAY)
  const { memory, registry, of, records, carried } = world({ boot: 'b2', clock })
  registry.restore(leases)
  memory.restore({ leases, lastProven: () => proven })
  clock.turn(2 * 3_600_000)
  assert.deepEqual(records, [])
  memory.settle([
    { ...sandbox('s1'), granted: true },
    { ...sandbox('s2'), granted: false },
    { ...sandbox('s3'), granted: true },
  ])
  const [lost, cut, ...more] = of('lease.released')
  assert.deepEqual([lost?.lease.subscriber, lost?.lease.released, lost?.review], [globex, proven, true])
  assert.deepEqual([cut?.lease.subscriber, cut?.lease.reason, more], [acme, 'day', []])
  const kept = leases.find(({ subscriber }) => subscriber === acme)
  assert.deepEqual(
    carried().map(({ lease, at }) => [lease, at.boot]),
    [[kept?.id, 'b2']],
  )
  // What is asked for only waits to be asked for again; what is there is a fact, and leased.
  assert.deepEqual(
    [...registry.held()].map(({ detail }) => detail?.sandbox),
    ['s3', 's1'],
  )
  // A day by the wall clock, since no monotonic one reaches over a restart.
  const slices = [cut!.lease, [...registry.held()].find(({ detail }) => detail?.sandbox === 's1')!]
  assert.deepEqual(slices[1]!.taken, slices[0]!.released)
  memory.stop()
  assert.equal(registry.size, 0)
  await assert.rejects(memory.take(sandbox('s4')), /the switch stops/)
  assert.equal(clock.pending, 0)
})

test('what is asked for before host has said what there is waits for that: what is gone does not stand in its way', async () => {
  const { memory, registry, of, clock, events } = world()
  const taken = { wall: clock.wall() - 60_000, mono: 0, boot: 'b0' }
  const leases = ['old1', 'old2', 'old3'].map((name): Lease => {
    const { subscriber, agent, mebibytes } = sandbox(name)
    return { id: newId('lse'), subscriber, kind: 'agent.memory', count: mebibytes, agent, taken, detail: { sandbox: name } }
  })
  registry.restore(leases)
  memory.restore({ leases, lastProven: () => taken })
  let granted = false
  const asked = memory.take(sandbox('new')).then(() => (granted = true))
  await null
  assert.equal(granted, false)
  memory.settle([{ ...sandbox('new'), granted: false }])
  await asked
  assert.deepEqual([of('lease.released').length, registry.size, events().length], [3, 1, 0])
  memory.close()
  assert.equal(clock.pending, 0)
})

test('a host that does not say what there is holds nobody up, and nothing is cut of which nobody knows whether it is there', async () => {
  const { memory, registry, of, clock } = world()
  const taken = { wall: clock.wall() - 3 * DAY, mono: 0, boot: 'b0' }
  const old: Lease = { id: newId('lse'), subscriber: acme, kind: 'agent.memory', count: 256, agent: version, taken }
  old.detail = { sandbox: 'old' }
  registry.restore([old])
  memory.restore({ leases: [old], lastProven: () => taken })
  const asked = memory.take(sandbox('new'))
  clock.turn(5000)
  await asked
  assert.deepEqual([of('lease.released'), registry.size], [[], 2])
  memory.settle([{ ...sandbox('old'), granted: true }])
  assert.deepEqual(
    of('lease.released').map(({ lease }) => lease.reason),
    // What host does not name is gone; of the other each day that is over is cut.
    ['stopped', 'day', 'day', 'day'],
  )
  memory.stop()
})

test('what comes and goes while host says what there is counts, whatever the answer says of it', async () => {
  const { memory, registry, of } = world()
  for (const name of ['s1', 's2']) await memory.take(sandbox(name))
  memory.asking()
  // All of this may be read in one piece, the answer first and what follows from it last.
  await memory.take(sandbox('g1', { subscriber: globex }))
  memory.free('s1', 'replaced')
  memory.settle([
    { ...sandbox('s1'), granted: true },
    { ...sandbox('s2'), granted: true },
  ])
  const held = () => [...registry.held()].map(({ detail }) => detail?.sandbox)
  assert.deepEqual(held(), ['s2', 'g1'])
  assert.equal(of('lease.released').length, 1)
  // The next time nothing is held for there that host does not name.
  memory.asking()
  memory.settle([{ ...sandbox('s2'), granted: true }])
  assert.deepEqual(held(), ['s2'])
  memory.stop()
})

test('B11 a wall clock that is put forward by days, and back again, makes no usage: days add up to what was held', async () => {
  const { memory, of, clock } = world()
  await memory.take(sandbox('s1'))
  const begun = clock.now()
  clock.turn(1000)
  clock.step(3 * DAY)
  clock.turn(3_600_000)
  clock.step(-3 * DAY)
  clock.turn(3_600_000)
  memory.free('s1', 'stopped')
  const days = of('lease.released').map(({ lease }) => lease)
  assert.equal(days.length, 4)
  assert.equal(
    days.reduce((sum, { taken, released }) => sum + durationMs(taken, released!), 0),
    clock.now() - begun,
  )
  memory.close()
})

test('B05 a day is a whole one however the clocks are read: an increment begins with the next', async () => {
  const { memory, of, clock, registry } = world()
  clock.turn(DAY - (clock.wall() % DAY))
  await memory.take(sandbox('s1'))
  const [begun, first] = [clock.now(), [...registry.held()][0]!.taken]
  for (const off of [-1, 2, -3, 1, 1]) {
    clock.turn(DAY / 2)
    clock.step(off)
    clock.turn(DAY / 2)
  }
  clock.turn(5)
  memory.free('s1', 'stopped')
  const days = of('lease.released').map(({ lease }) => durationMs(lease.taken, lease.released!))
  assert.deepEqual(days.slice(1, 5), [DAY, DAY, DAY, DAY])
  assert.equal(
    days.reduce((sum, ms) => sum + ms, 0),
    clock.now() - begun,
  )
  assert.equal(days[0], DAY - 1 - (first.wall % DAY))
  memory.close()
})

test('one more sandbox looks at the calendar for itself, and not for all that are there', async () => {
  const { memory, configure, calendar, sizes } = world()
  sizes.set(acme, 25_600)
  configure(76_800)
  for (let i = 0; i < 100; i++) await memory.take(sandbox(`s${i}`))
  assert.ok(calendar.looks <= 100, `${calendar.looks} looks`)
  memory.stop()
})
