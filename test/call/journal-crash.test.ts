import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Clock, type Id, newId, silentLog, systemClock, TurnedClock } from '#lib/index.ts'
import { type Journal, openJournal } from '#platform/journal/index.ts'
import { ResourceRegistry } from '#platform/resource/index.ts'
import { usageOf } from '#platform/usage/index.ts'
import { instantOf, type JournalEntry, type JournalRecord } from '#platform/words/index.ts'

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tieline-journal-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Runs a writer until it has flushed `records`, kills it with SIGKILL, and answers what it had said. */
async function killed(directory: string, records: number): Promise<{ lease: Id<'lse'>; over: boolean }[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'journal-writer.ts'), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  let lines = 0
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk
    for (const byte of chunk) if (byte === 0x0a) lines++
    if (lines >= records) child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'close')
  assert.equal(signal, 'SIGKILL')
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

test('a switch killed with SIGKILL has lost nothing that it had flushed, and each lease has its usage once (B07, B14, R05)', async (t) => {
  const directory = directoryOf(t)
  const said: { lease: Id<'lse'>; over: boolean }[] = []
  for (const records of [1, 300, 700]) said.push(...(await killed(directory, records)))
  const from = Date.now()
  const journal = await openJournal({ directory, clock: systemClock, boot: 'last', node: 'n1', log: silentLog })
  const { leases, calls, lastProven } = journal.replay()
  const open = new Set(leases.map((lease) => lease.id))
  for (const { lease, over } of said) assert.equal(open.has(lease), !over)
  // The last record of each run may have been written and not said.
  assert(leases.length - said.filter(({ over }) => !over).length <= 3)
  assert.deepEqual(calls.length, leases.length)

  const registry = new ResourceRegistry({
    clock: systemClock,
    boot: journal.boot,
    record: (record) => void journal.append(record),
  })
  registry.restore(leases)
  assert.equal(registry.inUse()[0]?.inUse, leases.length)
  for (const lease of leases) registry.release([lease.id], 'crash', { at: lastProven(lease), review: true })
  assert.equal(registry.inUse()[0]?.inUse, 0)
  await journal.sync()
  const usage = usageOf(entriesOf(journal).entries)
  const ids = usage.map((u) => u.lease)
  assert.equal(new Set(ids).size, ids.length)
  assert.equal(said.filter(({ lease }) => !ids.includes(lease)).length, 0)
  assert.equal(usage.filter((u) => u.review).length, leases.length)
  assert(usage.every((u) => u.answeredAt !== null && Date.parse(u.releasedAt) <= from && u.billableMs < 60_000))
  await journal.close()
})

/** What there is behind a position, at most so much: one reading has no more than fits a line. */
function entriesOf(journal: Journal, after = 0, most = Number.POSITIVE_INFINITY) {
  const entries: JournalEntry[] = []
  for (let position = after; ; ) {
    const read = journal.read(position, most - entries.length)
    entries.push(...read.entries)
    position = read.position
    if (read.entries.length === 0 || entries.length >= most) return { entries, position }
  }
}

const root = process.getuid?.() === 0

/** A disk of `bytes`, gone with the test. */
function smallDisk(t: TestContext, bytes: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'tieline-journal-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'tmpfs', directory])
  t.after(() => {
    execFileSync('umount', ['--lazy', directory])
    rmSync(directory, { recursive: true })
  })
  return directory
}

function writing(clock: Clock) {
  const subscriber = newId('sub')
  const record = (): JournalRecord => ({
    type: 'event',
    at: instantOf(clock, 'b1'),
    event: { id: newId('evt'), subscriber, number: 0, at: '', type: 'call.offered', data: { filler: 'x'.repeat(1000) } },
  })
  return { record, subscriber }
}

test('with the disk full calls go on, the reserve is given up, and all is written when there is room again (O05)', {
  skip: root ? false : 'needs root',
}, async (t) => {
  const directory = smallDisk(t, 1024 * 1024)
  const clock = new TurnedClock()
  const sentences: string[] = []
  const log = { ...silentLog, error: (_: object, sentence: string) => void sentences.push(sentence) }
  const journal = await openJournal({
    directory,
    clock,
    boot: 'b1',
    node: 'n1',
    log,
    reserveBytes: 300_000,
    segmentBytes: 200_000,
  })
  assert.equal(journal.status().reserve, 'held')
  const { record, subscriber } = writing(clock)
  const segments = () => journal.status().segments
  let n = 0
  for (; journal.status().failedWrites === 0; n++) {
    assert(n < 5000, 'the disk never filled')
    journal.append(record())
    journal.flush()
  }
  assert.equal(journal.status().reserve, 'released')
  assert(!existsSync(join(directory, 'reserve')))
  assert(segments() > 1)
  const filled = n
  for (let i = 0; i < 50; i++, n++) {
    journal.append(record())
    journal.flush()
  }
  assert(journal.status().backlogBytes > 50_000)
  assert.equal(journal.status().lost, 0)
  assert.deepEqual(sentences, ['the journal cannot be written; records wait in memory'], 'said once')
  assert(filled > 700, 'the reserve was used too')

  // What is on the disk can still be shipped, which makes room.
  await journal.sync()
  const { entries, position } = entriesOf(journal, 0, 400)
  assert.equal(entries.length, 400)
  journal.shipped(position)
  for (let i = 0; i < 4; i++) {
    clock.turn(50)
    await journal.sync()
  }
  assert.equal(journal.status().backlogBytes, 0)
  const rest = entriesOf(journal, position).entries
  await journal.close()
  const events = [...entries, ...rest].flatMap(({ record }) => (record.type === 'event' ? record.event.number : []))
  assert.deepEqual(
    events,
    Array.from({ length: n }, (_, i) => i + 1),
  )
  const again = await openJournal({ directory, clock, boot: 'b2', node: 'n1', log: silentLog, reserveBytes: 1000 })
  assert.equal(again.replay().eventNumbers.get(subscriber), n)
  assert.equal(again.replay().damaged, 0)
  await again.close()
})

