import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sleep } from '../peer/clock.ts'
import { headerOf } from '../peer/sip/message.ts'
import type { ScriptedLeg } from '../peer/sip/scripted.ts'
import { World } from './harness.ts'
import { ringing } from './scripted-call.ts'
import { TURNED, turn as turnOn } from './turned-clock.ts'

let world: World
before(async () => {
  world = await World.open({ media: 'direct', ...TURNED })
})
after(() => world[Symbol.asyncDispose]())

async function turn(seconds: number): Promise<void> {
  await turnOn(world, seconds)
  await sleep(30)
}

/** Turns it in a call whose sound passes by, which is asked by OPTIONS now and then whether it is there. */
async function turnIn(legs: ScriptedLeg[], seconds: number): Promise<void> {
  await turn(seconds)
  for (const leg of legs) {
    for (const asked of leg.heard.splice(0)) {
      if (asked.method === 'OPTIONS') leg.reply(asked, 200)
      else leg.heard.push(asked)
    }
  }
}

const interval = (value: string): [string, string][] => [
  ['Supported', 'timer'],
  ['Session-Expires', value],
  ['Allow', 'INVITE, ACK, BYE, CANCEL, UPDATE'],
]

/** A call whose two legs have these session timers. */
async function timed(caller: string, callee: string) {
  const { a, b, invite } = await ringing(world, { headers: interval(caller) })
  b.reply(invite, 200, { body: b.sdp(), headers: [...interval(callee), ['Require', 'timer']] })
  await b.next('ACK')
  const answer = await a.next('200 INVITE')
  a.ack(answer)
  await sleep(30)
  return { a, b, answer }
}

async function hangUp(a: ScriptedLeg, b: ScriptedLeg): Promise<void> {
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await a.next('200 BYE')
  await world.quiet()
}

/** Why the last call has ended, and how its leases have: kind, and whether somebody pays. */
async function end() {
  await world.quiet()
  const cleared = (await world.events()).filter(({ type }) => type === 'leg.cleared' || type === 'leg.failed').slice(-2)
  const leases = (await world.leases()).slice(-2).map(({ kind, answered }) => [kind, answered])
  return { reasons: cleared.map(({ cause }) => cause?.reason).sort(), leases }
}

test('S22 B06 a caller that never acknowledges its 200: both legs get BYE after 64*T1, the reason is told, and nobody pays for its leg', async () => {
  const { a, b, invite } = await ringing(world)
  b.reply(invite, 200, { body: b.sdp() })
  await b.next('ACK')
  await a.next('200 INVITE')
  await sleep(30)
  await turn(31)
  assert.deepEqual([a.count('BYE'), b.count('BYE')], [0, 0])
  await turn(2)
  const [toCaller, toCallee] = await Promise.all([a.next('BYE'), b.next('BYE')])
  a.reply(toCaller, 200)
  b.reply(toCallee, 200)
  assert.match(headerOf(toCallee, 'reason'), /Q\.850;cause=102/)
  assert.deepEqual(await end(), {
    reasons: ['no-ack', 'no-ack'],
    leases: [
      ['trunk.in', true],
      ['trunk.out', true],
    ],
  })
  const cleared = (await world.events()).at(-1)
  assert.deepEqual([cleared?.type, cleared?.cause?.by, cleared?.cause?.reason], ['call.cleared', 'caller', 'no-ack'])
  const released = (await world.records()).flatMap((record) => (record.type === 'lease.released' ? [record] : []))
  const lasted = (kind: string) => {
    const { lease, review } = released.find((record) => record.lease.kind === kind)!
    return { seconds: Math.round((lease.released!.mono - lease.answered!.mono) / 1000), review: review === true }
  }
  const [caller, callee] = [lasted('trunk.in'), lasted('trunk.out')]
  assert.deepEqual(caller, { seconds: 0, review: true })
  assert.ok(callee.seconds >= 32 && !callee.review, JSON.stringify(callee))
})

