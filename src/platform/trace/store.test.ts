import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Id, newId, silentLog, TurnedClock } from '#lib/index.ts'
import { instantOf } from '#platform/words/index.ts'
import { TraceStore } from './store.ts'
import type { OwnedDialog } from './tap.ts'

const AT = { address: '192.0.2.1', port: 5060 }

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tl-trace-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

function opened(directory: string, maxBytes = 1 << 20, log = silentLog) {
  const clock = new TurnedClock()
  const store = new TraceStore({ directory, clock, log, maxBytes })
  const subscriber = newId('sub')
  const calls = new Map<Id<'call'>, OwnedDialog>()
  const dialogOf = (call: Id<'call'>) => {
    const owner = { realm: 'node', callId: 'x', direction: 'in', call, leg: newId('leg'), subscriber } as const
    const dialog: OwnedDialog = calls.get(call) ?? {
      owner,
      call: { id: call, lines: 0, batch: null, number: 0 },
      in: null,
      out: null,
    }
    calls.set(call, dialog)
    return dialog
  }
  const say = (call: Id<'call'>, text: string, peer = AT, direction: 'in' | 'out' = 'in') => {
    const bytes = Buffer.from(text)
    const sent = { realm: 'node', direction, transport: 'udp', local: AT, peer } as const
    const named = { is: 'INVITE', callId: 'x', fromTag: 'a', description: 0 }
    store.message({ ...sent, ...named, bytes }, bytes, clock.wall(), dialogOf(call))
  }
  const cleared = (call: Id<'call'>) => {
    const at = instantOf(clock, 'b')
    const time = new Date(at.wall).toISOString()
    const event = { id: newId('evt'), subscriber, number: 1, at: time, type: 'call.cleared', call, data: {} } as const
    const record = { type: 'event', at, event } as const
    const bytes = Buffer.from(`what is before it\tE${event.id} 1 call.cleared - \tand behind it`)
    store.record(call, dialogOf(call).call, record, { bytes, from: bytes.indexOf('E'), to: bytes.lastIndexOf('\t') })
  }
  const texts = async (call: Id<'call'>) =>
    (await store.read(call))?.entries.map((entry) => (entry.kind === 'sip' ? entry.message : entry.kind))
  const made = () => newId('call', clock.wall())
  return { clock, store, say, cleared, texts, made, subscriber }
}

test('a trace is there at once, in order, and after a restart, a torn last line left out', async (t) => {
  const directory = place(t)
  const first = opened(directory)
  const [a, b] = [first.made(), first.made()]
  first.say(a, 'INVITE\r\nname: "Zoë"\r\n\r\n')
  first.say(b, 'other')
  assert.deepEqual(await first.texts(a), ['INVITE\r\nname: "Zoë"\r\n\r\n'])
  first.say(a, 'BYE')
  await first.store.close()
  appendFileSync(join(directory, readdirSync(directory)[0]!), Buffer.from([60, 0, 0, 0, 9]))
  const second = opened(directory)
  assert.deepEqual(await second.texts(a), ['INVITE\r\nname: "Zoë"\r\n\r\n', 'BYE'])
  second.say(a, 'late')
  assert.deepEqual((await second.texts(a))?.at(-1), 'late')
  assert.equal((await second.store.read(a))?.subscriber, first.subscriber)
  assert.equal(await second.texts(second.made()), undefined)
  await second.store.close()
})

test('the room on disk is kept to, the oldest trace goes first, and one call’s lines are limited', async (t) => {
  const directory = place(t)
  const { store, say, texts, made, clock } = opened(directory, 64 << 10)
  const [first, last] = [made(), made()]
  say(first, 'x'.repeat(1000))
  for (let i = 0; i < 200; i++) {
    const call = made()
    say(call, 'x'.repeat(1000))
    await texts(call)
    clock.turn(60_000)
  }
  for (let i = 0; i < 1100; i++) say(last, 'y')
  const trace = await store.read(last)
  assert.deepEqual([trace?.entries.length, trace?.dropped], [1000, 100])
  assert.equal(await texts(first), undefined)
  const bytes = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)
  assert.ok(bytes < 512 << 10, `${bytes} bytes on disk`)
  await store.close()
})

test('a trace is found wherever its lines are: over many files, longer than what is read at once, at the time of other clocks', async (t) => {
  const { store, say, cleared, texts, made, clock } = opened(place(t), 64 << 20)
  const long = made()
  say(long, 'first')
  const huge = 'z'.repeat(3 << 20)
  for (let i = 0; i < 12; i++) {
    say(long, `${huge}${i}`)
    await texts(made())
    clock.turn(1000)
  }
  clock.step(-3_600_000)
  const back = made()
  say(back, 'set back')
  say(long, 'last')
  cleared(long)
  assert.deepEqual((await texts(long))?.map((text) => text.slice(-5)).toSorted(), [
    ...['event', 'first', 'last', 'zzz10', 'zzz11'],
    ...Array.from({ length: 10 }, (_, i) => `zzzz${i}`),
  ])
  assert.deepEqual(await texts(back), ['set back'])
  await store.close()
})

