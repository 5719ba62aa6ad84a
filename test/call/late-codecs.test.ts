import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { CodecName } from '#protocol/audio/index.ts'
import { until } from '../peer/clock.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import {
  ceiling,
  codecsIn,
  End,
  formatsOf,
  hangUp,
  hearEachOther,
  placed,
  retuned,
  type Spoken,
  telephone,
  transcoded,
} from './codec-scene.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

let world: World
/** What the program does with a call before it dials, or instead. */
let first: (call: Commanded) => Promise<void> = async () => {}
let dials = true
let records = false
before(async () => {
  world = await World.open({ voice: true })
  await Program.connect(world, async (call: Commanded) => {
    await first(call)
    if (dials) await call.do('call.dial', { target: { pbx: '101' }, ...(records ? { record: 'mono' as const } : {}) })
  })
})
after(() => world[Symbol.asyncDispose]())

/** A caller that was answered in its first codec by a program, and is joined to somebody who speaks the second alone. */
async function late(t: Parameters<typeof placed>[0], spoken: readonly Spoken[], site: CodecName): Promise<{ a: End; b: End }> {
  first = async (call) => void (await call.do('call.answer', {}))
  const { a, b, invite } = await placed(t, world, { a: spoken })
  const answer = await a.leg.next('200 INVITE')
  a.leg.ack(answer)
  a.hears(answer.body)
  assert.deepEqual(
    codecsIn(invite.body).slice(0, spoken.length),
    spoken.map((name) => `${name}/8000`),
  )
  await b.take(t, site)
  b.hears(invite.body)
  b.leg.reply(invite, 200, { body: b.sdp([site]) })
  await b.leg.next('ACK')
  return { a, b }
}

test('a caller that a program has answered is asked for the codec of whom it is joined to, and nothing is transcoded any more', async (t) => {
  const from = (await world.records()).length
  const { a, b } = await late(t, ['G722', 'PCMU'], 'PCMU')
  const asked = await a.leg.next('INVITE')
  assert.deepEqual(codecsIn(asked.body), ['PCMU/8000', 'G722/8000'])
  await hearEachOther(a, b, 'transcoded meanwhile')
  assert.deepEqual(await transcoded(world, from), [{ answered: true, released: null }])
  await retuned(t, a, 'PCMU')
  a.hears(asked.body)
  a.leg.reply(asked, 200, { body: a.sdp(['PCMU']) })
  await a.leg.next('ACK')
  await hearEachOther(a, b, 'in one codec')
  assert.deepEqual(await transcoded(world, from), [{ answered: true, released: 'not-needed' }])
  assert.equal(b.leg.count('INVITE'), 1)
  await hangUp(world, a, b)
})

test('S01 one that refuses, or asks for something itself at that moment, stays as it was, or is asked again', async (t) => {
  const from = (await world.records()).length
  const refuses = await late(t, ['G722', 'PCMU'], 'PCMU')
  refuses.a.leg.reply(await refuses.a.leg.next('INVITE'), 488)
  await hearEachOther(refuses.a, refuses.b, 'transcoded')
  refuses.a.leg.ask('INVITE', { body: refuses.a.sdp(['G722']) })
  const refreshed = await refuses.a.leg.next('200 INVITE')
  refuses.a.leg.ack(refreshed)
  assert.deepEqual(codecsIn(refreshed.body), ['G722/8000'], 'what was agreed on, and nothing of the offer that was refused')
  await hearEachOther(refuses.a, refuses.b, 'transcoded still')
  await hangUp(world, refuses.a, refuses.b)
  assert.deepEqual(await transcoded(world, from), [{ answered: true, released: 'hangup' }])
  const crosses = await late(t, ['G722', 'PCMU'], 'PCMU')
  crosses.a.leg.reply(await crosses.a.leg.next('INVITE'), 491)
  const again = await crosses.a.leg.next('INVITE')
  await retuned(t, crosses.a, 'PCMU')
  crosses.a.hears(again.body)
  crosses.a.leg.reply(again, 200, { body: crosses.a.sdp(['PCMU']) })
  await crosses.a.leg.next('ACK')
  await hearEachOther(crosses.a, crosses.b, 'in one codec')
  await hangUp(world, crosses.a, crosses.b)
  assert.equal((await transcoded(world, from)).at(-1)?.released, 'not-needed')
})

test('where policy says so, or while a recording is made, nobody is asked for another codec', async (t) => {
  const { snapshot } = world
  const change = (renegotiate: boolean) => {
    const trunks = snapshot.trunks.map((trunk) => ({ ...trunk, renegotiate }))
    return world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
  }
  t.after(async () => {
    records = false
    await change(true)
  })
  for (const why of ['policy', 'recording']) {
    const from = (await world.records()).length
    await change(why !== 'policy')
    records = why === 'recording'
    const { a, b } = await late(t, why === 'policy' ? ['G722'] : ['G722', 'PCMU'], 'PCMU')
    await hearEachOther(a, b, why)
    assert.equal(a.leg.count('INVITE'), 0)
    await hangUp(world, a, b)
    assert.deepEqual(await transcoded(world, from), [{ answered: true, released: 'hangup' }])
  }
})

