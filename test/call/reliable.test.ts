import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { cseqOf, formatMessage, headerOf } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { DID, World, type WorldOptions } from './harness.ts'

const RELIABLE: [string, string][] = [
  ['Require', '100rel'],
  ['RSeq', '77'],
]

async function ringing(options: WorldOptions, headers: [string, string][]) {
  const world = await World.open(options)
  const b = ScriptedLeg.await(world.second)
  const sdp = ScriptedLeg.await(world.carrier).sdp()
  const a = ScriptedLeg.place(world.carrier, world.node, DID, { headers, body: sdp })
  return { world, a, b, invite: await b.next('INVITE') }
}

test('S12 the caller requires 100rel and the callee does not: its ringing is reliable, and the 200 waits for its PRACK', async () => {
  const { world, a, b, invite } = await ringing({ voice: true }, [['Require', '100rel']])
  await using _ = world
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
  const { world, a, b, invite } = await ringing({ media: 'direct' }, [])
  await using _ = world
  assert.match(headerOf(invite, 'supported'), /100rel/)
  b.reply(invite, 183, { headers: RELIABLE, body: b.sdp({ port: 31_700 }) })
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
  const { world, a, b, invite } = await ringing({ voice: true }, [])
  await using _ = world
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
  const { world, a, b, invite } = await ringing({ media: 'direct' }, [])
  await using _ = world
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
  const { world, a, b, invite } = await ringing({ voice: true }, [])
  await using _ = world
  b.reply(invite, 183, { headers: RELIABLE, body: b.sdp({ port: 31_700 }) })
  b.reply(await b.next('PRACK'), 200)
  await a.next('183')
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
  const again = ScriptedLeg.place(world.carrier, world.node, DID, { body: a.sdp() })
  const c = ScriptedLeg.await(world.second)
  const rung = await c.next('INVITE')
  c.reply(rung, 183, { headers: RELIABLE, body: c.sdp() })
  c.reply(await c.next('PRACK'), 200)
  c.reply(rung, 486)
  await c.next('ACK')
  await again.next('486 INVITE')
  c.ask('UPDATE')
  await c.next('481 UPDATE')
})
