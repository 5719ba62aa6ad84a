import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { type Clock, newId, silentLog, systemClock, TielineError, TurnedClock } from '#lib/index.ts'
import type { EndpointDescription } from '#platform/words/index.ts'
import { loadLibc } from '#protocol/posix/index.ts'
import type { Arrival } from './arrivals.fixture.ts'
import { Handover } from './handover.ts'
import { VoiceService } from './service.ts'

const libc = loadLibc()

/** The service with sockets of loopback, which come as host would send them. */
function start(t: TestContext, ports: { first: number; last: number }, script = 'exec sleep 60', clock: Clock = systemClock) {
  const directory = mkdtempSync(join(tmpdir(), 'voice-'))
  const command = join(directory, 'speak')
  writeFileSync(command, `#!/bin/sh\n${script}\n`)
  chmodSync(command, 0o755)
  const handover = new Handover(libc, systemClock)
  const service = new VoiceService({
    ...{ clock, log: silentLog, libc, directory, quarantineMs: 50 },
    media: { address: '127.0.0.1', ports },
    share: { index: 0, of: 1 },
    speech: { command, timeoutMs: 200 },
    createRecording: () => assert.fail('nothing is recorded here'),
    notify: () => {},
    onDeath: (error) => assert.fail(error),
    sockets: {
      async open({ realm }, port) {
        const socket = dgram.createSocket('udp4')
        await new Promise<void>((resolve, reject) => {
          socket.once('error', reject)
          socket.bind({ address: '127.0.0.1', port, exclusive: true }, resolve)
        })
        const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol')!
        const { handle } = (socket as unknown as Record<symbol, { handle: object }>)[state]!
        handover.accept({ socket: { id: String(port), realm, purpose: 'rtp', address: '127.0.0.1', port } }, handle)
        return handover.take(String(port))
      },
    },
  })
  t.after(async () => {
    await service.close()
    handover.close()
    rmSync(directory, { recursive: true })
  })
  const open = async () => {
    const endpoint = newId('med')
    const { port } = await service['endpoint.open']({ call: newId('call'), endpoint, realm: 'node' })
    return { endpoint, port }
  }
  return { service, open }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

test('M13 a call never gets a port to which the one before is still spoken', async (t) => {
  const { open, service } = start(t, { first: 27_000, last: 27_003 })
  const first = await open()
  await service['endpoint.close'](first)
  const peer = dgram.createSocket('udp4')
  t.after(() => peer.close())
  const timer = setInterval(() => peer.send('still here', first.port, '127.0.0.1'), 5)
  t.after(() => clearInterval(timer))
  await pause(100)
  const second = await open()
  assert.notEqual(second.port, first.port)
  await assert.rejects(open(), (error) => error instanceof TielineError && error.verdict.code === 'resource-unavailable')
})

test('a warm pool gives what it has', async (t) => {
  const { open, service } = start(t, { first: 27_004, last: 27_005 })
  for (let i = 0; i < 3; i++) {
    const { endpoint, port } = await open()
    assert.equal(port, 27_004)
    await service['endpoint.close']({ endpoint })
    await pause(60)
  }
})

test('C10 speech that hangs fails in time, and closing does not wait for it', async (t) => {
  const { open, service } = start(t, { first: 27_006, last: 27_009 })
  const source = { say: 'never heard' }
  const { endpoint } = await open()
  await assert.rejects(
    service.play({ endpoint, verb: newId('verb'), source }),
    (error) => error instanceof TielineError && error.verdict.code === 'speech-failed',
  )
  const closed = service.play({ endpoint, verb: newId('verb'), source })
  const digits = service.gather({ endpoint, verb: newId('verb'), prompt: source, timeoutMs: 60_000, interDigitTimeoutMs: 1 })
  await service['endpoint.close']({ endpoint })
  assert.deepEqual(await closed, { reason: 'gone', playedMs: 0 })
  assert.deepEqual(await digits, { digits: '', reason: 'gone' })
  assert.equal((await service.status()).endpoints, 0)
})

test('only endpoints of one call are joined, and each is opened once', async (t) => {
  const { open, service } = start(t, { first: 27_010, last: 27_015 })
  const [a, b] = [await open(), await open()]
  const is = (code: string) => (error: unknown) => error instanceof TielineError && error.verdict.code === code
  await assert.rejects(service['endpoint.join']({ a: a.endpoint, b: b.endpoint }), is('invalid-argument'))
  await assert.rejects(service['endpoint.join']({ a: a.endpoint, b: a.endpoint }), is('invalid-argument'))
  await assert.rejects(service['endpoint.join']({ a: a.endpoint, b: newId('med') }), is('call-gone'))
  const again = { call: newId('call'), endpoint: a.endpoint, realm: 'node' as const }
  await assert.rejects(service['endpoint.open'](again), is('invalid-argument'))
  assert.equal((await service['endpoint.close']({ endpoint: newId('med') })).packetsReceived, 0)
})

test('a realm that is gone takes its endpoints with it', async (t) => {
  const { open, service } = start(t, { first: 27_016, last: 27_017 })
  const { endpoint } = await open()
  const gathered = service.gather({ endpoint, verb: newId('verb'), timeoutMs: 60_000, interDigitTimeoutMs: 1 })
  await service.realmGone('node')
  assert.equal((await gathered).reason, 'gone')
  assert.deepEqual(await service.status(), { endpoints: 0, calls: 0, portsInUse: 0, portsQuarantined: 0 })
})

test('C12 nothing is left open when the service is closed', async (t) => {
  const descriptors = () => readdirSync('/proc/self/fd').length
  const run = async () => {
    const { open, service } = start(t, { first: 27_018, last: 27_027 })
    const format = { codec: 'PCMU', payloadType: 0, ptimeMs: 20 } as const
    const remote = { address: '127.0.0.1', port: 9 }
    const description: EndpointDescription = { transport: 'rtp', remote, send: format, receive: format, direction: 'sendrecv' }
    for (let i = 0; i < 5; i++) {
      const { endpoint } = await open()
      await service['endpoint.describe']({ endpoint, description })
      void service.play({
        endpoint,
        verb: newId('verb'),
        source: { tone: [{ frequencies: [440], onMs: 100, offMs: 0 }], totalMs: 5000 },
      })
    }
    await service.close()
    await pause(20)
  }
  await run()
  const before = descriptors()
  await run()
  assert.ok(descriptors() <= before, `${descriptors()} descriptors, ${before} before`)
})

test('R02 a switch that is found dead late takes nothing from the one that has come after it', async (t) => {
  const clock = new TurnedClock()
  const { open, service } = start(t, { first: 27_030, last: 27_035 }, 'exit 1', clock)
  const frozen = service.switchCame()
  const { endpoint } = await open()
  const next = service.switchCame()
  const kept = await open()
  service.switchLost(frozen)
  clock.turn(14_999)
  assert.equal((await service.status()).endpoints, 2)
  clock.turn(1)
  const deadline = performance.now() + 5000
  while ((await service.status()).endpoints > 1 && performance.now() < deadline) await pause(5)
  await assert.rejects(service['endpoint.part']({ endpoint }).then(() => service['endpoint.watch']({ endpoint, timeoutMs: 0 })))
  await service['endpoint.watch']({ endpoint: kept.endpoint, timeoutMs: 0 })
  service.switchLost(next)
  clock.turn(15_000)
  while ((await service.status()).endpoints > 0 && performance.now() < deadline) await pause(5)
  assert.equal((await service.status()).endpoints, 0)
})

test('R02 what still waited for its port as the link broke is nobody’s, and gives the port back', async (t) => {
  const { service } = start(t, { first: 27_086, last: 27_089 })
  const asker = new AbortController()
  const opened = service['endpoint.open']({ call: newId('call'), endpoint: newId('med'), realm: 'node' }, asker.signal)
  asker.abort()
  await assert.rejects(opened, (error) => error instanceof TielineError && error.verdict.code === 'call-gone')
  const { endpoints, portsInUse } = await service.status()
  assert.deepEqual({ endpoints, portsInUse }, { endpoints: 0, portsInUse: 0 })
})

test('R02 what the link broke over is closed, and what was asked for again after it, for the same call, is not', async (t) => {
  const clock = new TurnedClock()
  const { service } = start(t, { first: 27_080, last: 27_085 }, 'exit 1', clock)
  const call = newId('call')
  const open = async () => {
    const endpoint = newId('med')
    await service['endpoint.open']({ call, endpoint, realm: 'node' })
    return endpoint
  }
  const broken = service.switchCame()
  await open()
  service.switchLost(broken)
  service.switchCame()
  const again = await open()
  clock.turn(15_000)
  const deadline = performance.now() + 5000
  while ((await service.status()).endpoints > 1 && performance.now() < deadline) await pause(5)
  await pause(50)
  await service['endpoint.watch']({ endpoint: again, timeoutMs: 0 })
  assert.equal((await service.status()).endpoints, 1)
})

test('M07 a main thread that is blocked for 400 ms again and again delays no packet: no burst, no gap, right times', async (t) => {
  const { service, open } = start(t, { first: 27_040, last: 27_049 })
  const far = new Worker(new URL('./arrivals.fixture.ts', import.meta.url))
  t.after(() => far.terminate())
  const [{ port }] = (await once(far, 'message')) as [{ port: number }]
  const { endpoint } = await open()
  const format = { codec: 'PCMU', payloadType: 0, ptimeMs: 20 } as const
  const description: EndpointDescription = {
    ...{ transport: 'rtp', remote: { address: '127.0.0.1', port }, send: format, receive: format, direction: 'sendrecv' },
  }
  await service['endpoint.describe']({ endpoint, description })
  const tone = [{ frequencies: [700], onMs: 1000, offMs: 0 }]
  const played = service.play({ endpoint, verb: newId('verb'), source: { tone, totalMs: 60_000 } })
  await pause(200)
  for (let i = 0; i < 4; i++) {
    const until = performance.now() + 400
    while (performance.now() < until);
    await pause(100)
  }
  far.postMessage('end')
  const [{ arrivals }] = (await once(far, 'message')) as [{ arrivals: Arrival[] }]
  await service['endpoint.close']({ endpoint })
  await played
  assert.ok(arrivals.length > 80, `${arrivals.length} packets`)
  const [first] = arrivals
  const late: number[] = []
  for (const [i, { at, sequence, timestamp }] of arrivals.entries()) {
    assert.equal((sequence - first!.sequence) & 0xffff, i)
    late.push(at - first!.at - ((timestamp - first!.timestamp) >>> 0) / 8)
  }
  // A machine that others use holds up any thread now and then; a blocked one would hold up twenty packets of each second.
  const spread = late.sort((a, b) => a - b)
  assert.ok(spread[Math.floor(spread.length * 0.9)]! - spread[Math.floor(spread.length * 0.1)]! < 40, 'each at its time')
})
