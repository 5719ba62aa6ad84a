import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Id } from '#lib/index.ts'
import { RecordingShelf } from '#platform/recording/index.ts'
import { subscriberSealer } from '#platform/subscriber/index.ts'
import { SHARED } from '#platform/words/index.ts'
import { amplitudeAt } from '#protocol/audio/index.ts'
import { Phone } from '../interop/voice-phone.ts'
import { until } from '../peer/clock.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { DID, World } from './harness.ts'
import { Program } from './program.ts'

/** What the caller says, what the callee says, and what the stranger says. */
const [CALLER, CALLEE, STRANGER] = [440, 700, 1000]
const TONES = [CALLER, CALLEE, STRANGER]

interface Place {
  address: string
  port: number
}

/** Whoever knows both ports of a call and speaks to them without pause, with the numbers of the far end's own stream. */
async function injector(world: World, at: Place, like: Phone): Promise<Phone> {
  const stranger = await Phone.open({ address: `${world.net}.9` })
  stranger.ssrc = like.ssrc
  stranger.sequence = like.sequence + 3
  stranger.timestamp = like.timestamp + 480
  stranger.towards(at).speak(STRANGER)
  return stranger
}

/** Both sides of a recording. */
async function recorded(world: World, id: Id<'rec'>): Promise<[Int16Array, Int16Array]> {
  const shelf = new RecordingShelf({
    directory: join(world.directory, SHARED.recordings),
    sealerOf: (subscriber) => subscriberSealer(world.sealingKey, subscriber),
  })
  const reader = await shelf.open(world.acme, id)
  const parts: Buffer[] = []
  for await (const part of reader.read(44, reader.bytes)) parts.push(part)
  await reader.close()
  const pcm = new Int16Array(new Uint8Array(Buffer.concat(parts)).buffer)
  return [pcm.filter((_, i) => i % 2 === 0), pcm.filter((_, i) => i % 2 === 1)]
}

/** The loudest that a tone is in any 50 ms. */
function loudest(pcm: Int16Array, hz: number): number {
  let most = 0
  for (let at = 0; at + 400 <= pcm.length; at += 400) most = Math.max(most, amplitudeAt(pcm.subarray(at, at + 400), hz))
  return most
}

test('F03 a stranger who knocks at both ports in set-up, in the call and behind a re-INVITE hears nothing, and is in no ear and no recording', async () => {
  await using world = await World.open({ voice: true })
  await using a = await Phone.open({ address: `${world.net}.2` })
  await using b = await Phone.open({ address: `${world.net}.74` })
  let result: { recording?: Id<'rec'> } = {}
  using _program = await Program.connect(world, async (call) => {
    result = await call.do('call.dial', { target: { pbx: '101' }, record: 'stereo' })
  })
  const callee = ScriptedLeg.await(world.pbx)
  const caller = ScriptedLeg.place(world.carrier, world.node, DID, { sdp: { port: a.local.port } })
  const invite = await callee.next('INVITE')
  const toSite = readSdp(invite.body)!
  callee.reply(invite, 183, { body: callee.sdp({ port: b.local.port }) })
  const toTrunk = readSdp((await caller.next('183')).body)!
  // In set-up: before either far end has said anything.
  await using left = await injector(world, toTrunk, a)
  await using right = await injector(world, toSite, b)
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.deepEqual([a.heard.length, b.heard.length], [0, 0], 'nobody hears a stranger ring')
  callee.reply(invite, 200, { body: callee.sdp({ port: b.local.port }) })
  await callee.next('ACK')
  caller.ack(await caller.next('200 INVITE'))
  a.towards(toTrunk).speak(CALLER)
  b.towards(toSite).speak(CALLEE)
  const bothHear = () => a.tone(TONES) === CALLEE && b.tone(TONES) === CALLER
  await until('both to hear each other', bothHear, 4000)
  await new Promise((resolve) => setTimeout(resolve, 500))
  // Behind a re-INVITE that moves the callee, which is silent there at first: its new place is open to nobody else.
  await using moved = await Phone.open({ address: `${world.net}.74` })
  b.quiet()
  callee.ask('INVITE', { body: callee.sdp({ port: moved.local.port, version: 2 }) })
  callee.ack(await callee.next('200 INVITE'))
  await until('the caller at the new place', () => moved.tone(TONES) === CALLER, 3000)
  moved.towards(toSite).speak(CALLEE)
  await until('the callee from the new place', () => a.tone(TONES) === CALLEE, 3000)
  callee.ask('BYE')
  caller.reply(await caller.next('BYE'), 200)
  await world.quiet()
  assert.deepEqual([left.heard.length, right.heard.length], [0, 0], 'nothing is sent to whoever knocks')
  for (const [who, ear, own] of [
    ['caller', a.sound(), CALLEE],
    ['callee', b.sound(), CALLER],
    ['moved', moved.sound(), CALLER],
  ] as const) {
    assert.ok(loudest(ear, own) > 1000, `${who} hears the other`)
    assert.ok(loudest(ear, STRANGER) < loudest(ear, own) / 10, `${who} hears a stranger: ${loudest(ear, STRANGER)}`)
  }
  for (const side of await recorded(world, result.recording!)) {
    assert.ok(side.length > 4000 && loudest(side, STRANGER) < 500, `a stranger is recorded: ${loudest(side, STRANGER)}`)
  }
})

test('F03 M10 a far end whose NAT gives it another port in the call is heard again with its next description, a stranger never', async () => {
  await using world = await World.open({ voice: true })
  await using a = await Phone.open({ address: `${world.net}.2` })
  await using b = await Phone.open({ address: `${world.net}.3` })
  const callee = ScriptedLeg.await(world.second)
  const caller = ScriptedLeg.place(world.carrier, world.node, DID, { sdp: { port: a.local.port } })
  const invite = await callee.next('INVITE')
  callee.reply(invite, 200, { body: callee.sdp({ port: b.local.port }) })
  await callee.next('ACK')
  const answer = await caller.next('200 INVITE')
  caller.ack(answer)
  a.towards(readSdp(answer.body)!).speak(CALLER)
  b.towards(readSdp(invite.body)!).speak(CALLEE)
  await until('both to hear each other', () => a.tone(TONES) === CALLEE && b.tone(TONES) === CALLER, 4000)
  const rebound = await b.another()
  await using stranger = await injector(world, readSdp(invite.body)!, b)
  b.speak(CALLEE, 20, { from: rebound })
  caller.ask('INVITE', { body: caller.sdp({ port: a.local.port, version: 2 }) })
  caller.ack(await caller.next('200 INVITE'))
  const before = a.heard.length
  await new Promise((resolve) => setTimeout(resolve, 700))
  assert.ok(a.heard.length - before < 30, 'a port that nobody has told of is not heard in the middle of a call')
  callee.ask('INVITE', { body: callee.sdp({ port: b.local.port, version: 2 }) })
  callee.ack(await callee.next('200 INVITE'))
  await until('the callee again', () => a.heard.length - before > 10 && a.tone(TONES) === CALLEE, 3000)
  assert.equal(stranger.heard.length, 0)
  caller.ask('BYE')
  callee.reply(await callee.next('BYE'), 200)
  await world.quiet()
})
