import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sleep, until } from '../peer/clock.ts'
import type { Message } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { answered, type End, hangUp, hearEachOther, placed } from './codec-scene.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const TONES = [440, 700, 1000]
/** DESIGN §9: what a user feels within 300 ms is asserted at three times that; an answer within 500 ms likewise. */
const SOON_MS = 900
const ANSWER_MS = 1500

let world: World
/** What the program does with a call. */
let decide: (call: Commanded) => Promise<void>
before(async () => {
  world = await World.open({ voice: true })
  await Program.connect(world, (call) => decide(call))
})
after(() => world[Symbol.asyncDispose]())

/** The caller and a telephone of the site talk, each with its tone. */
async function talking(t: Parameters<typeof placed>[0]): Promise<{ a: End; b: End }> {
  decide = async (call) => void (await call.do('call.dial', { target: { pbx: '101' } }))
  const call = await placed(t, world, { a: ['PCMU'] })
  await answered(t, call, { a: 'PCMU', b: 'PCMU' })
  await hearEachOther(call.a, call.b, 'before')
  return call
}

/** A re-INVITE with this description, and its answer. */
async function offers({ leg }: End, body: string): Promise<Message> {
  leg.ask('INVITE', { body })
  const answer = await leg.next('200 INVITE')
  leg.ack(answer)
  return answer
}

const SPELLINGS: Record<string, [change: (end: End) => string, answered: string]> = {
  sendonly: [(end) => end.sdp(['PCMU'], ['a=sendonly']), 'recvonly'],
  inactive: [(end) => end.sdp(['PCMU'], ['a=inactive']), 'inactive'],
  '0.0.0.0': [(end) => end.sdp(['PCMU']).replace(/^c=IN IP4 .*/m, 'c=IN IP4 0.0.0.0'), 'recvonly'],
}

/** Whoever holds and, where both do, who retrieves first. */
const ORDERS: Record<string, [holds: ('a' | 'b')[], retrieves: ('a' | 'b')[]]> = {
  'the caller': [['a'], ['a']],
  'the callee': [['b'], ['b']],
  'both, the caller retrieves first': [
    ['a', 'b'],
    ['a', 'b'],
  ],
  'both, the callee retrieves first': [
    ['a', 'b'],
    ['b', 'a'],
  ],
}

for (const [spelling, [change, direction]] of Object.entries(SPELLINGS)) {
  test(`S48 ${spelling}, by the caller, the callee or both: answered by its mirror, silent for who holds, and both ways soon after the last retrieves`, async (t) => {
    const ends = await talking(t)
    const { a, b } = ends
    for (const [who, [holds, retrieves]] of Object.entries(ORDERS)) {
      for (const side of holds)
        assert.equal(readSdp((await offers(ends[side], change(ends[side]))).body)?.direction, direction, who)
      await sleep(60)
      const before = holds.map((side) => ends[side].phone.heard.length)
      await sleep(200)
      for (const [i, side] of holds.entries())
        assert.ok(ends[side].phone.heard.length - before[i]! <= 1, `${who}: ${side} holds and hears nothing`)
      for (const side of retrieves) {
        const answer = await offers(ends[side], ends[side].sdp(['PCMU']))
        assert.equal(readSdp(answer.body)?.direction, 'sendrecv', who)
      }
      const [fromA, fromB] = [a.phone.heard.length, b.phone.heard.length]
      const both = () => a.phone.heard.length > fromA + 5 && b.phone.heard.length > fromB + 5
      await until(`${who}: both ways`, both, SOON_MS)
      await until(`${who}: their tones`, () => a.phone.tone(TONES) === 700 && b.phone.tone(TONES) === 440, SOON_MS)
    }
    await hangUp(world, a, b)
  })
}

