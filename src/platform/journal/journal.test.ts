import assert from 'node:assert/strict'
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { newId } from '#lib/index.ts'
import type { Lease } from '#platform/words/index.ts'
import { acme, directoryOf, world } from './journal.fixture.ts'
import type { Journal } from './journal.ts'

test('what was open is found again: leases as they stood, calls, event numbers', async (t) => {
  const w = world(directoryOf(t))
  const first = await w.open()
  const [open, over] = [w.lease(), w.lease()]
  for (const record of [w.taken(open), w.taken(over), w.state(open.call, { step: 1 }), w.state(over.call, { step: 1 })])
    first.append(record)
  w.clock.turn(1000)
  const answered = w.at()
  first.append({ type: 'lease.answered', at: answered, lease: open.id })
  first.append(w.state(open.call, { step: 2 }))
  first.append(w.released(over))
  first.append(w.state(over.call, null))
  for (let i = 0; i < 3; i++) first.append(w.event())
  await first.close()
  const second = await w.open()
  const { leases, calls, eventNumbers, cutBytes, damaged } = second.replay()
  assert.deepEqual(leases, [{ ...open, answered }])
  assert.deepEqual(calls, [{ call: open.call, state: { step: 2 } }])
  assert.deepEqual([...eventNumbers], [[acme, 3]])
  assert.deepEqual([cutBytes, damaged], [0, 0])
  await second.close()
  assert.equal(w.clock.pending, 0)
})

test('events are numbered per subscriber, without a gap, over restarts', async (t) => {
  const w = world(directoryOf(t))
  const globex = newId('sub')
  const numbers: Record<string, number[]> = { [acme]: [], [globex]: [] }
  for (let boot = 0; boot < 3; boot++) {
    const journal = await w.open()
    for (const subscriber of [acme, globex, acme]) {
      const record = w.event(subscriber)
      journal.append(record)
      numbers[subscriber]!.push(record.event.number)
    }
    await journal.close()
  }
  assert.deepEqual(numbers, { [acme]: [1, 2, 3, 4, 5, 6], [globex]: [1, 2, 3] })
})

test('what changes after it was appended is not changed in the journal', async (t) => {
  const w = world(directoryOf(t))
  const journal = await w.open()
  const lease = w.lease()
  journal.append(w.taken(lease))
  lease.count = 99
  await journal.close()
  const again = await w.open()
  assert.equal(again.replay().leases[0]?.count, 1)
  await again.close()
})

test('B07 what an agent holds is closed at the last moment of the last process that knew it there, and not of one that came for a moment after an outage', async (t) => {
  const w = world(directoryOf(t))
  const { call: _, ...rest } = w.lease()
  const memory: Lease = { ...rest, kind: 'agent.memory', count: 256, agent: newId('agt'), detail: { sandbox: 's1' } }
  /** Carried on or not, each process has segments that come and go, and take with them what nothing refers to. */
  const run = async (work: (journal: Journal) => void, ms: number) => {
    const journal = await w.open({ segmentBytes: 4000 })
    const { boot, mono } = journal.replay().lastProven(memory)
    work(journal)
    for (let i = 0; i < 200; i++) {
      journal.append(w.event())
      journal.flush()
    }
    await journal.sync()
    journal.shipped(journal.status().position)
    w.clock.turn(ms)
    await journal.close()
    return [boot, mono]
  }
  await run((journal) => journal.append(w.taken(memory)), 12_000) // beats at 5 and 10 s
  assert.deepEqual(await run(() => {}, 7_000_000), ['b1', 10_000])
  const carried = (journal: Journal) => journal.append({ type: 'lease.carried', at: w.at(), lease: memory.id })
  assert.deepEqual(await run(carried, 7000), ['b1', 10_000])
  assert.deepEqual(await run(() => {}, 7_000_000), ['b3', 7_017_000])
  assert.deepEqual(await run(() => {}, 0), ['b3', 7_017_000])
})

