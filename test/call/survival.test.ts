import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const CALLER = '+32470123456'
/** How long a voice process that has died is away, ms: nobody pays for that time. */
const AWAY_MS = 1500
const heard = (call: Call, what: number) => (call.report().media?.heard ?? []).filter((h) => h.what === what).length
const tone = (hz: number, onMs: number) => ({ tone: [{ frequencies: [hz], onMs, offMs: 0 }], totalMs: onMs })

/** When what is released for this reason is paid for until, ms since the epoch. */
async function paidUntil(world: World, reason: string): Promise<number[]> {
  const released = (await world.records()).flatMap((record) => (record.type === 'lease.released' ? [record.lease] : []))
  return released.flatMap((lease) => (lease.reason === reason && lease.answered ? [lease.released!.wall] : []))
}

async function joined(world: World): Promise<{ a: Call; b: Call }> {
  const a = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('audio both ways', () => heard(a, 700) >= 1 && heard(world.pbx.calls.at(-1)!, 400) >= 1, 5000)
  return { a, b: world.pbx.calls.at(-1)! }
}

const dialling = (world: World) => {
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  return Program.connect(world, async (call) => {
    await call.do('call.dial', { target: { pbx: '101' } })
  })
}

for (const voices of [1, 2]) {
  const where = voices === 1 ? 'the one that is started again' : 'another one'
  test(`a voice process is killed: a joined call moves to ${where}, with new ports and leases`, async () => {
    await using world = await World.open({ voice: true, voices })
    using _program = await dialling(world)
    const { a, b } = await joined(world)
    const ports = [a.stream.remote?.port, b.stream.remote?.port]
    const died = Date.now()
    await world.kill('voice')
    await new Promise((resolve) => setTimeout(resolve, voices === 1 ? AWAY_MS : 0))
    if (voices === 1) await world.startVoice()
    const moved = async () => (await world.events()).filter(({ type }) => type === 'media.moved').length === 2
    await until('both legs to be moved', moved, 9000)
    const before = [heard(a, 700), heard(b, 400)]
    await until('audio both ways again', () => heard(a, 700) > before[0]! + 1 && heard(b, 400) > before[1]! + 1, 5000)
    assert.ok(a.phase === 'up' && b.phase === 'up')
    assert.notEqual(a.stream.remote?.port, ports[0])
    assert.notEqual(b.stream.remote?.port, ports[1])
    a.hangup()
    await world.quiet()
    const leases = await world.leases()
    assert.ok(leases.every(({ answered, released }) => answered && released !== null))
    assert.deepEqual(
      leases
        .filter(({ kind, released }) => kind.startsWith('voice.') && released === 'voice-lost')
        .map(({ kind }) => kind)
        .sort(),
      ['voice.port', 'voice.port', 'voice.relay'],
    )
    for (const at of await paidUntil(world, 'voice-lost'))
      assert.ok(at >= died && at < died + AWAY_MS, `${at - died} ms after the death`)
    assert.equal(leases.filter(({ kind }) => kind === 'voice.port').length, 4)
    assert.equal(leases.filter(({ kind }) => kind === 'channel.leg' || kind === 'trunk.in').length, 2)
    const types = (await world.events()).map(({ type }) => type)
    assert.equal(types.filter((type) => type === 'leg.cleared').length, 2)
    assert.equal(types.filter((type) => type === 'call.cleared').length, 1)
  })
}

test('a voice process is killed: who is held hears its music again, the other one nothing, and both talk after it', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  let commanded: Commanded | undefined
  using _program = await Program.connect(world, async (call) => {
    commanded = call
    await call.do('call.dial', { target: { pbx: '101' } })
  })
  const { a, b } = await joined(world)
  await commanded!.do('call.hold', { party: 'caller', music: tone(425, 1000) })
  await until('the music', () => heard(a, 425) >= 1, 4000)
  await world.kill('voice')
  await world.startVoice()
  const moved = async () => (await world.events()).filter(({ type }) => type === 'media.moved').length === 2
  await until('both legs to be moved', moved, 9000)
  const before = [heard(a, 425), heard(a, 700), heard(b, 400)]
  await until('the music again', () => heard(a, 425) > before[0]! + 1, 5000)
  assert.deepEqual([heard(a, 700), heard(b, 400)], before.slice(1))
  await commanded!.do('call.retrieve', {})
  await until('both to talk', () => heard(a, 700) > before[1]! && heard(b, 400) > before[2]!, 5000)
  a.hangup()
  await world.quiet()
})

