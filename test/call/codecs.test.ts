import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { CodecName } from '#protocol/audio/index.ts'
import { until } from '../peer/clock.ts'
import { headerOf } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import {
  answered,
  ceiling,
  codecsIn,
  type End,
  formatsOf,
  hangUp,
  hearEachOther,
  placed,
  type Spoken,
  transcoded,
} from './codec-scene.ts'
import { DID, World } from './harness.ts'

let world: World
before(async () => {
  world = await World.open({ voice: true, subscriber: { defaultRoute: { pbx: '101' } } })
})
after(() => world[Symbol.asyncDispose]())

const NAMES: Record<Spoken, string> = {
  ...{ PCMU: 'PCMU/8000', PCMA: 'PCMA/8000', G722: 'G722/8000', GSM: 'GSM/8000', opus: 'opus/48000/2' },
  ...{ 'L16/8000': 'L16/8000', 'L16/16000': 'L16/16000' },
}

/** A key pressed at each end arrives at the other one, once, under its own number. */
async function keysCross(a: End, b: End): Promise<void> {
  for (const [from, to, key, event] of [[a, b, '5', 5] as const, [b, a, '#', 11] as const]) {
    from.phone.quiet()
    from.phone.press(key, from.events)
    await until(`key ${key}`, () => to.keys().length === 1 && to.keys()[0] === event, 3000)
  }
}

const UNLIKE: readonly [trunk: CodecName, site: CodecName][] = [
  ['G722', 'PCMU'],
  ['PCMU', 'G722'],
  ['PCMA', 'opus'],
  ['G722', 'opus'],
  ['PCMU', 'L16/16000'],
]

for (const [trunk, site] of UNLIKE) {
  test(`S50 ${trunk} on the trunk and ${site} at the site hear each other, keys cross, and the transcoding is leased and billed`, async (t) => {
    const from = (await world.records()).length
    const call = await placed(t, world, { a: [trunk] })
    assert.equal(codecsIn(call.invite.body)[0], NAMES[trunk], 'what need not be transcoded is offered first')
    const answer = await answered(t, call, { a: trunk, b: site })
    assert.deepEqual(codecsIn(answer), [NAMES[trunk]])
    await hearEachOther(call.a, call.b, `${trunk} and ${site}`)
    await keysCross(call.a, call.b)
    await hangUp(world, call.a, call.b)
    assert.deepEqual(await transcoded(world, from), [{ answered: true, released: 'hangup' }])
  })
}

test('legs with a codec in common are not transcoded: the caller is answered in what the site took, its like included', async (t) => {
  const from = (await world.records()).length
  for (const [offered, taken, told] of [
    [['PCMU', 'G722', 'PCMA'], 'G722', 'G722'],
    [['G722', 'PCMU'], 'PCMA', 'PCMU'],
    [['GSM', 'PCMA', 'PCMU'], 'PCMU', 'PCMU'],
  ] as const) {
    const call = await placed(t, world, { a: offered })
    const first = offered.filter((name) => name !== 'GSM').map((name) => NAMES[name])
    assert.deepEqual(codecsIn(call.invite.body).slice(0, first.length), first)
    const answer = await answered(t, call, { a: told, b: taken })
    assert.deepEqual(codecsIn(answer), [NAMES[told]])
    await hearEachOther(call.a, call.b, `${offered} and ${taken}`)
    await keysCross(call.a, call.b)
    await hangUp(world, call.a, call.b)
  }
  assert.deepEqual(await transcoded(world, from), [])
})

test('S14 early media in G.722 is heard as such, and the answer says the same; an opus behind it is transcoded', async (t) => {
  const from = (await world.records()).length
  const call = await placed(t, world, { a: ['PCMU', 'G722'] })
  const { a, b, invite } = call
  await b.take(t, 'G722')
  b.hears(invite.body)
  b.leg.reply(invite, 183, { body: b.sdp(['G722']) })
  const early = await a.leg.next('183')
  assert.deepEqual(codecsIn(early.body), ['G722/8000'])
  assert.deepEqual(await transcoded(world, from), [])
  const answer = await answered(t, call, { a: 'G722', b: 'opus' })
  assert.deepEqual(codecsIn(answer), ['G722/8000'], 'what was told before stays')
  await hearEachOther(a, b, 'behind early media')
  await hangUp(world, a, b)
  assert.equal((await transcoded(world, from)).length, 1)
})

