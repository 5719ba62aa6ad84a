import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Id, newId, silentLog, TurnedClock } from '#lib/index.ts'
import { TraceStore } from './store.ts'

const AT = { address: '192.0.2.1', port: 5060 }

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tl-trace-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

function opened(directory: string, maxBytes = 1 << 20) {
  const clock = new TurnedClock()
  const store = new TraceStore({ directory, clock, log: silentLog, maxBytes })
  const subscriber = newId('sub')
  const say = (call: Id<'call'>, text: string) =>
    store.message({
      ...{
        realm: 'node',
        direction: 'in',
        transport: 'udp',
        local: AT,
        peer: AT,
        wall: clock.wall(),
        content: Buffer.from(text),
      },
      owner: { realm: 'node', callId: 'x', direction: 'in', call, leg: newId('leg'), subscriber },
    })
  const texts = async (call: Id<'call'>) =>
    (await store.read(call))?.entries.map((entry) => (entry.kind === 'sip' ? entry.message : entry.kind))
  return { clock, store, say, texts, subscriber }
}

test('a trace is there at once, in order, and after a restart, a torn last line left out', async (t) => {
  const directory = place(t)
  const first = opened(directory)
  const [a, b] = [newId('call'), newId('call')]
  first.say(a, 'INVITE\r\nname: "Zoë"\r\n\r\n')
  first.say(b, 'other')
  assert.deepEqual(await first.texts(a), ['INVITE\r\nname: "Zoë"\r\n\r\n'])
  first.say(a, 'BYE')
  await first.store.close()
  appendFileSync(join(directory, 'trace-1.log'), '{"call":"call_torn')
  const second = opened(directory)
  assert.deepEqual(await second.texts(a), ['INVITE\r\nname: "Zoë"\r\n\r\n', 'BYE'])
  second.say(a, 'late')
  assert.deepEqual((await second.texts(a))?.at(-1), 'late')
  assert.equal((await second.store.read(a))?.subscriber, first.subscriber)
  assert.equal(await second.texts(newId('call')), undefined)
  await second.store.close()
})

test('the room on disk is kept to, the oldest trace goes first, and one call’s lines are limited', async (t) => {
  const directory = place(t)
  const { store, say, texts } = opened(directory, 64 << 10)
  const [first, last] = [newId('call'), newId('call')]
  say(first, 'x'.repeat(1000))
  for (let i = 0; i < 200; i++) {
    const call = newId('call')
    say(call, 'x'.repeat(1000))
    await texts(call)
  }
  for (let i = 0; i < 1100; i++) say(last, 'y')
  const trace = await store.read(last)
  assert.deepEqual([trace?.entries.length, trace?.dropped], [1000, 100])
  assert.equal(await texts(first), undefined)
  const bytes = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)
  assert.ok(bytes < 512 << 10, `${bytes} bytes on disk`)
  await store.close()
})
