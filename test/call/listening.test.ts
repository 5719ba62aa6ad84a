import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { newId } from '#lib/index.ts'
import type { PlatformEvent } from '#platform/words/index.ts'
import { countryTone, toneCycle } from '#protocol/audio/index.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, PUBLIC, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const CALLER = '+32470123456'
const OUTSIDE = { number: '+3226660000' }

let world: World
let decide: (call: Commanded) => Promise<void> = async () => {}

before(async () => {
  world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10 }]
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 10 }]
  await Program.connect(world, (call) => decide(call))
})
after(() => world[Symbol.asyncDispose]())

/** What is taken for a voice: noise in syllables of 140 ms, with gaps of 80; and silence behind it. */
function greeting(ms: number): Int16Array {
  let seed = 1
  return Int16Array.from({ length: 8 * (ms + 20_000) }, (_, i) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0
    return i < 8 * ms && i % 1760 < 1120 ? seed / 2 ** 18 : 0
  })
}

/** Whoever is called for this number and answers says it. */
async function speaking(end: World['pbx'], number: string, ms: number): Promise<Call> {
  const call = await until(
    'an answer',
    () => end.calls.find((one) => one.report().to.includes(number) && one.phase === 'up'),
    5000,
  )
  call.stream.say(greeting(ms))
  return call
}

const amd = (events: PlatformEvent[], call: string | undefined) =>
  events.filter((event) => event.type === 'call.amd' && event.call === call)
const verdicts = (events: PlatformEvent[], call: string | undefined) =>
  amd(events, call).map(({ data }) => [data.answeredBy, data.reason])

test('C10 C11 the switch is killed while it is listened to who has answered: voice goes on, and the next switch is told', async () => {
  const id = newId('call')
  let dialler = ''
  const known: unknown[] = []
  decide = async (call) => {
    if (call.offered.call !== id) {
      dialler = call.offered.call
      await call.do('call.dial', { target: { pbx: '101' }, amd: {} })
      return
    }
    if (!call.resumed) await call.do('call.answeredBy', { until: 'message-end' })
    known.push(await call.do('call.answeredBy', {}), await call.do('call.answeredBy', { until: 'message-end' }))
    await call.do('call.hangup', {})
  }
  const caller = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  const dialled = speaking(world.pbx, '101', 6000)
  const make = { subscriber: world.acme, by: 'subscriber', call: id, callerId: PUBLIC, from: OUTSIDE, to: 'agent' }
  await world.link.call('call.make', { ...make, amd: { until: 'message-end', messageEndMs: 800 } } as never)
  await speaking(world.carrier, OUTSIDE.number, 2700)
  await dialled
  await until('both to be listened to', async () => (await held()) === 2, 3000)
  await world.kill('switch')
  await world.startSwitch()
  await until('the end of the call that was made', async () => over(await world.events(), id), 9000)
  await until('the verdict of the other', async () => amd(await world.events(), dialler).length === 1, 5000)
  const events = await world.events()
  assert.deepEqual(verdicts(events, id), [
    ['machine', 'long-greeting'],
    ['machine-end', 'silence'],
  ])
  assert.deepEqual(known.map((one) => (one as { answeredBy: string }).answeredBy).sort(), ['machine', 'machine-end'])
  const [told] = amd(events, dialler)
  assert.deepEqual([told!.data.answeredBy, told!.leg !== undefined], ['machine', true])
  // Counted from the answer, and not from the restart.
  assert.ok((told!.data.ms as number) > 2300 && (told!.data.ms as number) < 3500, `${told!.data.ms} ms`)
  await until('the detectors to be given back', async () => (await held()) === 0, 3000)
  assert.equal(caller.phase, 'up')
  caller.hangup()
  await world.quiet()
  const leases = (await world.leases()).filter(({ kind }) => kind === 'voice.detection')
  assert.deepEqual(leases, [
    { kind: 'voice.detection', answered: true, released: 'done' },
    { kind: 'voice.detection', answered: true, released: 'done' },
  ])
})