test('S12 a caller that asks for reliable ringing and never acknowledges it gets 500, and whom it called a CANCEL', async () => {
  const { a, b, invite } = await ringing(world, { headers: [['Require', '100rel']] })
  b.reply(invite, 180)
  await a.next('180')
  await turn(31)
  assert.equal(b.count('CANCEL'), 0)
  await turn(2)
  const refused = await a.next('500')
  a.ack(refused)
  b.reply(await b.next('CANCEL'), 200)
  b.reply(invite, 487)
  await b.next('ACK')
  assert.deepEqual(await end(), {
    reasons: ['no-prack', 'no-prack'],
    leases: [
      ['trunk.in', false],
      ['trunk.out', false],
    ],
  })
})

test('S33 S30 where the switch refreshes, it does so on each leg by itself at half of the interval; S32 a 422 makes it longer', async () => {
  const { a, b, answer } = await timed('90;refresher=uas', '120;refresher=uac')
  assert.match(headerOf(answer, 'session-expires'), /^90;refresher=uas/)
  await turn(44)
  assert.deepEqual([a.count('UPDATE'), b.count('UPDATE')], [0, 0])
  await turn(2)
  const first = await a.next('UPDATE')
  assert.equal(b.count('UPDATE'), 0, 'the other leg has its own')
  // Too often for this one by now: the call goes on, with more time.
  a.reply(first, 422, { headers: [['Min-SE', '300']] })
  const longer = await a.next('UPDATE')
  assert.deepEqual([headerOf(longer, 'session-expires'), headerOf(longer, 'min-se')], ['300;refresher=uac', '300'])
  a.reply(longer, 200, { headers: interval('300;refresher=uac') })
  await sleep(30)
  await turn(15)
  b.reply(await b.next('UPDATE'), 200, { headers: interval('120;refresher=uac') })
  await sleep(30)
  for (let minutes = 0; minutes < 10; minutes++) {
    await turnIn([a, b], 61)
    b.reply(await b.next('UPDATE'), 200, { headers: interval('120;refresher=uac') })
    const due = a.heard.filter(({ method }) => method === 'UPDATE').length
    if (due > 2 + Math.floor(minutes / 3)) a.reply(await a.next('UPDATE'), 200, { headers: interval('300;refresher=uac') })
    await sleep(30)
  }
  assert.deepEqual([a.count('BYE'), b.count('BYE')], [0, 0])
  assert.ok(a.count('UPDATE') >= 5, `${a.count('UPDATE')} refreshes in ten minutes`)
  await hangUp(a, b)
})

test('S30 where the far ends refresh, an UPDATE without a body counts as well as a re-INVITE: ten minutes, and then one that stays away', async () => {
  const { a, b, answer } = await timed('90;refresher=uac', '90;refresher=uas')
  assert.match(headerOf(answer, 'session-expires'), /^90;refresher=uac/)
  for (let i = 0; i < 14; i++) {
    await turnIn([a, b], 44)
    a.ask('UPDATE', { headers: interval('90;refresher=uac') })
    const granted = await a.next('200 UPDATE')
    assert.match(headerOf(granted, 'session-expires'), /^90;refresher=uac/)
    b.ask('UPDATE', { headers: interval('90;refresher=uac') })
    await b.next('200 UPDATE')
  }
  assert.deepEqual([a.count('UPDATE'), a.count('BYE'), b.count('BYE')], [0, 0, 0])
  await turn(44)
  a.ask('UPDATE', { headers: interval('90;refresher=uac') })
  await a.next('200 UPDATE')
  await turn(20)
  // RFC 4028 §10: the callee was to be heard 60 s after its last word.
  b.reply(await b.next('BYE'), 200)
  a.reply(await a.next('BYE'), 200)
  assert.deepEqual((await end()).reasons, ['session-expired', 'session-expired'])
})
