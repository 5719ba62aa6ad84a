import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { SiteConfig, TrunkConfig } from '#platform/words/index.ts'
import { headerOf } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { answered, codecsIn, End, hangUp, hearEachOther, placed, retuned, transcoded } from './codec-scene.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

let world: World
before(async () => {
  world = await World.open({ voice: true })
  await Program.connect(world, async (call: Commanded) => {
    if (call.offered.from.number.endsWith('456')) await call.do('call.answer', {})
    await call.do('call.dial', { target: { pbx: '101' } })
  })
})
after(() => world[Symbol.asyncDispose]())

/** Both trunks, and the site, as a test has them. */
async function policy(trunk: Partial<TrunkConfig>, site: Partial<SiteConfig> = {}): Promise<void> {
  const { snapshot } = world
  const trunks = snapshot.trunks.map(({ codecs: _, transcode: __, ...rest }) => ({ ...rest, ...trunk }))
  const [acme] = snapshot.subscribers
  const { codecs: _, transcode: __, ...rest } = acme!.site
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
