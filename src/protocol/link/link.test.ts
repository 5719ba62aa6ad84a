import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { silentLog, TielineError, TurnedClock } from '#lib/index.ts'
import { connectLink, LinkLost, serveLink, Written } from './index.ts'

interface Far {
  add: { params: { a: number; b: number }; result: number }
  fail: { params: null; result: never }
  bug: { params: null; result: never }
  wait: { params: null; result: null }
  list: { params: { later: boolean }; result: { of: string[] } }
}
interface Says {
  told: { text: string }
}
type Served = { answers: Far; hears: Says; says: Says }
type Client = { calls: Far; says: Says; hears: Says }

const VERDICT = { code: 'resource-unavailable', fault: 'subscriber', retry: true, http: 409, sip: 486, q850: 17 } as const

function folder(t: { after(f: () => void): void }): string {
  const dir = mkdtempSync(join(tmpdir(), 'link-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return dir
}

async function pair(t: { after(f: () => unknown): void }, over: { version?: number } = {}) {
  const path = join(folder(t), 's')
  const heard: string[] = []
  const aborted: unknown[] = []
  const server = await serveLink<Served>({
    path,
    hello: { process: 'server', version: 7 },
    log: silentLog,
    methods: {
      add: ({ a, b }) => a + b,
      list: ({ later }) => (later ? Promise.resolve(new Written('{"of":["ü"]}')) : new Written('{"of":[]}')),
      fail: () => Promise.reject(new TielineError('no more', VERDICT, { kind: 'voice.record', limit: 2 })),
      bug: () => {
        throw new Error('secret inside')
      },
      wait: (_, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.push(signal.reason)
            resolve(null)
          })
        }),
    },
    onNotification: { told: ({ text }) => heard.push(text) },
  })
  t.after(() => server.close())
  const client = connectLink<Client>({
    path,
    hello: { process: 'client', version: over.version ?? 7 },
    log: silentLog,
    reconnect: { firstMs: 5, maxMs: 20 },
  })
  t.after(() => client.close())
  return { path, server, client, heard, aborted }
}

test('a call is answered, and a notification is heard', async (t) => {
  const { client, heard, server } = await pair(t)
  await client.ready(5000)
  client.notify('told', { text: 'ünï\u2028code\n' })
  assert.equal(await client.call('add', { a: 2, b: 3 }), 5)
  // What was JSON already arrives as what it says.
  assert.deepEqual(await client.call('list', { later: false }), { of: [] })
  assert.deepEqual(await client.call('list', { later: true }), { of: ['ü'] })
  assert.deepEqual(heard, ['ünï\u2028code\n'])
  assert.equal(client.link?.peer.process, 'server')
  assert.equal([...server.peers][0]?.peer.process, 'client')
})

test('an error keeps its verdict and details across the link', async (t) => {
  const { client } = await pair(t)
  await client.ready(5000)
  await assert.rejects(client.call('fail', null), (error) => {
    assert.ok(error instanceof TielineError)
    assert.deepEqual([error.message, error.verdict, error.details], ['no more', VERDICT, { kind: 'voice.record', limit: 2 }])
    return true
  })
})

test('the message of a bug stays at home', async (t) => {
  const { client } = await pair(t)
  await client.ready(5000)
  await assert.rejects(client.call('bug', null), {
    message: 'internal error',
    verdict: { code: 'internal', fault: 'system', retry: false, http: 500 },
  })
})

test('a method that does not exist says so, also when it is named like a property of every object', async (t) => {
  const { client } = await pair(t)
  await client.ready(5000)
  for (const name of ['toString', '__proto__', 'nothing'] as never[]) {
    await assert.rejects(
      client.call(name, null as never),
      (e) => e instanceof TielineError && e.verdict.code === 'no-such-method',
    )
  }
})

test('calls in flight reject with LinkLost when the other side goes, and the client comes back', async (t) => {
  const { client, server, aborted } = await pair(t)
  await client.ready(5000)
  const waiting = client.call('wait', null)
  await client.call('add', { a: 1, b: 1 })
  for (const peer of server.peers) peer.close()
  await assert.rejects(waiting, (e) => e instanceof LinkLost && e.reason === 'ended')
  assert.equal(aborted.length, 1)
  await client.ready(5000)
  assert.equal(await client.call('add', { a: 1, b: 2 }), 3)
})

test('a call that takes too long, or is given up, aborts on the other side', async (t) => {
  const { client, aborted } = await pair(t)
  await client.ready(5000)
  await assert.rejects(
    client.call('wait', null, { timeoutMs: 5 }),
    (e) => e instanceof TielineError && e.verdict.code === 'timeout',
  )
  const controller = new AbortController()
  const waiting = client.call('wait', null, { signal: controller.signal })
  controller.abort(new Error('changed my mind'))
  await assert.rejects(waiting, /changed my mind/)
  await client.call('add', { a: 1, b: 1 })
  assert.equal(aborted.length, 2)
  assert.deepEqual(client.link?.inFlight, { out: 0, in: 0 })
})

test('one release of skew works, two do not (O02)', async (t) => {
  const near = await pair(t, { version: 6 })
  await near.client.ready(5000)
  assert.equal(await near.client.call('add', { a: 1, b: 1 }), 2)
  const far = await pair(t, { version: 5 })
  await assert.rejects(far.client.ready(200), (e) => e instanceof LinkLost && (e.cause as LinkLost).reason === 'refused')
})

test('a client that is refused knocks ever more slowly', async (t) => {
  const path = join(folder(t), 's')
  let knocks = 0
  const server = await serveLink({
    path,
    hello: { process: 'server', version: 1 },
    log: silentLog,
    onPeer() {
      knocks++
      throw new TielineError('the certificate is not valid any more', VERDICT)
    },
  })
  t.after(() => server.close())
  const clock = new TurnedClock()
  const reconnect = { firstMs: 100, maxMs: 10_000 }
  const client = connectLink<Client>({
    path,
    hello: { process: 'client', version: 1 },
    log: silentLog,
    reconnect,
    clock,
    random: () => 1,
  })
  t.after(() => client.close())
  const knocked = async (n: number) => {
    for (const end = Date.now() + 5000; knocks < n || clock.pending === 0; await new Promise(setImmediate)) {
      assert.ok(Date.now() < end, `knocked ${knocks} times`)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await knocked(1)
  for (const [pause, knock] of [
    [100, 2],
    [200, 3],
    [400, 4],
  ] as const) {
    clock.turn(pause - 1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(knocks, knock - 1)
    clock.turn(1)
    await knocked(knock)
  }
})

test('closing a client in the midst of connecting leaves no stream', async (t) => {
  const [near] = duplexPair()
  const client = connectLink<Client>({ connect: () => near, hello: { process: 'client', version: 1 }, log: silentLog })
  await new Promise(setImmediate)
  client.close()
  await new Promise(setImmediate)
  assert.ok(near.destroyed)
  t.after(() => client.close())
})

test('a call without a connection rejects at once', async (t) => {
  const client = connectLink<Client>({ path: join(folder(t), 'none'), hello: { process: 'client', version: 1 }, log: silentLog })
  t.after(() => client.close())
  await assert.rejects(client.call('add', { a: 1, b: 1 }), LinkLost)
})
