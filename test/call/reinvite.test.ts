import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headerOf } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { DID, World, type WorldOptions } from './harness.ts'

/** A call between two far ends that the test plays itself. */
async function up(options: WorldOptions) {
  const world = await World.open(options)
  const b = ScriptedLeg.await(world.second)
  const a = ScriptedLeg.place(world.carrier, world.node, DID, { body: `${sdpOf(world.carrier.socket.address, 30_000)}` })
  const invite = await b.next('INVITE')
  b.reply(invite, 200, { body: b.sdp({ port: 31_000 }) })
  await b.next('ACK')
  const answer = await a.next('200 INVITE')
  a.ack(answer)
  return { world, a, b, invite, answer }
}

function sdpOf(address: string, port: number): string {
  return `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n`
}

async function hangUp(world: World, a: ScriptedLeg, b: ScriptedLeg): Promise<void> {
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await a.next('200 BYE')
  await world.quiet()
}

const HOLDS: [name: string, change: (leg: ScriptedLeg) => string, answered: string][] = [
  ['sendonly', (leg) => leg.sdp({ direction: 'sendonly', version: 2 }), 'recvonly'],
  ['inactive', (leg) => leg.sdp({ direction: 'inactive', version: 3 }), 'inactive'],
  ['0.0.0.0', (leg) => leg.sdp({ address: '0.0.0.0', version: 4 }), 'recvonly'],
]

test('S48 S02 hold in every spelling, by either side: answered as RFC 3264 says, an event each, and both ways again after', async () => {
  const { world, a, b } = await up({ voice: true })
  await using _ = world
  for (const leg of [a, b]) {
    for (const [name, change, answered] of HOLDS) {
      leg.ask('INVITE', { body: change(leg) })
      const held = await leg.next('200 INVITE')
      leg.ack(held)
      assert.equal(readSdp(held.body)?.direction, answered, name)
      leg.ask('INVITE', { body: leg.sdp({ version: 9 }) })
      const back = await leg.next('200 INVITE')
      leg.ack(back)
      assert.equal(readSdp(back.body)?.direction, 'sendrecv', name)
    }
  }
  await hangUp(world, a, b)
  const types = (await world.events()).map((event) => event.type).filter((type) => /held|retrieved/.test(type))
  assert.deepEqual(types, Array(6).fill(['leg.held', 'leg.retrieved']).flat())
})

test('S54 T.38 gets 488 and the audio stays; the audio re-INVITE behind it is answered. S53 an offerless one gets an offer', async () => {
  const { world, a, b, answer } = await up({ voice: true })
  await using _ = world
  const image = a.sdp().replace(/m=audio[\s\S]*/, 'm=image 4000 udptl t38\r\na=T38FaxVersion:0\r\n')
  a.ask('INVITE', { body: image })
  const refused = await a.next('488')
  a.ack(refused)
  a.ask('INVITE', { body: a.sdp({ version: 2, port: 30_002 }) })
  const audio = await a.next('200 INVITE')
  a.ack(audio)
  assert.equal(readSdp(audio.body)?.port, readSdp(answer.body)?.port)
  a.ask('INVITE')
  const offered = await a.next('200 INVITE')
  assert.equal(readSdp(offered.body)?.port, readSdp(answer.body)?.port)
  a.ack(offered, { body: a.sdp({ version: 3, direction: 'sendonly' }) })
  a.ask('UPDATE', { body: a.sdp({ version: 4 }) })
  assert.equal(readSdp((await a.next('200 UPDATE')).body)?.direction, 'sendrecv')
  await hangUp(world, a, b)
  const types = (await world.events()).map((event) => event.type)
  assert.ok(types.includes('leg.held'), 'the answer in the ACK was read')
})

