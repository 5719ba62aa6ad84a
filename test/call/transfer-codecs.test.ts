import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import type { CodecName } from '#protocol/audio/index.ts'
import { until } from '../peer/clock.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { ceiling, End, hangUp, hearEachOther, placed, telephone, transcoded } from './codec-scene.ts'
import { World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const FAR = '+32470999999'

let world: World
/** What the program does while the caller talks to whom it has dialled. */
let meanwhile: (call: Commanded) => Promise<unknown> = async () => {}
before(async () => {
  world = await World.open({ voice: true })
  await Program.connect(world, async (call: Commanded) => {
    const talk = call.do('call.dial', { target: { pbx: '101' } })
    await Promise.all([talk, meanwhile(call)])
  })
})
after(() => world[Symbol.asyncDispose]())

/** A caller in PCMU talks to a telephone of the site in this codec. */
async function talking(t: TestContext, own: CodecName): Promise<{ a: End; b: End }> {
  const { a, b, invite } = await placed(t, world, { a: ['PCMU'] })
  await b.take(t, own)
  b.hears(invite.body)
  b.leg.reply(invite, 200, { body: b.sdp([own]) })
  await b.leg.next('ACK')
  const answer = await a.leg.next('200 INVITE')
  a.leg.ack(answer)
  a.hears(answer.body)
  return { a, b }
}

/** Whoever is called outside, by whichever trunk. */
async function far(): Promise<[End, Awaited<ReturnType<ScriptedLeg['next']>>]> {
  const ends = [world.second, world.carrier].map((end) => new End(ScriptedLeg.await(end), 'a'))
  return await Promise.any(ends.map(async (end) => [end, await end.leg.next('INVITE')] as const)).then(([end, invite]) => [
    end,
    invite,
  ])
}

/** It answers in this codec. */
async function answers(t: TestContext, [end, invite]: Awaited<ReturnType<typeof far>>, codec: CodecName): Promise<void> {
  await end.take(t, codec)
  end.hears(invite.body)
  end.leg.reply(invite, 200, { body: end.sdp([codec]) })
}

/** The telephone calls somebody outside, who speaks G.722. */
async function consulting(t: TestContext, own: CodecName): Promise<{ b: End; c: End }> {
  const asked = far()
  const b = await telephone(t, world, [own], FAR)
  const [c] = await asked
  await answers(t, await asked, 'G722')
  await c.leg.next('ACK')
  const answer = await b.leg.next('200 INVITE')
  b.leg.ack(answer)
  b.hears(answer.body)
  return { b, c }
}

const refer = ({ leg }: End, more = '') => leg.ask('REFER', { headers: [['Refer-To', `<sip:${FAR}@tieline.test${more}>`]] })
const named = ({ leg }: End) => `?Replaces=${encodeURIComponent(leg.replaces)}`

test('R04 an attended transfer where the ceiling is met exactly takes the transcoding over, and has its own lease to the end', async (t) => {
  t.after(() => ceiling(world, 10_000))
  await ceiling(world, 1)
  for (const own of ['G722', 'PCMU'] as const) {
    const from = (await world.records()).length
    // It speaks one of both codecs, so that one of its two calls is transcoded.
    const { a, b } = await talking(t, own)
    const { b: b2, c } = await consulting(t, own)
    assert.equal((await transcoded(world, from)).length, 1, own)
    refer(b, named(b2))
    await b.leg.next('202')
    b2.leg.reply(await b2.leg.next('BYE'), 200)
    assert.deepEqual(await b.leg.progress(), ['SIP/2.0 100 Trying', 'SIP/2.0 200 OK'])
    b.leg.ask('BYE')
    await b.leg.next('200 BYE')
    await hearEachOther(a, c, `transferred, ${own}`)
    assert.equal((await transcoded(world, from)).filter(({ released }) => released === null).length, 1, 'it is leased still')
    await hangUp(world, a, c)
    assert.deepEqual(
      (await transcoded(world, from)).map(({ answered, released }) => [answered, released]),
      [
        [true, 'transferred'],
        [true, 'hangup'],
      ],
    )
  }
})

test('S28 R04 a ceiling that is lowered in mid-call refuses an attended transfer, and the two calls are as they were', async (t) => {
  t.after(() => ceiling(world, 10_000))
  for (const own of ['G722', 'PCMU'] as const) {
    await ceiling(world, 10_000)
    const from = (await world.records()).length
    const { a, b } = await talking(t, own)
    const { b: b2, c } = await consulting(t, own)
    await hearEachOther(a, b, `before, ${own}`)
    await ceiling(world, 0)
    refer(b, named(b2))
    await b.leg.next('202')
    assert.equal((await b.leg.progress()).at(-1), 'SIP/2.0 488 Not transferred')
    await hearEachOther(a, b, `after, ${own}`)
    await hearEachOther(c, b2, `who was consulted, ${own}`)
    assert.deepEqual(
      (await transcoded(world, from)).map(({ released }) => released),
      [null],
    )
    assert.ok([a, b, b2, c].every(({ leg }) => leg.count('BYE') === 0))
    c.phone.quiet()
    b2.phone.quiet()
    c.leg.ask('BYE')
    b2.leg.reply(await b2.leg.next('BYE'), 200)
    await c.leg.next('200 BYE')
    await hangUp(world, a, b)
  }
})

for (const what of ['early media', 'an answer', 'what nobody has offered'] as const)
  test(`S28 R04 a blind transfer to somebody with ${what} in another codec fails, and the two talk as before, though the ceiling has been lowered`, async (t) => {
    t.after(() => ceiling(world, 10_000))
    const from = (await world.records()).length
    const { a, b } = await talking(t, 'G722')
    await hearEachOther(a, b, 'before')
    if (what === 'what nobody has offered') await ceiling(world, 0)
    const asked = far()
    refer(b)
    await b.leg.next('202')
    const [c, invite] = await asked
    await c.take(t, 'G722')
    if (what === 'early media') {
      c.leg.reply(invite, 183, { body: c.sdp(['G722']) })
      await until('it to be leased', async () => (await transcoded(world, from)).length === 2, 3000)
    }
    await ceiling(world, 0)
    if (what === 'early media') c.leg.reply(invite, 486)
    else c.leg.reply(invite, 200, { body: c.sdp(['G722']) })
    await c.leg.next('ACK')
    if (what !== 'early media') c.leg.reply(await c.leg.next('BYE'), 200)
    assert.match((await b.leg.progress()).at(-1)!, what === 'early media' ? /^SIP\/2.0 486 / : /^SIP\/2.0 488 /)
    await hearEachOther(a, b, 'after')
    await hangUp(world, a, b)
    const leases = await transcoded(world, from)
    assert.deepEqual(leases[0], { answered: true, released: 'hangup' })
    assert.ok(leases.slice(1).every(({ answered, released }) => !answered && released !== null))
  })

test('RFC 3311 R04 an offer before the answer that cannot be transcoded beside what is kept for the two who may go back is refused, and its sender heard as before', async (t) => {
  t.after(() => ceiling(world, 10_000))
  await ceiling(world, 1)
  const { a, b } = await talking(t, 'G722')
  await hearEachOther(a, b, 'before')
  const asked = far()
  refer(b)
  await b.leg.next('202')
  const [c, invite] = await asked
  await c.take(t, 'PCMU')
  c.hears(invite.body)
  const early: [string, string][] = [
    ['Require', '100rel'],
    ['RSeq', '7'],
  ]
  c.leg.reply(invite, 183, { headers: early, body: c.sdp(['PCMU']) })
  c.leg.reply(await c.leg.next('PRACK'), 200)
  await hearEachOther(a, c, 'early')
  c.leg.ask('UPDATE', { body: c.sdp(['G722']) })
  await c.leg.next('488 UPDATE')
  await hearEachOther(a, c, 'refused')
  assert.equal(c.phone.heard.at(-1)?.payloadType, 0)
  c.leg.reply(invite, 200, { body: c.sdp(['PCMU']) })
  await c.leg.next('ACK')
  assert.equal((await b.leg.progress()).at(-1), 'SIP/2.0 200 OK')
  b.leg.ask('BYE')
  await b.leg.next('200 BYE')
  await hearEachOther(a, c, 'answered')
  await hangUp(world, a, c)
})

test('S28 R04 whoever goes back from a consultation is heard as before, though the ceiling has been lowered', async (t) => {
  t.after(() => ceiling(world, 10_000))
  for (const how of ['retrieve', 'hangs up', 'complete'] as const) {
    await ceiling(world, 10_000)
    const from = (await world.records()).length
    const talks = Promise.withResolvers<void>()
    const consults = Promise.withResolvers<void>()
    const decides = Promise.withResolvers<void>()
    meanwhile = async (call) => {
      await talks.promise
      await call.do('call.consult', { target: { number: FAR } })
      consults.resolve()
      await decides.promise
      if (how !== 'hangs up') await call.do(`call.${how}`, {})
    }
    const { a, b } = await talking(t, 'G722')
    await hearEachOther(a, b, 'before')
    const asked = far()
    talks.resolve()
    const [c] = await asked
    await answers(t, await asked, 'G722')
    await c.leg.next('ACK')
    await consults.promise
    await hearEachOther(c, b, 'consulted')
    await ceiling(world, 0)
    decides.resolve()
    if (how === 'hangs up') c.leg.ask('BYE')
    else c.leg.reply(await c.leg.next('BYE'), 200)
    await hearEachOther(a, b, `after, ${how}`)
    await hangUp(world, a, b)
    const leases = await transcoded(world, from)
    assert.deepEqual(
      leases.map(({ released }) => released),
      ['hangup'],
      how,
    )
  }
})