test('S53 a caller that offers nothing is offered what the site took; its answer in the ACK decides what is transcoded', async (t) => {
  for (const [site, first, leases] of [
    ['G722', 'G722/8000', 1],
    ['PCMA', 'PCMA/8000', 0],
  ] as const) {
    const from = (await world.records()).length
    const { a, b, invite } = await placed(t, world, { a: null })
    await b.take(t, site)
    b.hears(invite.body)
    b.leg.reply(invite, 200, { body: b.sdp([site]) })
    await b.leg.next('ACK')
    const offer = await a.leg.next('200 INVITE')
    assert.equal(codecsIn(offer.body)[0], first)
    a.hears(offer.body)
    a.leg.ack(offer, { body: a.sdp(['PCMU']) })
    await hearEachOther(a, b, `PCMU in the ACK, ${site}`)
    await hangUp(world, a, b)
    assert.equal((await transcoded(world, from)).length, leases)
  }
})

test('R05 where the ceiling is met, only what need not be transcoded is offered, and a far end without it is why the caller gets 488', async (t) => {
  t.after(() => ceiling(world, 10_000))
  await ceiling(world, 1)
  const from = (await world.records()).length
  const holder = await placed(t, world, { a: ['PCMA'] })
  await answered(t, holder, { a: 'PCMA', b: 'opus' })
  const call = await placed(t, world, { a: ['G722'] })
  assert.deepEqual(codecsIn(call.invite.body), ['G722/8000'])
  call.b.leg.reply(call.invite, 488)
  const refusal = await call.a.leg.next('488')
  call.a.leg.ack(refusal)
  assert.match(headerOf(refusal, 'reason'), /cause=58/)
  const [event] = (await world.events()).filter(({ type }) => type === 'resource.refused')
  const { kind, limitedBy, limit } = event!.data.refusal as { kind: string; limitedBy: string; limit: number }
  assert.deepEqual([kind, limitedBy, limit], ['voice.transcode', 'ceiling', 1])
  await hearEachOther(holder.a, holder.b, 'whoever holds it')
  await hangUp(world, holder.a, holder.b)
  const fits = await placed(t, world, { a: ['G722'] })
  await answered(t, fits, { a: 'G722', b: 'opus' })
  await hangUp(world, fits.a, fits.b)
  assert.equal((await transcoded(world, from)).length, 2)
})

test('S53 nothing that we can make gets 488 before anybody is disturbed, and so does what may not be transcoded', async (t) => {
  const from = (await world.records()).length
  const body = `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 3 18\r\n`
  const caller = ScriptedLeg.place(world.carrier, world.node, DID, { body })
  caller.ack(await caller.next('488'))
  assert.equal((await world.records()).slice(from).filter(({ type }) => type === 'lease.taken').length, 0)
  const { site } = world.snapshot.subscribers[0]!
  t.after(() => world.change({ site }))
  await world.change({ site: { ...site, transcode: false } })
  const call = await placed(t, world, { a: ['G722', 'PCMU'] })
  assert.deepEqual(codecsIn(call.invite.body), ['G722/8000', 'PCMU/8000', 'PCMA/8000'])
  call.b.leg.reply(call.invite, 488)
  const refusal = await call.a.leg.next('488')
  call.a.leg.ack(refusal)
  assert.match(headerOf(refusal, 'reason'), /cause=65/)
  await world.quiet()
})

test('S49 S52 a re-INVITE changes the codec: transcoding begins, and is given back when it is needed no more', async (t) => {
  const from = (await world.records()).length
  const call = await placed(t, world, { a: ['PCMU'] })
  const { a, b } = call
  await answered(t, call, { a: 'PCMU', b: 'PCMU' })
  await hearEachOther(a, b, 'before')
  assert.deepEqual(await transcoded(world, from), [])
  const change = async (codec: CodecName) => {
    await b.take(t, codec)
    b.leg.ask('INVITE', { body: b.sdp([codec], ['a=ptime:40']) })
    const answer = await b.leg.next('200 INVITE')
    b.leg.ack(answer)
    assert.deepEqual(codecsIn(answer.body), [NAMES[codec]])
    b.hears(answer.body)
    await hearEachOther(a, b, codec)
    const sound = b.phone.heard.filter(({ payloadType, marker }) => payloadType === b.phone.payloadType && !marker)
    const step = codec === 'opus' ? 1920 : 320
    assert.equal((sound.at(-1)!.timestamp - sound.at(-2)!.timestamp) >>> 0, step, '40 ms of its own clock')
  }
  b.phone.quiet()
  await change('opus')
  assert.deepEqual(await transcoded(world, from), [{ answered: true, released: null }])
  await keysCross(a, b)
  b.phone.quiet()
  await change('PCMA')
  assert.deepEqual(await transcoded(world, from), [{ answered: true, released: 'not-needed' }])
  assert.equal(a.leg.count('INVITE'), 0, 'the trunk is not asked for what it may not speak')
  await ceiling(world, 0)
  t.after(() => ceiling(world, 10_000))
  const { phone } = b
  b.leg.ask('INVITE', { body: b.sdp(['opus']) })
  b.leg.ack(await b.leg.next('488'))
  assert.equal(b.phone, phone)
  await hearEachOther(a, b, 'as it was')
  await hangUp(world, a, b)
})