test('a crash is closed at the last proven moment of the process that held the call (B06, B07)', async (t) => {
  const w = world(directoryOf(t))
  const first = await w.open()
  const [carried, lost] = [w.lease(), w.lease()]
  first.append(w.taken(carried))
  first.append(w.taken(lost))
  first.flush()
  w.clock.turn(12_000) // beats at 5 and 10 s
  await first.close()
  const second = await w.open()
  const proven = second.replay().lastProven(lost)
  assert.deepEqual([proven.boot, proven.mono], ['b1', 10_000])
  second.append(w.state(carried.call, { carried: true }))
  w.clock.turn(7000) // a beat at 17 s
  await second.close()
  const third = await w.open()
  const moments = [lost, carried].map((lease) => third.replay().lastProven(lease))
  assert.deepEqual(
    moments.map(({ boot, mono }) => [boot, mono]),
    [
      ['b1', 10_000],
      ['b2', 17_000],
    ],
  )
  await third.close()
})

test('B06 a lease that compaction writes again is still of the process that carries its call on', async (t) => {
  const directory = directoryOf(t)
  const { clock, open, at, lease, taken, state } = world(directory)
  const held = lease()
  const first = await open()
  first.append(taken(held))
  first.append(state(held.call, 1))
  await first.close()
  const second = await open({ segmentBytes: 3000 })
  second.append(state(held.call, 2))
  for (let i = 1; i <= 300; i++) {
    clock.turn(1000)
    if (i === 60) second.append(state(held.call, 3))
    second.append({ type: 'beat', at: at() })
    await second.sync()
    second.shipped(second.status().position)
    if (i % 20 > 0) continue
    const copy = directoryOf(t)
    cpSync(directory, copy, { recursive: true })
    const third = await world(copy).open()
    assert.equal(third.replay().lastProven(held).boot, 'b2', `after ${i} beats`)
    await third.close()
  }
  await second.close()
})

test('a write torn at any byte is cut off, and the journal goes on from the last whole turn', async (t) => {
  const directory = directoryOf(t)
  const w = world(directory)
  const whole = await w.open()
  const lease = w.lease()
  whole.append(w.taken(lease))
  whole.flush()
  const keep = readFileSync(join(directory, readdirSync(directory).find((n) => n.endsWith('.journal'))!)).length
  whole.append(w.event())
  whole.flush()
  // What is written together is good together.
  whole.append(w.event())
  whole.append(w.state(lease.call, { sip: 'ünï\tcode' }))
  await whole.close()
  const name = readdirSync(directory).find((n) => n.endsWith('.journal'))!
  const bytes = readFileSync(join(directory, name))
  const second = bytes.indexOf('\n', keep) + 1
  for (let length = keep; length <= bytes.length; length++) {
    const torn = join(directory, `torn-${length}`)
    mkdirSync(torn)
    writeFileSync(join(torn, name), bytes.subarray(0, length))
    const v = world(torn)
    const journal = await v.open()
    const { leases, calls, eventNumbers, cutBytes } = journal.replay()
    const turns = length >= bytes.length ? 2 : length >= second ? 1 : 0
    const end = [keep, second, bytes.length][turns]!
    assert.deepEqual([leases.length, eventNumbers.get(acme) ?? 0], [1, turns])
    assert.deepEqual(calls, turns < 2 ? [] : [{ call: lease.call, state: { sip: 'ünï\tcode' } }])
    assert.equal(cutBytes, length - end)
    const next = v.event()
    journal.append(next)
    assert.equal(next.event.number, turns + 1)
    await journal.sync()
    const read = journal.read(0, 100).entries
    assert.deepEqual(
      read.map((entry) => entry.position - read[0]!.position),
      read.map((_, i) => (turns === 2 && i >= 4 ? i + 1 : i)),
      'positions go on without a gap, but for the state of the call, which is not read out',
    )
    assert.equal(read.length, 2 + turns + 2, 'boot, lease, what was whole, boot, event')
    await journal.close()
    rmSync(torn, { recursive: true })
  }
})