test('S01 S02 S04 audio that passes by: crossing re-INVITEs get 491 each, their retry is passed on and answered', async () => {
  const { world, a, b } = await up({ media: 'direct' })
  await using _ = world
  // Both at once: ours to B meets B's own, and the other way round.
  b.ask('INVITE', { body: b.sdp({ version: 2 }) }, 1)
  a.ask('INVITE', { body: a.sdp({ version: 2 }) })
  const crossing = await Promise.all([a, b].map((leg) => leg.next('INVITE', 600).catch(() => null)))
  assert.ok(crossing.some(Boolean), 'at least one of them went through')
  for (const [i, leg] of [a, b].entries()) if (crossing[i]) leg.reply(crossing[i], 491)
  const refusals = await Promise.all([a.next('491'), b.next('491')])
  a.ack(refusals[0])
  b.ack(refusals[1])
  const before = [a.count(491), b.count(491)]
  // RFC 3261 §14.1: the callee tries again first.
  b.ask('INVITE', { body: b.sdp({ version: 3, direction: 'sendonly' }) }, 2)
  const passed = await a.next('INVITE')
  assert.equal(readSdp(passed.body)?.direction, 'sendonly')
  a.reply(passed, 200, { body: a.sdp({ version: 3 }).replace('sendrecv', 'recvonly') })
  await a.next('ACK')
  const answer = await b.next('200 INVITE')
  b.ack(answer)
  assert.equal(readSdp(answer.body)?.direction, 'recvonly')
  assert.deepEqual([a.count(491), b.count(491)], before, 'no 491 is repeated after its ACK')
  await hangUp(world, a, b)
})

test('S53 audio that passes by: an offerless re-INVITE and its answer in the ACK go through; S49 so does a moved port', async () => {
  const { world, a, b } = await up({ media: 'direct' })
  await using _ = world
  a.ask('INVITE')
  const asked = await b.next('INVITE')
  assert.equal(asked.body, '')
  b.reply(asked, 200, { body: b.sdp({ port: 31_500, version: 2 }) })
  const offered = await a.next('200 INVITE')
  assert.equal(readSdp(offered.body)?.port, 31_500)
  a.ack(offered, { body: a.sdp({ port: 30_500, version: 2 }) })
  assert.equal(readSdp((await b.next('ACK')).body)?.port, 30_500)
  a.ask('UPDATE', { body: a.sdp({ port: 30_600, version: 3 }) })
  const moved = await b.next('INVITE')
  assert.equal(readSdp(moved.body)?.port, 30_600)
  b.reply(moved, 200, { body: b.sdp({ port: 31_500, version: 2 }) })
  await b.next('ACK')
  assert.equal(readSdp((await a.next('200 UPDATE')).body)?.port, 31_500)
  await hangUp(world, a, b)
})

test('S51 S58 each leg by itself: UPDATE, INFO and what is unknown are answered at once, by the right status', async () => {
  const { world, a, b } = await up({ voice: true })
  await using _ = world
  const relay: [string, string] = ['Content-Type', 'application/dtmf-relay']
  a.ask('INFO', { headers: [relay], body: 'Signal=5\r\nDuration=160\r\n' })
  await a.next('200 INFO')
  a.ask('INFO', { headers: [['Content-Type', 'text/plain']], body: 'x' })
  assert.match(headerOf(await a.next('415'), 'accept'), /dtmf/)
  a.ask('UPDATE')
  await a.next('200 UPDATE')
  a.ask('MESSAGE', { headers: [['Content-Type', 'text/plain']], body: 'x' })
  assert.match(headerOf(await a.next('405'), 'allow'), /INVITE.*PRACK/)
  a.ask('INVITE', { headers: [['Require', 'gruu']], body: a.sdp() })
  const bad = await a.next('420')
  a.ack(bad)
  assert.equal(headerOf(bad, 'unsupported'), 'gruu')
  a.ask('INVITE', {
    headers: [
      ['Session-Expires', '30'],
      ['Supported', 'timer'],
    ],
    body: a.sdp(),
  })
  const short = await a.next('422')
  a.ack(short)
  assert.equal(headerOf(short, 'min-se'), '90')
  await hangUp(world, a, b)
  assert.equal((await world.events()).filter((event) => event.type === 'leg.digits').length, 1)
})
