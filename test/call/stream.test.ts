import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import net from 'node:net'
import { test } from 'node:test'
import { FRAME, writeFrame } from '#protocol/stream/index.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { World } from './harness.ts'
import { echo, ended, inCall, times } from './stream-call.ts'

const lastHeard = (call: Call) => (call.report().media?.heard ?? []).at(-1)?.what

/** Waits until nothing has come to the caller for 100 ms. */
async function quietFor(caller: Call, withinMs: number): Promise<void> {
  let count = -1
  let since = 0
  await until(
    'the caller to hear nothing any more',
    () => {
      const now = caller.report().media?.heard.length ?? 0
      if (now !== count) since = performance.now()
      count = now
      return performance.now() - since > 100
    },
    withinMs,
  )
}

function tone(hz: number, rate: number, ms: number): Int16Array {
  return Int16Array.from({ length: (rate * ms) / 1000 }, (_, i) => Math.round(8000 * Math.sin((2 * Math.PI * hz * i) / rate)))
}

/** Whether whoever shows this is let in; `uid` is the account of its process. */
async function knock(path: string, bytes: Buffer, uid = 0): Promise<boolean> {
  const script = `const s=require('net').connect(process.argv[1]);s.on('error',()=>{});s.write(Buffer.from(process.argv[2],'hex'));
    s.once('data',()=>process.exit(7));s.on('close',()=>process.exit(0))`
  // Its own program, by no path: the tree may be one that only root can reach.
  const child = spawn('/proc/self/exe', ['-e', script, path, bytes.toString('hex')], { uid, cwd: '/', stdio: 'ignore' })
  const [code] = await once(child, 'exit')
  return code === 7
}

test('an agent hears its caller and is heard, at each rate, beside other verbs, until it closes the stream', async () => {
  await using world = await World.open({ voice: true })
  const { caller, call, open, over } = await inCall(world)
  for (const rateHz of [8000, 16_000, 48_000] as const) {
    const { stream } = await open({ rateHz })
    const echoing = echo(stream)
    const before = times(caller, 400)
    await until(`the caller to hear itself at ${rateHz}`, () => times(caller, 400) > before + 4, 4000)
    await assert.rejects(call.do('call.stream', {}), { message: /stream already/ })
    await call.do('call.play', { tone: [{ frequencies: [700], onMs: 400, offMs: 0 }], totalMs: 400 })
    assert.ok(
      caller.report().media!.heard.some(({ what }) => what === 700),
      'the prompt was heard',
    )
    stream.close()
    assert.equal(await stream.closed, 'closed')
    await echoing
    await quietFor(caller, 2000)
  }
  // One that talks live and was held up for 300 ms: what that has left is cut out, and the caller hears itself as soon as ever.
  const { stream } = await open({ live: true })
  const echoing = echo(stream, 300)
  await until('the stall', () => stream.queuedMs > 200, 4000)
  await until('its end', () => stream.queuedMs < 100, 4000)
  stream.close()
  await echoing
  over()
  caller.hangup()
  await world.quiet()
  const all = await ended(world)
  const live = all.pop()!
  assert.ok(
    (live.data.skippedSeconds as number) > 0.1 && (live.data.skippedSeconds as number) < 1,
    `${live.data.skippedSeconds} s`,
  )
  assert.deepEqual(
    all.map(({ data }) => [data.reason, data.droppedFrames, data.skippedSeconds]),
    Array(3).fill(['closed', 0, 0]),
  )
  assert.ok(all.every(({ data }) => (data.heardSeconds as number) > 0.2 && (data.playedSeconds as number) > 0.2))
  const leases = (await world.leases()).filter(({ kind }) => kind === 'voice.stream')
  assert.ok(leases.length === 4 && leases.every(({ answered, released }) => answered && released !== null))
})

test('what is written waits for its turn, tells when it was heard, and is dropped at once when the caller speaks', async () => {
  await using world = await World.open({ voice: true })
  const { caller, open, over } = await inCall(world)
  const { stream } = await open({ rateHz: 16_000, hear: false })
  const began = performance.now()
  await stream.write(tone(700, 16_000, 300))
  assert.equal(await stream.mark(), 'played')
  const took = performance.now() - began
  assert.ok(took > 290, `heard in ${took} ms`)
  assert.ok(caller.report().media!.heard.some(({ what }) => what === 700))
  // Ten seconds of speech: two are on their way, the rest waits here.
  let written = false
  const writing = stream.write(tone(425, 16_000, 10_000)).then(() => (written = true))
  const mark = stream.mark()
  await until('the caller to hear it', () => lastHeard(caller) === 425, 4000)
  assert.equal(written, false, 'ten seconds are not taken at once')
  const cleared = performance.now()
  stream.clear()
  await writing
  assert.equal(await mark, 'cleared')
  await quietFor(caller, 900)
  assert.ok(performance.now() - cleared < 900)
  await stream.write(tone(700, 16_000, 200))
  assert.equal(await stream.mark(), 'played', 'there is room again')
  over()
  caller.hangup()
  assert.equal(await stream.closed, 'call-gone')
  await assert.rejects(stream.write(tone(700, 16_000, 20)), { name: 'CallGone' })
  await world.quiet()
  assert.deepEqual(
    (await ended(world)).map(({ data }) => data.reason),
    ['gone'],
  )
})