test('whoever picks a call up, or takes a leg’s place by Replaces, is answered in the codec of its partner', async (t) => {
  const from = (await world.records()).length
  dials = false
  t.after(() => {
    dials = true
  })
  first = async (call) => void (await call.do('call.park', { slot: '71' }))
  const port = new End({ socket: world.carrier.socket } as ScriptedLeg, 'a')
  await port.take(t, 'PCMU')
  const a = new End(ScriptedLeg.place(world.carrier, world.node, DID, { body: port.sdp(['PCMU']) }), 'a')
  a.phone = port.phone
  const told = await a.leg.next('200 INVITE')
  a.leg.ack(told)
  a.hears(told.body)
  await until('it is parked', async () => (await world.events()).some(({ type }) => type === 'call.parked'), 5000)
  const b = await telephone(t, world, ['G722', 'PCMA'], '71')
  const answer = await b.leg.next('200 INVITE')
  b.leg.ack(answer)
  assert.deepEqual(codecsIn(answer.body), ['PCMA/8000'], 'the like of what the caller speaks')
  await retuned(t, b, 'PCMA')
  b.hears(answer.body)
  await hearEachOther(a, b, 'picked up')
  const c = await telephone(t, world, ['opus', 'PCMU'], 'x', [['Replaces', b.leg.replaces]])
  const instead = await c.leg.next('200 INVITE')
  c.leg.ack(instead)
  assert.deepEqual(codecsIn(instead.body), ['PCMU/8000'])
  b.leg.reply(await b.leg.next('BYE'), 200)
  await retuned(t, c, 'PCMU')
  c.hears(instead.body)
  await hearEachOther(a, c, 'in its place')
  await hangUp(world, a, c)
  assert.deepEqual(await transcoded(world, from), [])
})

test('a program that picks a call up has its own caller answered in the codec of who is parked', async (t) => {
  const from = (await world.records()).length
  dials = false
  t.after(() => {
    dials = true
  })
  first = async (call) => {
    const parks = call.offered.from.number === '+32470123456'
    await (parks ? call.do('call.park', { slot: '72' }) : call.do('call.pickUp', { slot: '72' })).catch(() => {})
  }
  const ends: End[] = []
  for (const [caller, spoken] of [
    ['+32470123456', ['PCMU']],
    ['+32470123457', ['G722', 'PCMA']],
  ] as const) {
    const port = new End({ socket: world.carrier.socket } as ScriptedLeg, 'a')
    await port.take(t, spoken[0])
    const said = { body: port.sdp(spoken), from: caller }
    const end = new End(ScriptedLeg.place(world.carrier, world.node, DID, said), ends.length === 0 ? 'a' : 'b')
    end.phone = port.phone
    const answer = await end.leg.next('200 INVITE')
    end.leg.ack(answer)
    if (ends.length > 0) assert.deepEqual(codecsIn(answer.body), ['PCMA/8000'])
    if (ends.length > 0) await retuned(t, end, 'PCMA')
    end.hears(answer.body)
    ends.push(end)
    await until('it is parked', async () => (await world.events()).some(({ data }) => data.slot === '72'), 5000)
  }
  const [a, b] = ends as [End, End]
  await hearEachOther(a, b, 'picked up')
  await hangUp(world, a, b)
  assert.deepEqual(await transcoded(world, from), [])
})

/** Answers with two codecs, of which it is called by the first and may speak both. */
async function both(t: Parameters<typeof placed>[0]): Promise<{ a: End; b: End; opus: number }> {
  first = async () => {}
  const { a, b, invite } = await placed(t, world, { a: ['PCMU'] })
  await b.take(t, 'PCMU')
  b.hears(invite.body)
  b.leg.reply(invite, 200, { body: b.sdp(['PCMU', 'opus']) })
  await b.leg.next('ACK')
  const answer = await a.leg.next('200 INVITE')
  a.leg.ack(answer)
  a.hears(answer.body)
  return { a, b, opus: formatsOf(invite.body).get('opus/48000/2')! }
}

test('S53 a far end that speaks another of the codecs that it has named is transcoded from then on, and that is leased', async (t) => {
  const from = (await world.records()).length
  const { a, b, opus } = await both(t)
  await hearEachOther(a, b, 'the first')
  assert.deepEqual(await transcoded(world, from), [])
  b.phone.speak(1000, 20, { codec: 'opus', type: opus })
  await until('a hears it', () => a.phone.tone([440, 700, 1000]) === 1000, 5000)
  const leased = async () => (await transcoded(world, from)).length === 1
  await until('a lease', leased, 5000)
  // It stays leased however it goes on, and the next switch knows.
  await hearEachOther(a, b, 'the first again')
  await world.kill('switch')
  await world.startSwitch()
  await hearEachOther(a, b, 'after a restart')
  await hangUp(world, a, b)
  assert.deepEqual(await transcoded(world, from), [{ answered: true, released: 'hangup' }])
})

test('S53 where that cannot be leased, it is held to the first codec by an offer of that one alone, and the other is not heard', async (t) => {
  t.after(() => ceiling(world, 10_000))
  const { a, b, opus } = await both(t)
  await ceiling(world, 0)
  b.phone.speak(1000, 20, { codec: 'opus', type: opus })
  const asked = await b.leg.next('INVITE')
  assert.deepEqual(codecsIn(asked.body), ['PCMU/8000'])
  b.leg.reply(asked, 200, { body: b.sdp(['PCMU']) })
  await b.leg.next('ACK')
  const heard = a.phone.heard.length
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.ok(a.phone.heard.length - heard <= 1, 'it is dropped')
  await hearEachOther(a, b, 'in the one')
  await hangUp(world, a, b)
  const [refused] = (await world.events()).filter(({ type }) => type === 'resource.refused').slice(-1)
  assert.equal((refused!.data.refusal as { kind: string }).kind, 'voice.transcode')
})