test('S54 S53 T.38 in the middle of a call: 488, and the sound goes on as if nothing had been asked; an image beside the sound is port 0', async (t) => {
  const { a, b } = await talking(t)
  const image = (port: number) => `m=image ${port} udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxRateManagement:transferredTCF\r\n`
  for (const end of [a, b]) {
    const before = [a.phone.heard.length, b.phone.heard.length]
    end.leg.ask('INVITE', { body: end.sdp(['PCMU']).replace(/m=audio[\s\S]*/, image(4000)) })
    end.leg.ack(await end.leg.next('488'))
    await sleep(300)
    const more = [a.phone.heard.length - before[0]!, b.phone.heard.length - before[1]!]
    assert.ok(
      more.every((packets) => packets >= 10),
      `${more} packets in 300 ms`,
    )
    assert.deepEqual([a.phone.tone(TONES), b.phone.tone(TONES)], [700, 440])
    const again = await offers(end, end.sdp(['PCMU']))
    assert.ok(readSdp(again.body)!.port > 0)
    const beside = await offers(end, `${end.sdp(['PCMU'])}${image(4002)}`)
    assert.match(beside.body, /^m=image 0 udptl t38\r?$/m)
    assert.ok(readSdp(beside.body)!.port > 0)
    end.hears(beside.body)
    await hearEachOther(a, b, 'behind it')
  }
  await hangUp(world, a, b)
})

test('S54 where the sound passes by, T.38 goes from leg to leg, and so does its refusal; the sound behind it is described again', async (t) => {
  const { snapshot } = world
  t.after(() => world.publish({ ...snapshot, number: world.snapshot.number + 1 }))
  const trunks = snapshot.trunks.map((trunk) => ({ ...trunk, media: 'direct' as const }))
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
  decide = async (call) => void (await call.do('call.dial', { target: { trunk: 'other', number: '+3225559000' } }))
  const b = ScriptedLeg.await(world.second)
  const a = ScriptedLeg.place(world.carrier, world.node, DID, { sdp: {} })
  b.reply(await b.next('INVITE'), 200, { body: b.sdp() })
  await b.next('ACK')
  a.ack(await a.next('200 INVITE'))
  const image = (leg: ScriptedLeg) => leg.sdp().replace(/m=audio[\s\S]*/, 'm=image 4000 udptl t38\r\na=T38FaxVersion:0\r\n')
  for (const status of [488, 200]) {
    a.ask('INVITE', { body: image(a) })
    const passed = await b.next('INVITE')
    assert.match(passed.body, /^m=image 4000 udptl t38\r?$/m)
    b.reply(passed, status, status === 200 ? { body: image(b) } : {})
    await b.next('ACK')
    const answer = await a.next(`${status} INVITE`)
    a.ack(answer)
    if (status === 200) assert.match(answer.body, /^m=image 4000 udptl t38\r?$/m)
  }
  a.ask('INVITE', { body: a.sdp({ version: 4 }) })
  const sound = await b.next('INVITE')
  assert.ok(readSdp(sound.body))
  b.reply(sound, 200, { body: b.sdp({ version: 4 }) })
  const answer = await a.next('200 INVITE')
  a.ack(answer)
  assert.ok(readSdp(answer.body), 'with a description')
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
})

test('S03 a call with its program alone, no other leg: hold, retrieve, UPDATE and INFO are answered 200 at once, again and again', async () => {
  decide = async (call) => {
    await call.do('call.answer', {})
    await call.do('call.gather', { maxDigits: 20, timeoutSeconds: 60 }).catch(() => {})
  }
  const a = ScriptedLeg.place(world.carrier, world.node, DID, { sdp: {} })
  a.ack(await a.next('200 INVITE'))
  await until('its program', async () => (await world.link.call('call.list', {}))[0]?.state === 'verb', 3000)
  const relay: [string, string] = ['Content-Type', 'application/dtmf-relay']
  for (let round = 0; round < 5; round++) {
    for (const [direction, mirror] of [
      ['sendonly', 'recvonly'],
      ['sendrecv', 'sendrecv'],
    ] as const) {
      a.ask('INVITE', { body: a.sdp({ direction, version: 2 + round }) })
      const answer = await a.next('200 INVITE', ANSWER_MS)
      a.ack(answer)
      assert.equal(readSdp(answer.body)?.direction, mirror)
    }
    a.ask('UPDATE')
    await a.next('200 UPDATE', ANSWER_MS)
    a.ask('INFO', { headers: [relay], body: 'Signal=5\r\nDuration=160\r\n' })
    await a.next('200 INFO', ANSWER_MS)
  }
  assert.equal(a.count(491), 0)
  assert.equal((await world.link.call('call.list', {}))[0]?.legs.length, 1)
  a.ask('BYE')
  await a.next('200 BYE')
  await world.quiet()
})
