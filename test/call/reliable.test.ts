import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { cseqOf, formatMessage, headerOf } from '../peer/sip/message.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { World } from './harness.ts'
import { answeredEarly, reliable, ringing } from './scripted-call.ts'

test('S12 the caller requires 100rel and the callee does not: its ringing is reliable, and the 200 waits for its PRACK', async () => {
  await using world = await World.open({ voice: true })
  const { a, b, invite } = await ringing(world, { headers: [['Require', '100rel']] })
  b.reply(invite, 180)
  const rings = await a.next('180')
  assert.equal(headerOf(rings, 'require'), '100rel')
  b.reply(invite, 200, { body: b.sdp() })
  await b.next('ACK')
  await new Promise((resolve) => setTimeout(resolve, 150))
  assert.equal(a.count(200), 0, 'the 200 is held')
  a.prack(rings)
  await a.next('200 PRACK')
  a.ack(await a.next('200 INVITE'))
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
})

test('S12 S10 the callee answers reliably and the caller knows nothing of it; a 200 without SDP keeps what was said before', async () => {
  await using world = await World.open({ media: 'direct' })
  const { a, b, invite } = await ringing(world)
  assert.match(headerOf(invite, 'supported'), /100rel/)
  b.reply(invite, 183, { headers: reliable(77), body: b.sdp({ port: 31_700 }) })
  const prack = await b.next('PRACK')
  assert.equal(headerOf(prack, 'rack'), `77 ${cseqOf(invite).number} INVITE`)
  b.reply(prack, 200)
  const early = await a.next('183')
  assert.deepEqual([headerOf(early, 'rseq'), headerOf(early, 'require')], ['', ''])
  b.reply(invite, 200)
  assert.equal(cseqOf(await b.next('ACK')).number, cseqOf(invite).number)
  const answer = await a.next('200 INVITE')
  assert.equal(readSdp(answer.body)?.port, 31_700)
  a.ack(answer)
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
})

test('S14 S40 early media without sound, then 180: the caller is told that it rings; what we send fits a datagram', async () => {
  await using world = await World.open({ voice: true })
  const { a, b, invite } = await ringing(world)
  assert.ok(formatMessage(invite).length < 1200)
  b.reply(invite, 183, { body: b.sdp() })
  assert.ok(readSdp((await a.next('183')).body))
  b.reply(invite, 180)
  await a.next('180', 1000)
  b.reply(invite, 486)
  await b.next('ACK')
  a.ack(await a.next('486'))
  await world.quiet()
})

test('S32 the callee’s 422 is nobody’s failure: the call is asked for again with a longer interval', async () => {
  await using world = await World.open({ media: 'direct' })
  const { a, b, invite } = await ringing(world)
  b.reply(invite, 422, { headers: [['Min-SE', '2400']] })
  await b.next('ACK')
  const again = await b.next('INVITE')
  assert.deepEqual(
    [headerOf(again, 'call-id') === headerOf(invite, 'call-id'), cseqOf(again).number, headerOf(again, 'session-expires')],
    [true, 2, '2400'],
  )
  b.reply(again, 200, { body: b.sdp() })
  await b.next('ACK')
  a.ack(await a.next('200 INVITE'))
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
  await until('the legs', async () => (await world.events()).filter((event) => event.type === 'leg.failed').length === 0, 1000)
})

test('RFC 3311 §5.2 a callee that has rung reliably updates its early dialog: taken without an offer, refused with one that nobody speaks, and the call goes on', async () => {
  await using world = await World.open({ voice: true })
  const call = await ringing(world)
  const { a, b, invite } = call
  await answeredEarly(call, { sdp: { port: 31_700 } })
  b.ask('UPDATE')
  await b.next('200 UPDATE')
  b.ask('UPDATE', { body: b.sdp({ port: 31_710, version: 2 }).replace('m=audio', 'm=video') })
  await b.next('488 UPDATE')
  b.ask('OPTIONS')
  await b.next('200 OPTIONS')
  // §15: a callee has no BYE before it has answered.
  b.ask('BYE')
  await b.next('481 BYE')
  b.reply(invite, 200)
  await b.next('ACK')
  a.ack(await a.next('200 INVITE'))
  b.ask('UPDATE')
  await b.next('200 UPDATE')
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
  const { a: again, b: c, invite: rung } = await ringing(world)
  c.reply(rung, 183, { headers: reliable(77), body: c.sdp() })
  c.reply(await c.next('PRACK'), 200)
  c.reply(rung, 486)
  await c.next('ACK')
  await again.next('486 INVITE')
  c.ask('UPDATE')
  await c.next('481 UPDATE')
})
