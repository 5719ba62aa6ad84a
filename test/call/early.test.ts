import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import { Phone } from '../interop/voice-phone.ts'
import { until } from '../peer/clock.ts'
import { cseqOf, headerOf } from '../peer/sip/message.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { World } from './harness.ts'
import { ringing } from './scripted-call.ts'

const TONES = [440, 700, 1000]
const CHALLENGE: [string, string] = ['Proxy-Authenticate', 'Digest realm="carrier", nonce="n1", qop="auth", algorithm=MD5']

/** A caller with ears whose call rings at the other carrier. */
async function heardRinging(world: World) {
  const ear = await Phone.open({ address: `${world.net}.2` })
  return { ear, ...(await ringing(world, { sdp: { port: ear.local.port } })) }
}

/** A telephone of the callee's side that speaks a tone towards what was offered. */
async function speaker(world: World, offer: string, hz: number, codec: 'PCMU' | 'PCMA' = 'PCMU') {
  const phone = await Phone.open({ address: `${world.net}.3`, codec })
  const at = readSdp(offer)!
  phone.towards({ address: at.address, port: at.port }).speak(hz)
  return phone
}

for (const policy of ['pass', 'ignore'] as const) {
  test(`S15 early media of a trunk whose policy is ${policy}: what is told and what is heard before the answer`, async () => {
    await using world = await World.open({ voice: true })
    const trunks = world.snapshot.trunks.map((trunk) => ({ ...trunk, earlyMedia: policy }))
    await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
    const { a, b, ear, invite } = await heardRinging(world)
    await using _ear = ear
    await using mouth = await speaker(world, invite.body, 700)
    b.reply(invite, 183, { body: b.sdp({ port: mouth.local.port }) })
    const told = await a.next(policy === 'pass' ? '183' : '180')
    assert.equal(readSdp(told.body) !== null, policy === 'pass')
    // DESIGN §9: 200 ms at three times its value.
    if (policy === 'pass') await until('sound', () => ear.tone(TONES) === 700, 600)
    else await new Promise((resolve) => setTimeout(resolve, 600))
    assert.equal(ear.heard.length > 0, policy === 'pass', `${ear.heard.length} packets`)
    b.reply(invite, 200, { body: b.sdp({ port: mouth.local.port }) })
    a.ack(await a.next('200 INVITE'))
    await b.next('ACK')
    await until('sound after the answer', () => ear.tone(TONES) === 700, 3000)
    a.ask('BYE')
    b.reply(await b.next('BYE'), 200)
    await world.quiet()
  })
}

test('S16 a second early dialog, with another tag and codec, takes the place of the first, and the answer keeps it', async () => {
  await using world = await World.open({ voice: true })
  const { a, b, ear, invite } = await heardRinging(world)
  await using _ear = ear
  await using first = await speaker(world, invite.body, 440)
  b.reply(invite, 183, { body: b.sdp({ port: first.local.port }) })
  await until('the first', () => ear.tone(TONES) === 440, 3000)
  await using second = await speaker(world, invite.body, 1000, 'PCMA')
  b.reply(invite, 183, { tag: 'fork-2', body: b.sdp({ port: second.local.port, payloads: [8] }) })
  // DESIGN §9: 500 ms at three times its value.
  await until('the second, in its codec', () => ear.tone(TONES) === 1000, 1500)
  ear.towards({ address: readSdp((await a.next('183')).body)!.address, port: readSdp((await a.next('183')).body)!.port })
  ear.speak(700)
  await until('the second to hear the caller in its own codec', () => second.tone(TONES) === 700, 3000)
  const before = first.heard.length
  b.reply(invite, 200, { body: b.sdp({ port: second.local.port, payloads: [8] }) })
  await b.next('ACK')
  a.ack(await a.next('200 INVITE'))
  await until('more sound', () => ear.tone(TONES) === 1000 && second.tone(TONES) === 700, 3000)
  assert.ok(first.heard.length - before < 5, 'nothing goes to the first any more')
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
})

test('S11 an INVITE that was challenged has another number: the PRACK of its reliable ringing names that one, and is answered when challenged itself', async () => {
  await using world = await World.open({ voice: true })
  const credentials = { user: 'tl', password: createSealer(world.sealingKey).seal('circle of life') }
  await world.changeTrunk('other', { credentials })
  const { a, b, ear, invite } = await heardRinging(world)
  await using _ear = ear
  b.reply(invite, 407, { headers: [CHALLENGE] })
  await b.next('ACK')
  const again = await b.next('INVITE')
  assert.match(headerOf(again, 'proxy-authorization'), /realm="carrier"/)
  assert.equal(cseqOf(again).number, cseqOf(invite).number + 1)
  b.reply(again, 183, {
    headers: [
      ['Require', '100rel'],
      ['RSeq', '4711'],
    ],
    body: b.sdp(),
  })
  const prack = await b.next('PRACK')
  assert.equal(headerOf(prack, 'rack'), `4711 ${cseqOf(again).number} INVITE`)
  b.reply(prack, 407, { headers: [CHALLENGE] })
  const second = await b.next('PRACK')
  assert.equal(headerOf(second, 'rack'), headerOf(prack, 'rack'))
  assert.ok(cseqOf(second).number > cseqOf(prack).number)
  b.reply(second, 200)
  await a.next('183')
  b.reply(again, 200, { body: b.sdp() })
  assert.equal(cseqOf(await b.next('ACK')).number, cseqOf(again).number)
  a.ack(await a.next('200 INVITE'))
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
})
