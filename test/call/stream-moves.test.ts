import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { World } from './harness.ts'
import { echo, ended, inCall, times } from './stream-call.ts'

const streamLeases = async (world: World) => (await world.leases()).filter(({ kind }) => kind === 'voice.stream')

test('C10 C11 a voice process is killed under a stream: it ends, its lease is back, and the next one is where the sound has moved', async () => {
  await using world = await World.open({ voice: true, voices: 2 })
  const { caller, open, over } = await inCall(world)
  const first = await open()
  const echoing = echo(first.stream).catch((error) => error)
  await until('the caller to hear itself', () => times(caller, 400) > 3, 4000)
  const waiting = first.stream.write(new Int16Array(80_000)).catch((error) => error)
  const killed = performance.now()
  await world.kill('voice')
  assert.equal(await first.stream.closed, 'interrupted')
  assert.ok(performance.now() - killed < 3000, 'it is told at once')
  assert.equal(((await waiting) as Error).name, 'Interrupted')
  assert.equal(((await echoing) as Error).name, 'Interrupted')
  await until('the event', async () => (await ended(world)).length === 1, 3000)
  assert.equal((await ended(world))[0]!.data.reason, 'voice-lost')
  const [lost] = await streamLeases(world)
  assert.ok(lost!.released !== null, 'its lease is back while the call goes on')
  const moved = async () => (await world.events()).some(({ type }) => type === 'media.moved')
  await until('the sound to be moved', moved, 9000)
  const second = await open()
  assert.notEqual(second.opened.socket, first.opened.socket)
  void echo(second.stream)
  const before = times(caller, 400)
  await until('the caller to hear itself again', () => times(caller, 400) > before + 3, 4000)
  assert.equal(caller.phase, 'up')
  second.stream.close()
  await until('its end', async () => (await ended(world)).length === 2, 3000)
  over()
  caller.hangup()
  await world.quiet()
  const leases = await streamLeases(world)
  assert.ok(leases.length === 2 && leases.every(({ answered, released }) => answered && released !== null))
})

test('C11 a stream goes on while its caller is joined, held, retrieved and transferred, and is over with the call', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = ['101', '102'].map((user) => ({ user, does: 'answer', ringMs: 10, tone: 700 }) as const)
  const { caller, call, open, over } = await inCall(world)
  const { stream } = await open()
  let frames = 0
  const echoing = (async () => {
    for await (const frame of stream) {
      frames++
      void stream.write(frame).catch(() => {})
    }
  })()
  const heardAgain = async (what: string) => {
    const before = times(caller, 400)
    await until(`the caller to hear itself ${what}`, () => times(caller, 400) > before + 2, 4000)
  }
  await heardAgain('alone')
  const dialled = call.do('call.dial', { target: { pbx: '101' } }).catch(() => {})
  await until('an answer', () => world.pbx.calls[0]?.phase === 'up', 5000)
  await heardAgain('while it is joined')
  await call.do('call.hold', { party: 'caller' })
  const held = frames
  await until('frames while it is held', () => frames > held + 10, 2000)
  await call.do('call.retrieve', {})
  await heardAgain('after it was held')
  assert.equal((await call.do('call.transfer', { target: { pbx: '102' } })).transferred, true)
  await heardAgain('after the transfer')
  assert.equal((await ended(world)).length, 0)
  assert.equal((await streamLeases(world)).filter(({ released }) => released === null).length, 1)
  caller.hangup()
  assert.equal(await stream.closed, 'call-gone')
  await echoing
  await dialled
  over()
  await world.quiet()
  assert.deepEqual(
    (await ended(world)).map(({ data }) => data.reason),
    ['gone'],
  )
  assert.ok((await streamLeases(world)).every(({ answered, released }) => answered && released !== null))
})