test('a record that is damaged further up is passed over and counted', async (t) => {
  const directory = directoryOf(t)
  const w = world(directory)
  const journal = await w.open()
  const [a, b] = [w.lease(), w.lease()]
  journal.append(w.taken(a))
  journal.flush()
  journal.append(w.taken(b))
  await journal.close()
  const path = join(directory, readdirSync(directory).find((n) => n.endsWith('.journal'))!)
  const text = readFileSync(path, 'latin1')
  writeFileSync(path, text.replace(a.id, newId('lse')), 'latin1')
  const again = await w.open()
  assert.deepEqual(
    again.replay().leases.map((l) => l.id),
    [b.id],
  )
  assert.deepEqual([again.replay().damaged, again.replay().cutBytes], [1, 0])
  await again.close()
})

test('a journal of an older release, with a line for each record or for each turn, is read', async (t) => {
  const directory = directoryOf(t)
  const w = world(directory)
  const [a, b] = [w.lease(), w.lease()]
  const turns = [[w.taken(a)], [w.event(), w.taken(b)], [w.released(a)]]
  let position = 100
  const lines = turns.map((records) => {
    const text = `${position} ${records.map((record) => JSON.stringify(record)).join('\t')}`
    position += records.length
    return `${crc32(text).toString(16).padStart(8, '0')} ${text}\n`
  })
  writeFileSync(join(directory, '0000000000000100.journal'), lines.join(''))
  const journal = await w.open()
  assert.deepEqual(
    journal.replay().leases.map(({ id }) => id),
    [b.id],
  )
  await journal.sync()
  const types = journal.read(100, 100).entries.map(({ position, record }) => [position, record.type])
  assert.deepEqual(types, [
    [101, 'event'],
    [102, 'lease.taken'],
    [103, 'lease.released'],
    [104, 'boot'],
  ])
  await journal.close()
})

test('reading goes on from a position, over segments, and stops at what is on the disk', async (t) => {
  const w = world(directoryOf(t))
  const journal = await w.open({ segmentBytes: 2000 })
  const appended: number[] = []
  for (let i = 0; i < 60; i++) {
    appended.push(journal.append(w.event()))
    if (i % 3 === 2) journal.flush()
  }
  assert.deepEqual(journal.read(0, 10).entries, [], 'nothing is synced yet')
  await journal.sync()
  assert(journal.status().segments > 3)
  const seen: number[] = []
  let position = 0
  for (;;) {
    const { entries, position: next } = journal.read(position, 7)
    if (entries.length === 0) break
    seen.push(...entries.flatMap((e) => (e.record.type === 'event' ? e.position : [])))
    position = next
  }
  assert.deepEqual(seen, appended)
  assert.deepEqual(
    journal.read(appended[40]!, 2).entries.map((e) => e.position),
    [appended[41], appended[42]],
  )
  journal.append(w.event())
  assert.deepEqual(journal.read(position, 10), { entries: [], position })
  await journal.sync()
  assert.equal(journal.read(position, 10).entries.length, 1)
  assert(journal.read(position + 1000, 10).position < position + 1000, 'who has read another journal is told')
  await journal.close()
})

test('a reading that finds states of calls alone is not done again: who asks five times a second reads no segment each time', async (t) => {
  const directory = directoryOf(t)
  const w = world(directory)
  const journal = await w.open()
  journal.append(w.event())
  await journal.sync()
  const { position } = journal.read(0, 10)
  journal.append(w.state(newId('call'), { step: 1 }))
  await journal.sync()
  assert.deepEqual(journal.read(position, 10).entries, [])
  // Whoever reads that from its beginning again finds nothing but damage.
  const [name] = readdirSync(directory).filter((file) => file.endsWith('.journal'))
  const path = join(directory, name!)
  writeFileSync(path, Buffer.alloc(statSync(path).size, 'x'))
  for (let again = 0; again < 2; again++) assert.deepEqual(journal.read(position, 10).entries, [])
  journal.append(w.event())
  await journal.sync()
  assert.equal(journal.read(position, 10).entries.length, 1)
  await journal.close()
})