test('what comes late, when the call is over, is in its trace', async (t) => {
  const { store, say, cleared, texts, made, clock } = opened(place(t))
  const call = made()
  say(call, 'INVITE')
  cleared(call)
  clock.turn(30_000)
  say(call, '200')
  assert.deepEqual(await texts(call), ['INVITE', 'event', '200'])
  await store.close()
})

test('each message tells whence it came, where a far end moves too', async (t) => {
  const { store, say, made } = opened(place(t))
  const call = made()
  for (const port of [5060, 5062, 5060]) say(call, 'INFO', { address: '2001:db8::1', port })
  const trace = await store.read(call)
  assert.deepEqual(
    trace?.entries.map((entry) => entry.kind === 'sip' && `${entry.peer} ${entry.local} ${entry.transport} ${entry.realm}`),
    [5060, 5062, 5060].map((port) => `[2001:db8::1]:${port} 192.0.2.1:5060 udp node`),
  )
  await store.close()
})

test('what goes where another message came from is told as such, as is what goes elsewhere', async (t) => {
  const { store, say, made } = opened(place(t))
  const call = made()
  const elsewhere = { address: '192.0.2.2', port: 5060 }
  for (let turn = 0; turn < 2; turn++) {
    say(call, 'INVITE')
    say(call, '200', AT, 'out')
    say(call, 'BYE', elsewhere, 'out')
    say(made(), 'other')
    const entries = (await store.read(call))?.entries.slice(-3)
    assert.deepEqual(
      entries?.map((entry) => entry.kind === 'sip' && `${entry.direction} ${entry.peer} ${entry.message}`),
      ['in 192.0.2.1:5060 INVITE', 'out 192.0.2.1:5060 200', 'out 192.0.2.2:5060 BYE'],
    )
  }
  await store.close()
})

test('a damaged record is passed over, and the log says so; so is a message at no time', async (t) => {
  const directory = place(t)
  const first = opened(directory)
  const call = first.made()
  first.say(call, 'INVITE')
  first.cleared(call)
  first.say(call, 'BYE')
  first.say(call, 'ACK')
  await first.store.close()
  const file = join(directory, readdirSync(directory)[0]!)
  const bytes = readFileSync(file)
  bytes.write('?', bytes.indexOf('call.cleared') - 1)
  bytes.writeDoubleLE(Number.NaN, bytes.indexOf('BYE') - 8)
  writeFileSync(file, bytes)
  const said: object[] = []
  const second = opened(directory, 1 << 20, { ...silentLog, warn: (fields) => void said.push(fields) })
  assert.deepEqual(await second.texts(call), ['INVITE', 'ACK'])
  assert.deepEqual(said, [{ call, damaged: 2 }])
  await second.store.close()
})

test('a length that is damaged holds nobody up: what is behind it in its file is lost, and no more', async (t) => {
  for (const length of [0, 15, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff]) {
    const directory = place(t)
    const first = opened(directory)
    const call = first.made()
    first.say(call, 'INVITE')
    first.say(call, 'BYE')
    await first.store.close()
    const file = join(directory, readdirSync(directory)[0]!)
    const bytes = readFileSync(file)
    bytes.writeUInt32LE(length, bytes.indexOf('BYE') - 16)
    writeFileSync(file, bytes)
    const second = opened(directory)
    second.say(call, 'ACK')
    assert.deepEqual(await second.texts(call), ['INVITE', 'ACK'], String(length))
    await second.store.close()
  }
})

test('lines that the disk took in part are nobody else’s afterwards', async (t) => {
  const directory = place(t)
  const { say, texts, made, store } = opened(directory)
  const [a, b] = [made(), made()]
  const handle = await open(directory)
  const { write } = Object.getPrototypeOf(handle)
  await handle.close()
  const full = t.mock.method(
    Object.getPrototypeOf(handle),
    'write',
    async function (this: FileHandle, bytes: Buffer, from: number, length: number, at: number) {
      if (full.mock.callCount() > 0) throw new Error('ENOSPC')
      return write.call(this, bytes, from, length - 1, at)
    },
  )
  for (const text of ['B1', 'B2', 'B3']) say(b, text)
  await texts(b)
  full.mock.restore()
  say(a, 'A1')
  assert.deepEqual(await texts(a), ['A1'])
  await store.close()
})

test('what another release has kept is removed at the start, and nothing else', async (t) => {
  const directory = place(t)
  writeFileSync(join(directory, 'trace-7.log'), '{"call":"call_1"}\n')
  writeFileSync(join(directory, 'notes'), '')
  const { store, made, texts } = opened(directory)
  assert.equal(await texts(made()), undefined)
  assert.deepEqual(readdirSync(directory), ['notes'])
  await store.close()
})
