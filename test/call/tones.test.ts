import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CodecPolicy, Snapshot } from '#platform/words/index.ts'
import { type CodecName, DtmfDetector, dtmfFrequencies, toneCycle } from '#protocol/audio/index.ts'
import { until } from '../peer/clock.ts'
import { type End, hangUp, hearEachOther, placed } from './codec-scene.ts'
import { World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

let world: World
let program: Program
before(async () => {
  world = await World.open({ voice: true })
  program = await Program.connect(world, async (call: Commanded) => {
    await call.do('call.dial', { target: { pbx: '101' } })
  })
})
after(() => world[Symbol.asyncDispose]())
beforeEach(() => policy({}))

/** What trunks say of keys, and the site. */
async function policy(
  trunk: Partial<CodecPolicy>,
  site: Partial<CodecPolicy> = {},
  kinds: Record<string, number> = {},
): Promise<void> {
  const { snapshot } = world
  const usual = { digits: 'tones', tones: 'keys' } as const
  const trunks = snapshot.trunks.map((one) => ({ ...one, ...usual, ...trunk }))
  const subscribers = snapshot.subscribers.map((one) => ({
    ...one,
    site: { ...one.site, ...usual, ...site },
    allocations: [
      ...one.allocations.filter(({ kind }) => kind !== 'voice.keys'),
      { kind: 'voice.keys', guaranteed: 0, ceiling: kinds['voice.keys'] ?? 10 },
    ],
  }))
  await world.publish({ ...snapshot, number: snapshot.number + 1, trunks, subscribers } satisfies Snapshot)
}

/** A description without telephone-events. */
function eventless(end: End, codec: CodecName): string {
  return end
    .sdp([codec])
    .replace(` ${end.ownEvents}\r\n`, '\r\n')
    .replace(/a=rtpmap:\d+ telephone-event.*\r\n/, '')
}

/** Two who hear each other; which of them know telephone-events. */
async function joined(
  t: Parameters<typeof placed>[0],
  { events, a = 'PCMU', b = a }: { events: '' | 'a' | 'b'; a?: CodecName; b?: CodecName },
): Promise<{ a: End; b: End }> {
  const said = (end: End, side: 'a' | 'b', codec: CodecName) => (events === side ? end.sdp([codec]) : eventless(end, codec))
  const call = await placed(t, world, { a: [a], said: (end) => said(end, 'a', a) })
  await call.b.take(t, b)
  call.b.hears(call.invite.body)
  call.b.leg.reply(call.invite, 200, { body: said(call.b, 'b', b) })
  await call.b.leg.next('ACK')
  const answer = await call.a.leg.next('200 INVITE')
  call.a.leg.ack(answer)
  call.a.hears(answer.body)
  await hearEachOther(call.a, call.b, 'before')
  call.a.phone.quiet()
  program.digits.length = 0
  return call
}

const silence = (ms: number) => new Int16Array(ms * 8)

/** The tones of keys; between two in brackets there is no pause. */
function pressed(keys: string, onMs = 100, offMs = 80): Int16Array {
  const tones = [...keys.matchAll(/\((.+?)\)|(.)/g)].flatMap(([, together, alone]) =>
    [...(together ?? alone!)].map((key, i, all) => ({
      frequencies: dtmfFrequencies(key),
      onMs,
      offMs: i === all.length - 1 ? offMs : 0,
    })),
  )
  return Int16Array.from([...silence(100), ...toneCycle(tones), ...silence(300)])
}

/** The keys that are tones in what an end has heard. */
function tonesIn(end: End, from = 0): string {
  let keys = ''
  const sound = end.phone.sound(from)
  const detector = new DtmfDetector({ started: (key) => (keys += key), ended: () => {} })
  detector.listen(sound, sound.length, 0)
  return keys
}

/** Ms of what was heard in which one of a key's tones is most of the sound. */
function leaked(end: End, from: number): number {
  const sound = end.phone.sound(from)
  let frames = 0
  for (let at = 0; at + 40 <= sound.length; at += 40)
    if (sound.subarray(at, at + 40).some((one) => Math.abs(one) > 1500)) frames++
  return frames * 5
}

async function keyLeases(from: number): Promise<[answered: boolean, reason: string | undefined][]> {
  const records = (await world.records()).slice(from)
  return records.flatMap((r) =>
    r.type === 'lease.released' && r.lease.kind === 'voice.keys'
      ? [[r.lease.answered !== undefined, r.lease.reason] as const]
      : [],
  ) as [boolean, string | undefined][]
}

test('S50 M08 tones of a leg without telephone-events reach the other leg as events, and not in its sound; the program has each key once', async (t) => {
  const from = (await world.records()).length
  const { a, b } = await joined(t, { events: 'b' })
  const heard = b.phone.heard.length
  await a.phone.say(pressed('159(12)#'))
  await until('the events', () => b.keys().length === 6, 3000)
  assert.deepEqual(b.keys(), [1, 5, 9, 1, 2, 11])
  assert.equal(tonesIn(b, heard), '')
  const ms = leaked(b, heard)
  t.diagnostic(`${ms} ms of six keys of 100 ms were heard as tones`)
  assert.ok(ms <= 6 * 30, `${ms} ms`)
  const events = b.phone.heard.filter(({ payloadType }) => payloadType === b.ownEvents)
  assert.equal(events.filter(({ payload }) => (payload[1]! & 0x80) !== 0).length, 18)
  // The other way it is heard as tones, and a voice is heard again behind the keys.
  const before = a.phone.heard.length
  b.phone.quiet()
  b.phone.press('7', b.events, 200)
  await until('the tones', () => tonesIn(a, before) === '7', 3000)
  await hearEachOther(a, b, 'behind the keys')
  // One that is held for long is an event as long.
  a.phone.quiet()
  await a.phone.say(pressed('3', 900))
  await until('the long one', () => b.keys().length === 7, 3000)
  await sleep(200)
  const longest = b.phone.heard.filter(({ payloadType }) => payloadType === b.ownEvents).at(-1)!.payload
  const lasted = ((longest[2]! << 8) | longest[3]!) / 8
  assert.ok(lasted > 800 && lasted < 1000, `${lasted} ms`)
  await hangUp(world, a, b)
  assert.deepEqual(program.digits, [...'159121'.slice(0, 5), '#', '3'])
  assert.deepEqual(await keyLeases(from), [[true, 'hangup']])
})

test('S50 S51 one that tells of a key by tone and by INFO has pressed it once, whichever comes first', async (t) => {
  const { a, b } = await joined(t, { events: 'b' })
  const inform = async (key: string) => {
    a.leg.ask('INFO', { headers: [['Content-Type', 'application/dtmf-relay']], body: `Signal=${key}\r\nDuration=100\r\n` })
    await a.leg.next('200 INFO')
  }
  await inform('5')
  await sleep(400)
  await a.phone.say(pressed('5'))
  await a.phone.say(pressed('6'))
  await sleep(500)
  await inform('6')
  await sleep(1700)
  await hangUp(world, a, b)
  assert.deepEqual(program.digits, ['5', '6'])
  assert.deepEqual(b.keys(), [5, 6])
})

test('S50 tones are told by INFO to a leg that takes keys so, and it does not hear them', async (t) => {
  await policy({}, { digits: 'info' })
  const { a, b } = await joined(t, { events: '' })
  const heard = b.phone.heard.length
  await a.phone.say(pressed('42'))
  const told: (string | undefined)[] = []
  for (let i = 0; i < 2; i++) {
    const info = await b.leg.next('INFO')
    b.leg.reply(info, 200)
    told.push(/^Signal=(.)/.exec(info.body)?.[1])
  }
  assert.deepEqual(told, ['4', '2'])
  assert.equal(tonesIn(b, heard), '')
  await hangUp(world, a, b)
  assert.deepEqual(program.digits, ['4', '2'])
})

test('S50 through a transcoder, and where the codec passes as it comes but is not G.711, each key is an event, too', async (t) => {
  for (const codecs of [{ a: 'PCMA', b: 'G722' } as const, { a: 'G722', b: 'G722' } as const]) {
    const { a, b } = await joined(t, { events: 'b', ...codecs })
    const heard = b.phone.heard.length
    await a.phone.say(pressed('2580', 120))
    await until('the events', () => b.keys().length === 4, 3000)
    assert.deepEqual(b.keys(), [2, 5, 8, 0])
    const ms = leaked(b, heard)
    t.diagnostic(`${codecs.a} to ${codecs.b}: ${ms} ms of four keys of 120 ms were heard as tones`)
    if (codecs.a !== codecs.b) assert.equal(tonesIn(b, heard), '')
    await hangUp(world, a, b)
    assert.deepEqual(program.digits, ['2', '5', '8', '0'])
  }
})

test('S50 where policy says so, or nobody is left to listen, tones stay sound: the call goes on', async (t) => {
  for (const how of ['policy', 'ceiling'] as const) {
    if (how === 'policy') await policy({ tones: 'sound' })
    else await policy({}, {}, { 'voice.keys': 0 })
    const from = (await world.records()).length
    const { a, b } = await joined(t, { events: 'b' })
    const heard = b.phone.heard.length
    await a.phone.say(pressed('159'))
    await until('the tones', () => tonesIn(b, heard) === '159', 3000)
    await hangUp(world, a, b)
    assert.deepEqual(b.keys(), [])
    assert.deepEqual(program.digits, how === 'policy' ? [] : ['1', '5', '9'])
    assert.deepEqual(await keyLeases(from), [])
    const refused = (await world.records()).slice(from).flatMap((r) => {
      return r.type === 'event' && r.event.type === 'resource.refused' ? [(r.event.data.refusal as { kind: string }).kind] : []
    })
    assert.deepEqual(refused, how === 'policy' ? [] : ['voice.keys'])
  }
})

/** Voice has died, and both learn of the new ports; a knows no telephone-events. */
async function moves(a: End, b: End): Promise<void> {
  for (const [end, said] of [
    [a, eventless(a, 'PCMU')],
    [b, b.sdp(['PCMU'])],
  ] as const) {
    const moved = await end.leg.next('INVITE')
    end.hears(moved.body)
    end.leg.reply(moved, 200, { body: said })
    await end.leg.next('ACK')
  }
}

test('S50 voice dies where nobody is left to listen: the two go on, and tones are sound', async (t) => {
  const { a, b } = await joined(t, { events: 'b' })
  await policy({}, {}, { 'voice.keys': 0 })
  await world.kill('voice')
  await world.startVoice()
  await moves(a, b)
  await hearEachOther(a, b, 'behind it')
  a.phone.quiet()
  const heard = b.phone.heard.length
  await a.phone.say(pressed('15'))
  await until('the tones', () => tonesIn(b, heard).endsWith('15'), 3000)
  await hangUp(world, a, b)
})

test('S50 C11 it goes on through a restart of the switch and of voice, and ends where a re-INVITE agrees on events', async (t) => {
  const from = (await world.records()).length
  const { a, b } = await joined(t, { events: 'b' })
  await world.kill('switch')
  await world.startSwitch()
  await hearEachOther(a, b, 'behind the restart')
  a.phone.quiet()
  await a.phone.say(pressed('46'))
  await until('the events', () => b.keys().length === 2, 3000)
  assert.deepEqual(b.keys(), [4, 6])
  assert.deepEqual(await keyLeases(from), [])
  await world.kill('voice')
  await world.startVoice()
  await moves(a, b)
  await hearEachOther(a, b, 'behind the move')
  a.phone.quiet()
  await a.phone.say(pressed('9'))
  await until('another event', () => b.keys().length === 3, 3000)
  assert.deepEqual(await keyLeases(from), [[true, 'voice-lost']])
  a.leg.ask('INVITE', { body: a.sdp(['PCMU']) })
  const answer = await a.leg.next('200 INVITE')
  a.leg.ack(answer)
  a.hears(answer.body)
  await until('it to be given back', async () => (await keyLeases(from)).length === 2, 3000)
  assert.deepEqual((await keyLeases(from))[1], [true, 'not-needed'])
  const heard = b.phone.heard.length
  a.phone.press('8', a.events, 120)
  await until('the event', () => b.keys().at(-1) === 8, 3000)
  await a.phone.say(pressed('1'))
  assert.equal(tonesIn(b, heard), '1', 'what it says is its own affair')
  await hangUp(world, a, b)
  assert.deepEqual(b.keys(), [4, 6, 9, 8])
})