test('one reading fits into a line of a link, however large the records are, and reading goes on', async (t) => {
  const w = world(directoryOf(t))
  const journal = await w.open()
  for (let i = 0; i < 40; i++) {
    const record = w.event()
    record.event.data = { long: 'x'.repeat(60_000), i }
    journal.append(record)
    // What is the switch's own alone takes no room.
    journal.append(w.state(newId('call'), { sdp: 'x'.repeat(60_000) }))
  }
  await journal.sync()
  const sizes: number[] = []
  let events = 0
  for (let position = 0; ; ) {
    const { entries, position: next } = journal.read(position, 1000)
    assert.deepEqual(JSON.parse(journal.readText(position, 1000)), { entries, position: next })
    if (entries.length === 0) break
    sizes.push(JSON.stringify(entries).length)
    assert.ok(entries.every(({ record }) => record.type !== 'call'))
    events += entries.filter(({ record }) => record.type === 'event').length
    position = next
  }
  assert.equal(events, 40)
  assert.ok(Math.max(...sizes) < 1 << 19 && sizes.length >= 10, `${sizes}`)
  await journal.close()
})

test('segments go when they are shipped and hold nothing live; what is live is written again (compaction)', async (t) => {
  const directory = directoryOf(t)
  const w = world(directory)
  const journal = await w.open({ segmentBytes: 4000 })
  const long = w.lease()
  journal.append(w.taken(long))
  journal.append({ type: 'lease.answered', at: w.at(), lease: long.id })
  journal.append(w.state(long.call, { long: true }))
  const gone = newId('sub')
  for (const [subscriber, state] of [
    [acme, { calls: 1 }],
    [gone, { calls: 1 }],
    [acme, { calls: 2 }],
    [gone, null],
  ] as const)
    journal.append({ type: 'toll', at: w.at(), subscriber, state })
  for (let i = 0; i < 200; i++) {
    const lease = w.lease()
    journal.append(w.taken(lease))
    journal.append(w.event())
    journal.append(w.released(lease))
    journal.flush()
  }
  await journal.sync()
  const before = journal.status().segments
  assert(before > 10)
  assert.equal(readdirSync(directory).filter((n) => n.endsWith('.journal')).length, before)
  let position = 0
  for (;;) {
    const { entries, position: next } = journal.read(position, 50)
    if (entries.length === 0) break
    position = next
    journal.shipped(position)
    await journal.sync()
  }
  for (let i = 0; i < 20; i++) {
    w.clock.turn(50)
    await journal.sync()
  }
  assert(journal.status().segments < 8, `${journal.status().segments} segments are left`)
  await journal.close()
  const again = await w.open()
  assert.deepEqual(
    again.replay().leases.map((l) => [l.id, l.answered !== undefined]),
    [[long.id, true]],
  )
  assert.deepEqual(again.replay().calls, [{ call: long.call, state: { long: true } }])
  assert.deepEqual(
    again.replay().tolls.map(({ subscriber, state }) => [subscriber, state]),
    [[acme, { calls: 2 }]],
  )
  assert.equal(again.replay().eventNumbers.get(acme), 200)
  assert.deepEqual(
    again.read(position, 10).entries.map((e) => e.record.type),
    [],
    'nothing is read out twice',
  )
  await again.close()
})

test('nothing that is not shipped is ever removed', async (t) => {
  const w = world(directoryOf(t))
  const journal = await w.open({ segmentBytes: 2000 })
  const first = journal.append(w.event())
  for (let i = 0; i < 100; i++) {
    journal.append(w.event())
    journal.flush()
  }
  await journal.sync()
  journal.shipped(first)
  for (let i = 0; i < 5; i++) await journal.sync()
  const { entries } = journal.read(first, 1000)
  assert.equal(entries.length, 100)
  await journal.close()
})

test('a new journal begins behind any former one of the node', async (t) => {
  const w = world(directoryOf(t))
  const old = await w.open()
  for (let i = 0; i < 1000; i++) old.append(w.event())
  const last = old.status().position
  await old.close()
  w.clock.turn(1000)
  const v = world(directoryOf(t))
  v.clock.turn(1000)
  const fresh = await v.open()
  assert(fresh.status().position > last)
  await fresh.close()
})

test('a file that is not ours is left alone', async (t) => {
  const directory = directoryOf(t)
  appendFileSync(join(directory, 'notes.txt'), 'mine')
  const w = world(directory)
  await (await w.open()).close()
  assert.equal(readFileSync(join(directory, 'notes.txt'), 'utf8'), 'mine')
})