test('a voice process is killed: a verb rejects as interrupted and the next one is heard', async () => {
  await using world = await World.open({ voice: true })
  const errors: { verdict: { code: string } }[] = []
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.play', tone(400, 60_000)).catch((error) => errors.push(error))
    await call.do('call.play', tone(700, 60_000))
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('the first tone', () => heard(call, 400) >= 2, 5000)
  await world.kill('voice')
  await world.startVoice()
  await until('the second tone', () => heard(call, 700) >= 2, 9000)
  assert.equal(errors[0]?.verdict.code, 'interrupted')
  call.hangup()
  await world.quiet()
})

test('a voice process is killed while somebody rings: that one is let go, and the caller who was answered before moves with its leases', async () => {
  await using world = await World.open({ voice: true })
  const seen = Promise.withResolvers<void>()
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.play', tone(400, 200))
    await call.do('call.dial', { target: { pbx: '101' } })
    await seen.promise
    await call.do('call.play', tone(700, 60_000))
  })
  const callee = ScriptedLeg.await(world.pbx)
  const a = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  const invite = await callee.next('INVITE')
  callee.reply(invite, 183, { body: callee.sdp({ port: 31_000 }) })
  const told = async (type: string) => (await world.events()).filter((event) => event.type === type).length
  await until('early audio', async () => (await told('leg.delivered')) === 1, 3000)
  await world.kill('voice')
  await world.startVoice()
  callee.reply(await callee.next('CANCEL', 9000), 200)
  callee.reply(invite, 487)
  await until('the caller to be moved', async () => (await told('media.moved')) === 1, 9000)
  const held = (await world.leases()).filter(({ released }) => released === null)
  assert.deepEqual(held.map(({ kind, answered }) => [kind, answered]).sort(), [
    ['trunk.in', true],
    ['voice.port', true],
  ])
  seen.resolve()
  await until('the next verb', () => heard(a, 700) >= 1, 9000)
  a.hangup()
  await world.quiet()
})

test('a voice process is killed while a caller is being transferred to somebody who rings: the two talk again as they were', async () => {
  await using world = await World.open({ voice: true })
  let commanded: Commanded | undefined
  using _program = await Program.connect(world, async (call) => {
    commanded = call
    await call.do('call.dial', { target: { pbx: '101' } })
  })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  const { a, b } = await joined(world)
  const third = ScriptedLeg.await(world.second)
  const transfer = commanded!.do('call.transfer', { target: { number: '+3225559001', trunk: 'other' } })
  const invite = await third.next('INVITE')
  third.reply(invite, 183, { body: third.sdp({ port: 31_000 }) })
  const told = async (type: string) => (await world.events()).filter((event) => event.type === type).length
  await until('early audio', async () => (await told('leg.delivered')) === 2, 3000)
  await world.kill('voice')
  await world.startVoice()
  third.reply(await third.next('CANCEL', 9000), 200)
  third.reply(invite, 487)
  assert.equal((await transfer).transferred, false)
  await until('both to be moved', async () => (await told('media.moved')) === 2, 9000)
  const before = [heard(a, 700), heard(b, 400)]
  await until('audio both ways again', () => heard(a, 700) > before[0]! + 1 && heard(b, 400) > before[1]! + 1, 5000)
  a.hangup()
  await world.quiet()
})

test('a voice process is killed: where the policy is to end, each leg ends once, and its sound is paid for until the death', async () => {
  await using world = await World.open({ voice: true, subscriber: { survival: { voice: 'end' } } })
  using _program = await dialling(world)
  const { a, b } = await joined(world)
  const died = Date.now()
  await world.kill('voice')
  await new Promise((resolve) => setTimeout(resolve, AWAY_MS))
  await world.startVoice()
  await until('the end', () => a.phase === 'ended' && b.phase === 'ended', 9000)
  await world.quiet()
  const events = await world.events()
  const cleared = events.filter(({ type }) => type === 'leg.cleared')
  assert.deepEqual(
    cleared.map(({ cause }) => cause?.reason),
    ['media-lost', 'media-lost'],
  )
  assert.equal(events.filter(({ type }) => type === 'call.cleared').length, 1)
  assert.ok((await world.leases()).every(({ released }) => released !== null))
  const [sound, legs] = [await paidUntil(world, 'voice-lost'), await paidUntil(world, 'media-lost')]
  assert.deepEqual([sound.length, legs.length], [3, 2])
  for (const at of sound) assert.ok(at >= died && at < died + AWAY_MS, `${at - died} ms after the death`)
})
