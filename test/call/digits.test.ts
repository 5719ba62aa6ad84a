import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { DigitPolicy } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import type { Message } from '../peer/sip/message.ts'
import { answered, type End, hangUp, hearEachOther, placed } from './codec-scene.ts'
import { World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

let world: World
let program: Program
let latest: Commanded
before(async () => {
  world = await World.open({ voice: true })
  program = await Program.connect(world, async (call: Commanded) => {
    latest = call
    await call.do('call.dial', { target: { pbx: '101' } })
  })
})
after(() => world[Symbol.asyncDispose]())

/** How keys reach a leg of the site that takes no telephone-events. */
async function policy(digits: DigitPolicy): Promise<void> {
  const { site } = world.snapshot.subscribers[0]!
  await world.change({ site: { ...site, digits } })
}

/** A description without telephone-events. */
function eventless(end: End): string {
  return end
    .sdp(['PCMU'])
    .replace(` ${end.ownEvents}\r\n`, '\r\n')
    .replace(/a=rtpmap:\d+ telephone-event.*\r\n/, '')
}

/** A caller that knows telephone-events is joined to a telephone that knows none, or neither knows them. */
async function joined(t: Parameters<typeof placed>[0], { events = true } = {}): Promise<{ a: End; b: End }> {
  const call = await placed(t, world, { a: ['PCMU'], ...(events ? {} : { said: eventless }) })
  const { a, b, invite } = call
  await b.take(t, 'PCMU')
  b.hears(invite.body)
  b.leg.reply(invite, 200, { body: eventless(b) })
  await b.leg.next('ACK')
  const answer = await a.leg.next('200 INVITE')
  a.leg.ack(answer)
  a.hears(answer.body)
  await hearEachOther(a, b, 'before')
  a.phone.quiet()
  b.phone.quiet()
  program.digits.length = 0
  return { a, b }
}

/** The key of the next INFO, which is answered. */
async function informed(end: End): Promise<string | undefined> {
  const info: Message = await end.leg.next('INFO')
  end.leg.reply(info, 200)
  return /^Signal=(.)\r\nDuration=\d+\r\n$/.exec(info.body)?.[1]
}

const inform = async (end: End, type: string, body: string) => {
  end.leg.ask('INFO', { headers: [['Content-Type', type]], body })
  await end.leg.next('200 INFO')
}

/** Both tones of the key 5. */
const hearsFive = (end: End) => end.phone.strength(770) > 1000 && end.phone.strength(1336) > 1000

test('S50 keys reach a leg without telephone-events by INFO, where policy says so, and not in its sound; each is told once', async (t) => {
  await policy('info')
  const { a, b } = await joined(t)
  a.phone.press('5', a.events)
  assert.equal(await informed(b), '5')
  await latest.do('call.dtmf', { digits: '1#' })
  assert.deepEqual([await informed(b), await informed(b)].sort(), ['#', '1'])
  // One that tells of it both ways.
  await inform(a, 'application/dtmf-relay', 'Signal=6\r\nDuration=160\r\n')
  a.phone.press('6', a.events)
  assert.equal(await informed(b), '6')
  b.leg.ask('INFO', { headers: [['Content-Type', 'application/dtmf']], body: '7' })
  await b.leg.next('200 INFO')
  await until('the other way it is an event', () => a.keys().length === 1 && a.keys()[0] === 7, 3000)
  await until('the program is told', () => program.digits.length > 0, 3000)
  assert.ok(!hearsFive(b), 'nothing is heard of it')
  await hangUp(world, a, b)
  assert.deepEqual(program.digits, ['5', '6'])
  assert.equal(b.leg.count('INFO'), 4)
})

test('S50 else the tones themselves are heard, a key of the program too, and no INFO is sent', async (t) => {
  await policy('tones')
  const { a, b } = await joined(t)
  a.phone.press('5', a.events, 300)
  await until('the tones', () => hearsFive(b), 3000)
  b.phone.heard.length = 0
  await latest.do('call.dtmf', { digits: '5' })
  await until('the tones of the program', () => b.phone.heard.length > 5 && hearsFive(b), 3000)
  await hangUp(world, a, b)
  assert.deepEqual(program.digits, ['5'])
  assert.equal(b.leg.count('INFO'), 0)
})

test('S51 INFO goes from leg to leg in either form, and the program sees each key once', async (t) => {
  await policy('info')
  const { snapshot } = world
  const trunks = snapshot.trunks.map((trunk) => ({ ...trunk, digits: 'info' as const }))
  await world.publish({ ...snapshot, number: snapshot.number + 1, trunks })
  const { a, b } = await joined(t, { events: false })
  await inform(a, 'application/dtmf-relay', 'Signal=5\r\nDuration=160\r\n')
  assert.equal(await informed(b), '5')
  await inform(a, 'application/dtmf', '#')
  assert.equal(await informed(b), '#')
  await inform(b, 'application/dtmf-relay', 'Signal= 9\r\nDuration= 100\r\n')
  assert.equal(await informed(a), '9')
  await hangUp(world, a, b)
  assert.deepEqual(program.digits, ['5', '#'])
  assert.deepEqual([a.leg.count('INFO'), b.leg.count('INFO')], [1, 2])
})

test('S51 a telephone that tells of each key by event and by INFO has pressed it once: for the program and for the other end', async (t) => {
  const call = await placed(t, world, { a: ['PCMU'] })
  const { a, b } = call
  await answered(t, call, { a: 'PCMU', b: 'PCMU' })
  await hearEachOther(a, b, 'before')
  a.phone.quiet()
  program.digits.length = 0
  let count = 0
  for (const [key, event, first] of [
    ['5', 5, true],
    ['5', 5, false],
    ['6', 6, true],
  ] as const) {
    const before = program.digits.length
    count++
    const info = () => inform(a, 'application/dtmf-relay', `Signal=${key}\r\nDuration=160\r\n`)
    // Before it, as long as it is down, and behind it.
    if (first) await info()
    a.phone.press(key, a.events)
    await until('the program is told', () => program.digits.length > before, 3000)
    if (!first) await info()
    await until('the other end is told', () => b.keys().length === count, 3000)
    assert.equal(b.keys().at(-1), event)
  }
  // A key of INFO alone is one as well, a moment later.
  await inform(a, 'application/dtmf', '8')
  await until('the program is told', () => program.digits.at(-1) === '8', 3000)
  await until('the other end is told', () => b.keys().at(-1) === 8, 3000)
  await hangUp(world, a, b)
  assert.deepEqual(program.digits, ['5', '5', '6', '8'])
  assert.deepEqual(b.keys(), [5, 5, 6, 8])
})
