import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import type { SiteConfig, Target, TrunkConfig } from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import { digestAnswer } from '../peer/sip/digest.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { headerOf, headersOf } from '../peer/sip/message.ts'
import { register } from '../peer/sip/register.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { answered, codecsIn, End, hangUp, hearEachOther, placed, retuned, transcoded } from './codec-scene.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

let world: World
/** Whom the program calls. */
let target: Target = { pbx: '101' }
before(async () => {
  world = await World.open({ voice: true })
  await Program.connect(world, async (call: Commanded) => {
    if (call.offered.from.number.endsWith('456')) await call.do('call.answer', {})
    await call.do('call.dial', { target })
  })
})
after(() => world[Symbol.asyncDispose]())

/** Both trunks, and the site, as a test has them. */
async function policy(trunk: Partial<TrunkConfig>, site: Partial<SiteConfig> = {}): Promise<void> {
  const { snapshot } = world
  const trunks = snapshot.trunks.map(({ codecs: _, transcode: __, ...rest }) => ({ ...rest, ...trunk }))
  const [acme] = snapshot.subscribers
  const { codecs: _, telephoneCodecs: __, transcode: ___, ...rest } = acme!.site
  const subscribers = [{ ...acme!, site: { ...rest, ...site } }]
  await world.publish({ ...snapshot, number: snapshot.number + 1, trunks, subscribers })
}

test('S53 a trunk speaks what it may: in our order where there is one, and an offer of anything else gets 488 at once', async (t) => {
  await policy({ codecs: ['G722', 'PCMA'] })
  const body = (types: string) =>
    `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP ${types}\r\n`
  const refused = ScriptedLeg.place(world.carrier, world.node, DID, { body: body('0') })
  refused.ack(await refused.next('488'))
  for (const [codecs, told] of [
    [['G722', 'PCMA'], 'G722'],
    [undefined, 'PCMA'],
  ] as const) {
    await policy(codecs ? { codecs: [...codecs] } : {})
    const { a, b, invite } = await placed(t, world, { a: ['PCMA', 'G722'] })
    const answer = await a.leg.next('200 INVITE')
    a.leg.ack(answer)
    assert.deepEqual(codecsIn(answer.body), [`${told}/8000`], 'answered for a program, before anybody else is there')
    await retuned(t, a, told)
    a.hears(answer.body)
    await b.take(t, told)
    b.hears(invite.body)
    b.leg.reply(invite, 200, { body: b.sdp([told]) })
    await b.leg.next('ACK')
    await hearEachOther(a, b, told)
    await hangUp(world, a, b)
  }
})

test('a site is offered what it may speak, its like first, and the rest in our order', async (t) => {
  const from = (await world.records()).length
  await policy({}, { codecs: ['opus', 'PCMA', 'L16/8000'] })
  const call = await placed(t, world, { a: ['PCMU'] })
  const told = await call.a.leg.next('200 INVITE')
  call.a.leg.ack(told)
  assert.deepEqual(codecsIn(call.invite.body), ['PCMA/8000', 'opus/48000/2', 'L16/8000'])
  await call.b.take(t, 'opus')
  call.b.hears(call.invite.body)
  call.b.leg.reply(call.invite, 200, { body: call.b.sdp(['opus']) })
  await call.b.leg.next('ACK')
  call.a.hears(told.body)
  await hearEachOther(call.a, call.b, 'PCMU and opus')
  await hangUp(world, call.a, call.b)
  assert.equal((await transcoded(world, from)).length, 1)
})

test('a trunk that is never transcoded is not called for what it does not speak; an emergency call is', async (t) => {
  await policy({ codecs: ['PCMA'], transcode: false })
  const phone = new End({ socket: world.pbx.socket } as ScriptedLeg, 'a')
  await phone.take(t, 'opus')
  const body = phone.sdp(['opus'])
  const caller = ScriptedLeg.place(world.pbx, world.siteSwitch, '+32470999999', { body })
  const refusal = await caller.next('488')
  caller.ack(refusal)
  assert.match(headerOf(refusal, 'reason'), /cause=65/)
  await world.quiet()
  const b = new End(ScriptedLeg.await(world.carrier), 'b')
  const a = new End(ScriptedLeg.place(world.pbx, world.siteSwitch, '112', { body }), 'a')
  a.phone = phone.phone
  const invite = await b.leg.next('INVITE')
  assert.deepEqual(codecsIn(invite.body), ['PCMA/8000'])
  await answered(t, { a, b, invite }, { a: 'opus', b: 'PCMA' })
  await hearEachOther(a, b, 'an emergency')
  await hangUp(world, a, b)
})

test('a site’s telephones speak what is said of them, called and calling, and its PBX what is said of the site', async (t) => {
  const own = { user: '101', password: 'circle of life' }
  const desk = await FarEnd.open({ address: `${world.net}.75`, port: 5060, name: 'desk', watched: [] })
  t.after(() => desk.close())
  const { site } = world.snapshot.subscribers[0]!
  t.after(() => {
    target = { pbx: '101' }
    return world.change({ telephones: [], site })
  })
  await policy({}, { codecs: ['PCMA'], telephoneCodecs: ['opus', 'PCMU'] })
  await world.change({ telephones: [{ name: own.user, password: createSealer(world.sealingKey).seal(own.password) }] })
  await register(desk.socket, { ...own, to: world.siteSwitch, expires: 60 })
  target = { user: '101' }
  const called = await placed(t, world, { a: ['PCMA'], far: desk })
  assert.deepEqual(codecsIn(called.invite.body), ['PCMU/8000', 'opus/48000/2'], 'the like of what the caller speaks, and its own')
  called.b.leg.reply(called.invite, 486)
  const early = await called.a.leg.next('200 INVITE')
  called.a.leg.ack(early)
  await called.a.leg.next('BYE')
  target = { pbx: '200' }
  const pbx = await placed(t, world, { a: ['PCMA'] })
  assert.deepEqual(codecsIn(pbx.invite.body), ['PCMA/8000'])
  pbx.b.leg.reply(pbx.invite, 486)
  pbx.a.leg.ack(await pbx.a.leg.next('200 INVITE'))
  // The telephone calls: what only the PBX may speak is refused at once, its own is taken.
  const place = async (codec: CodecName) => {
    const end = new End({ socket: desk.socket } as ScriptedLeg, 'b')
    await end.take(t, codec)
    const said = { body: end.sdp([codec]), from: own.user }
    const asked = ScriptedLeg.place(desk, world.siteSwitch, '+32470999999', said)
    const challenge = await asked.next('401')
    asked.ack(challenge)
    const how = { method: 'INVITE', uri: `sip:+32470999999@${world.siteSwitch.address}:5060` }
    const proof = digestAnswer(headersOf(challenge, 'www-authenticate'), own, how)
    return ScriptedLeg.place(desk, world.siteSwitch, '+32470999999', { ...said, headers: [['Authorization', proof]] })
  }
  const refused = await place('PCMA')
  refused.ack(await refused.next('488'))
  const carrier = ScriptedLeg.await(world.carrier)
  const taken = await place('opus')
  const invite = await carrier.next('INVITE')
  assert.ok(codecsIn(invite.body).includes('PCMA/8000'), 'the trunk is offered what a transcoder can make')
  carrier.reply(invite, 486)
  taken.ack(await taken.next('486'))
  await world.quiet()
})