test('a token opens one stream once, for its subscriber alone; strangers and liars are cut off, and one beyond the ceiling is refused', async () => {
  await using world = await World.open({ voice: true })
  const { caller, call, open, path, over } = await inCall(world)
  chmodSync(world.directory, 0o711)
  const first = await call.do('call.stream', {})
  const hello = (token: string) => writeFrame(FRAME.hello, Buffer.from(token))
  assert.equal(await knock(path(first.socket), hello(first.token), 54_321), false, 'another account')
  assert.equal(await knock(path(first.socket), hello('a'.repeat(first.token.length))), false, 'a guess')
  assert.equal(await knock(path(first.socket), writeFrame(FRAME.audio, Buffer.alloc(320))), false, 'no hello')
  assert.equal(await knock(path(first.socket), Buffer.alloc(8, 0xff)), false, 'no frame')
  assert.equal(
    await knock(path(first.socket), hello(first.token), world.config.agents.firstUid + world.snapshot.subscribers[0]!.slot),
    true,
  )
  assert.equal(await knock(path(first.socket), hello(first.token)), false, 'a second time')
  await until('the stream of a dead process to end', async () => (await ended(world)).length === 1, 4000)
  // More than it may: three seconds at once.
  const second = await call.do('call.stream', {})
  const liar = net.connect(path(second.socket))
  liar.write(Buffer.concat([hello(second.token), ...Array(3).fill(writeFrame(FRAME.audio, Buffer.alloc(16_000)))]))
  liar.resume()
  await once(liar, 'end')
  const third = await open()
  third.stream.close()
  await until('its lease to be given back', async () => (await ended(world)).length === 3, 4000)
  const allocations = world.snapshot.subscribers[0]!.allocations.map((a) =>
    a.kind === 'voice.stream' ? { ...a, ceiling: 0 } : a,
  )
  await world.change({ allocations })
  await assert.rejects(
    call.do('call.stream', {}),
    (error: { verdict?: { code?: string } }) => error.verdict?.code === 'resource-unavailable',
  )
  over()
  caller.hangup()
  await world.quiet()
  assert.deepEqual(
    (await ended(world)).map(({ data }) => data.reason),
    ['agent-gone', 'protocol', 'closed'],
  )
  const refused = (await world.events()).find(({ type }) => type === 'resource.refused')
  assert.equal((refused!.data.refusal as { kind: string }).kind, 'voice.stream')
})

test('a program that does not read loses frames, and nobody waits for it', async () => {
  await using world = await World.open({ voice: true })
  const { caller, call, path, over } = await inCall(world)
  const { socket, token } = await call.do('call.stream', { rateHz: 48_000 })
  const slow = net.connect(path(socket))
  slow.write(writeFrame(FRAME.hello, Buffer.from(token)))
  slow.pause()
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const began = performance.now()
  await call.do('call.play', { tone: [{ frequencies: [700], onMs: 200, offMs: 0 }], totalMs: 200 })
  assert.ok(performance.now() - began < 900, 'a prompt is as quick as ever')
  over()
  caller.hangup()
  await world.quiet()
  const [end] = await ended(world)
  assert.equal(end!.data.reason, 'gone')
  assert.ok((end!.data.droppedFrames as number) > 0)
  slow.destroy()
})

test('a switch that dies interrupts the stream; the call, the lease and the next stream are right', async () => {
  await using world = await World.open({ voice: true })
  const { caller, open, over } = await inCall(world)
  const { stream } = await open()
  await world.kill('switch')
  assert.equal(await stream.closed, 'interrupted')
  await assert.rejects(
    async () => {
      for await (const frame of stream) assert.equal(frame.length, 160)
    },
    { name: 'Interrupted' },
  )
  await world.startSwitch()
  over()
  caller.hangup()
  await world.quiet()
  const leases = (await world.leases()).filter(({ kind }) => kind === 'voice.stream')
  assert.ok(leases.length === 1 && leases[0]!.released !== null)
})