test('C10 B14 voice is killed while it is listened to who has answered: nobody knows, in time, and nobody pays', async () => {
  let id = ''
  let answeredBy: unknown
  decide = async (call) => {
    id = call.offered.call
    const progress = { afterAnswerSeconds: 30 }
    answeredBy = (await call.do('call.dial', { target: { pbx: '101' }, amd: {}, progress })).answeredBy
  }
  const caller = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await speaking(world.pbx, '101', 6000)
  await until('it to be listened to', async () => (await held()) === 2, 3000)
  const from = performance.now()
  await world.kill('voice')
  await world.startVoice()
  await until('the verdict', async () => amd(await world.events(), id).length === 1, 7000)
  const took = performance.now() - from
  assert.ok(took < 6500, `${Math.round(took)} ms`)
  const moved = async () => (await world.events()).filter(({ type, call }) => type === 'media.moved' && call === id).length
  await until('both to talk again', async () => (await moved()) === 2, 9000)
  assert.deepEqual(verdicts(await world.events(), id), [['unknown', 'failed']])
  caller.hangup()
  await until('the end', async () => over(await world.events(), id), 5000)
  await world.quiet()
  assert.ok(answeredBy === undefined || answeredBy === 'unknown')
  const released = (await world.records()).flatMap((r) => (r.type === 'lease.released' && r.lease.call === id ? [r.lease] : []))
  const [useless] = released.filter(({ kind, reason }) => kind === 'voice.detection' && reason === 'failed')
  assert.ok(useless && !useless.answered)
  assert.equal(released.filter(({ kind }) => kind === 'voice.detection').length, 2)
})

test('C10 C11 the switch is killed while the tones behind an answer are listened for: they end the leg all the same, and time ends the rest', async () => {
  const calls = new Map<string, string>()
  const options = { country: 'be', afterAnswerSeconds: 25 }
  const wanted = [
    { number: '+3226660001', silentMs: 4000 },
    { number: '+3226660002', silentMs: 4000, amd: { country: 'be', noSpeechMs: 25_000, timeoutSeconds: 25 } },
    // It says so while the switch is away.
    { number: '+3226660003', silentMs: 1200 },
    { number: '+3226660004', silentMs: 60_000, progress: { ...options, afterAnswerSeconds: 5 } },
  ]
  decide = async (call) => {
    const { number, amd, progress = options } = wanted[calls.size]!
    calls.set(number, call.offered.call)
    await call.do('call.dial', { target: { number }, progress, ...(amd ? { amd } : {}) })
  }
  const busy = toneCycle(countryTone('busy', 'be'))
  const callers: Call[] = []
  for (const { number, silentMs } of wanted) {
    callers.push(await world.carrier.place({ to: world.node, from: CALLER, number: DID }))
    const end = await until(
      'an answer',
      () => world.carrier.calls.find((one) => one.report().to.includes(number) && one.phase === 'up'),
      5000,
    )
    end.stream.say(
      Int16Array.from({ length: 8 * 30_000 }, (_, i) => (i < 8 * silentMs ? 0 : busy[(i - 8 * silentMs) % busy.length]!)),
    )
  }
  await until('all to be listened to', async () => (await held()) === 5, 3000)
  await world.kill('switch')
  await sleep(1500)
  await world.startSwitch()
  const said = async (number: string) =>
    (await world.events()).filter((event) => event.call === calls.get(number) && event.type === 'call.progress')
  for (const { number } of wanted.slice(0, 3)) {
    await until(`the end of ${number}`, async () => over(await world.events(), calls.get(number)!), 25_000)
    assert.deepEqual(
      (await said(number)).map(({ data }) => [data.tone, data.answered]),
      [['busy', true]],
      number,
    )
    const ends = (await world.events()).filter(({ type, call }) => type === 'leg.cleared' && call === calls.get(number))
    assert.ok(
      ends.some(({ cause }) => cause?.reason === 'busy'),
      number,
    )
  }
  await until('the detectors to be given back', async () => (await held()) === 0, 9000)
  assert.deepEqual(await said('+3226660004'), [])
  assert.equal(over(await world.events(), calls.get('+3226660004')!), false)
  callers[3]!.hangup()
  await world.quiet()
  const ids = new Set<string>(calls.values())
  const released = (await world.records()).flatMap((r) =>
    r.type === 'lease.released' && ids.has(r.lease.call ?? '') && r.lease.kind === 'voice.detection' ? [r.lease] : [],
  )
  assert.equal(released.length, 5)
  assert.ok(released.every(({ answered, reason }) => answered && reason !== 'crash' && reason !== 'interrupted'))
})

async function held(): Promise<number> {
  return (await world.link.call('resource.list', {})).find(({ kind }) => kind === 'voice.detection')?.inUse ?? 0
}

function over(events: PlatformEvent[], call: string): boolean {
  return events.some((event) => event.type === 'call.cleared' && event.call === call)
}