test('S48 a transcoded leg is held and retrieved by either side: sound both ways again, and its lease stays', async (t) => {
  const from = (await world.records()).length
  const call = await placed(t, world, { a: ['PCMU'] })
  const { a, b } = call
  await answered(t, call, { a: 'PCMU', b: 'opus' })
  await hearEachOther(a, b, 'before')
  for (const [end, codec] of [
    [a, 'PCMU'],
    [b, 'opus'],
  ] as const) {
    for (const direction of ['sendonly', 'inactive', 'sendrecv']) {
      end.leg.ask('INVITE', { body: end.sdp([codec], [`a=${direction}`]) })
      const answer = await end.leg.next('200 INVITE')
      end.leg.ack(answer)
      assert.deepEqual(codecsIn(answer.body), [NAMES[codec]])
      end.hears(answer.body)
    }
    await hearEachOther(a, b, `retrieved by ${codec}`)
  }
  await hangUp(world, a, b)
  assert.deepEqual(await transcoded(world, from), [{ answered: true, released: 'hangup' }])
})

test('a partner that knows the new codec, too, is brought over to it, and nothing is transcoded', async (t) => {
  const from = (await world.records()).length
  const call = await placed(t, world, { a: ['PCMU', 'G722'] })
  const { a, b } = call
  await answered(t, call, { a: 'PCMU', b: 'PCMU' })
  const first = a.phone
  await a.take(t, 'G722')
  a.leg.ask('INVITE', { body: a.sdp(['G722']) })
  const answer = await a.leg.next('200 INVITE')
  a.leg.ack(answer)
  first.quiet()
  a.hears(answer.body)
  const asked = await b.leg.next('INVITE')
  assert.deepEqual(codecsIn(asked.body), ['G722/8000', 'PCMU/8000'])
  assert.equal(formatsOf(asked.body).get('telephone-event/8000'), 101)
  await b.take(t, 'G722')
  b.hears(asked.body)
  b.leg.reply(asked, 200, { body: b.sdp(['G722']) })
  await b.leg.next('ACK')
  await hearEachOther(a, b, 'both in G.722')
  await hangUp(world, a, b)
  assert.deepEqual(
    (await transcoded(world, from)).map(({ released }) => released),
    ['not-needed'],
  )
})

test('a transcoded call outlives a switch that is killed: its sound, and one lease from the beginning to the end', async (t) => {
  const from = (await world.records()).length
  const call = await placed(t, world, { a: ['PCMA'] })
  const { a, b } = call
  await answered(t, call, { a: 'PCMA', b: 'opus' })
  await hearEachOther(a, b, 'before')
  await world.kill('switch')
  await world.startSwitch()
  await hearEachOther(a, b, 'after')
  await hangUp(world, a, b)
  assert.deepEqual(await transcoded(world, from), [{ answered: true, released: 'hangup' }])
})

test('a transcoded call outlives a voice process: each end is asked in its own codec, and a new lease follows the old one', async (t) => {
  const from = (await world.records()).length
  const call = await placed(t, world, { a: ['G722'] })
  const { a, b } = call
  await answered(t, call, { a: 'G722', b: 'opus' })
  await hearEachOther(a, b, 'before')
  await world.kill('voice')
  await world.startVoice()
  for (const [end, codec] of [
    [a, 'G722'],
    [b, 'opus'],
  ] as const) {
    const asked = await end.leg.next('INVITE')
    assert.deepEqual(codecsIn(asked.body), [NAMES[codec]])
    end.hears(asked.body)
    end.leg.reply(asked, 200, { body: end.sdp([codec]) })
    await end.leg.next('ACK')
  }
  await hearEachOther(a, b, 'after')
  await keysCross(a, b)
  await hangUp(world, a, b)
  assert.deepEqual(await transcoded(world, from), [
    { answered: true, released: 'voice-lost' },
    { answered: true, released: 'hangup' },
  ])
})

test('S53 a far end that answers with several codecs may speak any of them, also one that it did not name first', async (t) => {
  const { a, b, invite } = await placed(t, world, { a: ['PCMU'] })
  await b.take(t, 'opus')
  b.hears(invite.body)
  b.leg.reply(invite, 200, { body: b.sdp(['PCMU', 'opus']) })
  await b.leg.next('ACK')
  const answer = await a.leg.next('200 INVITE')
  a.leg.ack(answer)
  a.hears(answer.body)
  b.phone.speak(700)
  await until('a hears b', () => a.phone.tone([440, 700]) === 700, 5000)
  await hangUp(world, a, b)
})