test('with the disk full for long, memory is bounded: leases are kept, the rest is counted as lost (O05)', {
  skip: root ? false : 'needs root',
}, async (t) => {
  const directory = smallDisk(t, 256 * 1024)
  const clock = new TurnedClock()
  const options = { directory, clock, boot: 'b1', node: 'n1', log: silentLog, reserveBytes: 10_000, backlogBytes: 100_000 }
  const journal = await openJournal(options)
  const { record, subscriber } = writing(clock)
  for (let i = 0; i < 1000; i++) {
    journal.append(record())
    journal.flush()
  }
  const { lost, backlogBytes } = journal.status()
  assert(lost > 500 && backlogBytes < 110_000)
  const at = instantOf(clock, 'b1')
  const lease = { id: newId('lse'), subscriber, kind: 'trunk.in', count: 1, call: newId('call'), taken: at }
  journal.append({ type: 'lease.taken', at, lease })
  assert.equal(journal.status().lost, lost)
  await journal.close()
})

test('what was lost of a call is written as a whole once there is room, so that what changes behind it is good (O05, R05)', {
  skip: root ? false : 'needs root',
}, async (t) => {
  const directory = smallDisk(t, 256 * 1024)
  const clock = new TurnedClock()
  const log = silentLog
  const sizes = { reserveBytes: 10_000, backlogBytes: 100_000, segmentBytes: 50_000 }
  const journal = await openJournal({ directory, clock, boot: 'b1', node: 'n1', log, ...sizes })
  const { record } = writing(clock)
  const [call, over, ended] = [newId('call'), newId('call'), newId('call')]
  const at = instantOf(clock, 'b1')
  journal.append({ type: 'call', at, call: ended, state: { step: 1 } })
  const other = join(directory, 'other')
  writeFileSync(other, Buffer.alloc(128_000))
  for (let i = 0; i < 1000; i++) {
    journal.append(record())
    journal.flush()
  }
  const { lost } = journal.status()
  for (const id of [call, over]) journal.append({ type: 'call', at, call: id, state: { step: 1 } })
  const change = (value: number): JournalRecord => {
    return { type: 'call.changed', at, call, number: 0, changes: [{ op: 'replace', path: '/step', value }] }
  }
  journal.append(change(2))
  for (const id of [over, ended]) journal.append({ type: 'call', at, call: id, state: null })
  assert.equal(journal.status().lost, lost + 5)
  // Nothing is shipped, so that what all of them were written in is there still.
  rmSync(other)
  await journal.sync()
  assert.equal(journal.status().backlogBytes, 0)
  journal.append(change(3))
  await journal.close()
  const again = await openJournal({ directory, clock, boot: 'b2', node: 'n1', log, reserveBytes: 1000 })
  assert.deepEqual(again.replay().calls, [{ call, state: { step: 3 } }])
  await again.close()
})

test('once the reserve is given up, what is shipped makes room at once, also where a lease is held since long (O05)', {
  skip: root ? false : 'needs root',
}, async (t) => {
  const directory = smallDisk(t, 1024 * 1024)
  const clock = new TurnedClock()
  const sizes = { reserveBytes: 200_000, segmentBytes: 150_000 }
  const journal = await openJournal({ directory, clock, boot: 'b1', node: 'n1', log: silentLog, ...sizes })
  const { record, subscriber } = writing(clock)
  const at = instantOf(clock, 'b1')
  const lease = { id: newId('lse'), subscriber, kind: 'trunk.in', count: 1, call: newId('call'), taken: at }
  journal.append({ type: 'lease.taken', at, lease })
  const write = async (count: number) => {
    for (let i = 0; i < count; i++) {
      journal.append(record())
      journal.flush()
    }
    await journal.sync()
    journal.shipped(journal.status().synced)
  }
  await write(300)
  assert.equal(journal.status().segments, 3, 'to write again what lives in the first would cost more than it gains')
  // Somebody else takes the rest of the disk.
  execFileSync('sh', ['-c', 'cat /dev/zero > "$1" || true', 'sh', join(directory, 'other')], { stdio: 'ignore' })
  for (let i = 0; i < 100; i++) {
    await write(20)
    clock.turn(50)
  }
  const { failedWrites, backlogBytes, segments, reserve } = journal.status()
  assert.deepEqual({ failedWrites, backlogBytes, reserve }, { failedWrites: 0, backlogBytes: 0, reserve: 'released' })
  assert.ok(segments <= 2, `${segments} segments`)
  await journal.close()
  const again = await openJournal({ directory, clock, boot: 'b2', node: 'n1', log: silentLog, reserveBytes: 0 })
  assert.deepEqual(again.replay().leases, [lease])
  await again.close()
})
