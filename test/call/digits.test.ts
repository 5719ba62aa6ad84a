import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DigitPolicy } from '#platform/words/index.ts'
import { Phone } from '../interop/voice-phone.ts'
import { until } from '../peer/clock.ts'
import type { Message } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { answered, End, hangUp, hearEachOther, placed } from './codec-scene.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

let world: World
let program: Program
let latest: Commanded
const dials = async (call: Commanded) => void (await call.do('call.dial', { target: { pbx: '101' } }))
let decide: (call: Commanded) => Promise<void> = dials
before(async () => {
  world = await World.open({ voice: true })
  program = await Program.connect(world, (call: Commanded) => {
    latest = call
    return decide(call)
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
  assert.deepEqual([await informed(b), await informed(b)], ['1', '#'])
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

test('keys that come faster than they can be pressed wait for each other, and those that are too many are refused', async (t) => {
  await policy('tones')
  const { a, b } = await joined(t)
  const refused: string[] = []
  const taken = (error: { verdict: { code: string } }) => void refused.push(error.verdict.code)
  for (let i = 0; i < 200; i++) await latest.do('call.dtmf', { digits: '5' }).catch(taken)
  assert.ok(refused.length > 100 && refused.every((code) => code === 'verb-failed'), `${refused.length} of 200 are refused`)
  await until('the tones of the others', () => hearsFive(b), 3000)
  await hangUp(world, a, b)
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

/** Both know telephone-events. */
async function joinedByEvents(t: Parameters<typeof placed>[0]): Promise<{ a: End; b: End }> {
  const call = await placed(t, world, { a: ['PCMU'] })
  await answered(t, call, { a: 'PCMU', b: 'PCMU' })
  const { a, b } = call
  await hearEachOther(a, b, 'before')
  a.phone.quiet()
  program.digits.length = 0
  return { a, b }
}

const relay = (key: string) => `Signal=${key}\r\nDuration=160\r\n`

test('S51 an event that is far behind its INFO, or far before it, is the same key: for the program and for the other end', async (t) => {
  const { a, b } = await joinedByEvents(t)
  await inform(a, 'application/dtmf-relay', relay('5'))
  await sleep(700)
  a.phone.press('5', a.events)
  await until('the event', () => b.keys().length === 1, 3000)
  await sleep(1000)
  assert.deepEqual(b.keys(), [5], 'the INFO was no other key')
  a.phone.press('6', a.events)
  await until('the other event', () => b.keys().length === 2, 3000)
  await sleep(900)
  await inform(a, 'application/dtmf-relay', relay('6'))
  // Its star has the number of its event, as some telephones have it.
  await inform(a, 'application/dtmf-relay', relay('10'))
  await until('the key of INFO alone', () => b.keys().length === 3, 3000)
  await sleep(300)
  await hangUp(world, a, b)
  assert.deepEqual(program.digits, ['5', '6', '*'])
  assert.deepEqual(b.keys(), [5, 6, 10])
})

test('S51 keys of INFO that come all at once reach the other end one behind the other, none of them cut short', async (t) => {
  const { a, b } = await joinedByEvents(t)
  for (const key of '1234') await inform(a, 'application/dtmf', key)
  await until('the last', () => b.keys().length === 4, 5000)
  await sleep(300)
  await hangUp(world, a, b)
  assert.deepEqual(b.keys(), [1, 2, 3, 4])
  const ends = b.phone.heard.filter(({ payloadType, payload }) => payloadType === b.ownEvents && (payload[1]! & 0x80) !== 0)
  assert.equal(ends.length, 12)
})

test('S51 gather takes the keys that INFO tells of, each once where the sound tells of it, too', async (t) => {
  t.after(() => {
    decide = dials
  })
  let gathered: unknown
  const begun = Promise.withResolvers<void>()
  decide = async (call) => {
    const gathering = call.do('call.gather', { maxDigits: 6, finishKey: '#', timeoutSeconds: 5 })
    begun.resolve()
    gathered = await gathering
    await call.do('call.hangup', {})
  }
  const a = await caller(t)
  program.digits.length = 0
  await begun.promise
  const answer = await a.leg.next('200 INVITE')
  a.leg.ack(answer)
  a.hears(answer.body)
  await sleep(300)
  await inform(a, 'application/dtmf-relay', relay('1'))
  a.phone.press('2', a.events)
  await until('the event', () => program.digits.length === 2, 3000)
  await inform(a, 'application/dtmf-relay', relay('3'))
  a.phone.press('3', a.events)
  await until('the other event', () => program.digits.length === 3, 3000)
  await sleep(400)
  a.phone.press('4', a.events)
  await until('another', () => program.digits.length === 4, 3000)
  await inform(a, 'application/dtmf', '4')
  await inform(a, 'application/dtmf', '#')
  a.leg.reply(await a.leg.next('BYE'), 200)
  await world.quiet()
  assert.deepEqual(gathered, { digits: '1234', reason: 'finish-key' })
  assert.deepEqual(program.digits, ['1', '2', '3', '4', '#'])
})

/** A caller by itself, whom the program answers. */
async function caller(t: Parameters<typeof placed>[0]): Promise<End> {
  const phone = await Phone.open({ address: world.carrier.socket.address, codec: 'PCMU' })
  t.after(() => phone[Symbol.asyncDispose]())
  const first = new End({ socket: world.carrier.socket } as ScriptedLeg, 'a')
  first.phone = phone
  const end = new End(ScriptedLeg.place(world.carrier, world.node, DID, { body: first.sdp(['PCMU']) }), 'a')
  end.phone = phone
  return end
}
