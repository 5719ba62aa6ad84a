import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Id, newId, type TielineError } from '#lib/index.ts'
import type { PlatformEvent } from '#platform/words/index.ts'
import { type Answer, answers } from '../../bench/amd-set.ts'
import { until } from '../peer/clock.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const CALLER = '+32470123456'
const OUTSIDE = '+3226660000'

let world: World
let program: Program
let decide: (call: Commanded) => Promise<void> = async () => {}
const said = new Map<string, Answer>()

before(async () => {
  for (const answer of answers('test', 2)) said.set(answer.label, answer)
  world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 20 }]
  world.carrier.rules = [{ user: OUTSIDE, does: 'answer', ringMs: 20 }]
  program = await Program.connect(world, (call) => decide(call))
})
after(() => world[Symbol.asyncDispose]())

/** The events of a call that is over, once all is given back. */
async function eventsOf(call: string): Promise<PlatformEvent[]> {
  const events = await until(
    'the end of the call',
    async () => {
      const all = (await world.events()).filter((event) => event.call === call)
      return all.at(-1)?.type === 'call.cleared' ? all : undefined
    },
    20_000,
  )
  await world.quiet()
  return events
}

const verdicts = (events: PlatformEvent[]) =>
  events.filter(({ type }) => type === 'call.amd').map(({ data }) => [data.answeredBy, data.reason])

const detections = async () => (await world.leases()).filter(({ kind }) => kind === 'voice.detection')

/** Whoever answers says this. */
async function answering(end: World['pbx'], label: Answer['label']): Promise<void> {
  const before = new Set(end.calls)
  const call = await until('an answer', () => end.calls.find((one) => !before.has(one) && one.phase === 'up'), 4000)
  call.stream.say(said.get(label)!.pcm)
}

test('a machine that is dialled is told while it speaks, and again when it listens; both talk meanwhile, and the detector is billed', async () => {
  let answeredBy: unknown
  let id = ''
  decide = async (call) => {
    id = call.offered.call
    const result = await call.do('call.dial', { target: { pbx: '101' }, amd: { until: 'message-end' } })
    answeredBy = result.answeredBy
    await call.do('call.hangup', {})
  }
  const machine = answering(world.pbx, 'machine')
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await machine
  const told = () => program.amds.filter(({ call }) => call === id)
  await until('the machine', () => told().length === 1, 8000)
  assert.equal(told()[0]!.answeredBy, 'machine')
  await until('that it listens', () => told().length === 2, 15_000)
  assert.ok(call.report().media!.received > 100, 'the caller hears the machine')
  world.pbx.calls.at(-1)!.hangup()
  const events = await eventsOf(id)
  const { beepMs } = said.get('machine')!
  assert.deepEqual(verdicts(events), [
    ['machine', 'long-greeting'],
    ['machine-end', beepMs === null ? 'silence' : 'beep'],
  ])
  const verdict = events.filter(({ type }) => type === 'call.amd')
  assert.equal(verdict[0]!.leg, events.find(({ type }) => type === 'leg.originated')!.leg)
  if (beepMs !== null) assert.ok(Math.abs((verdict[1]!.data.ms as number) - beepMs) < 1300)
  assert.equal(answeredBy, 'machine-end')
  assert.ok((await detections()).every(({ answered, released }) => answered && released !== null))
})

test('a person who is called for the agent is told as one, within two seconds of the greeting', async () => {
  const id = newId('call')
  let known: unknown
  decide = async (call) => {
    known = await call.do('call.answeredBy', {})
    await call.do('call.hangup', {})
  }
  const person = answering(world.carrier, 'human')
  await make(id, {})
  await person
  const events = await eventsOf(id)
  assert.deepEqual(verdicts(events), [['human', 'short-greeting']])
  const { data } = events.find(({ type }) => type === 'call.amd')!
  assert.deepEqual(known, data)
  const ms = data.ms as number
  assert.ok(ms - said.get('human')!.greetingEndMs < 2000, `${ms} ms`)
})

test('a fax is told by its tone', async () => {
  const id = newId('call')
  decide = async (call) => {
    await call.do('call.answeredBy', { until: 'message-end' })
  }
  const fax = answering(world.carrier, 'fax')
  await make(id, {})
  await fax
  assert.deepEqual(verdicts(await eventsOf(id)), [['fax', 'fax-tone']])
})

test('who hangs up before anything is known is unknown, before the last event; a program’s own times hold', async () => {
  const id = newId('call')
  decide = async (call) => {
    await call.do('call.play', { tone: [{ frequencies: [700], onMs: 300, offMs: 0 }] })
    await call.do('call.hangup', {})
  }
  await make(id, {})
  assert.deepEqual(verdicts(await eventsOf(id)), [['unknown', 'hangup']])
  const other = newId('call')
  decide = async (call) => {
    await call.do('call.answeredBy', {})
  }
  await make(other, { noSpeechMs: 1000 })
  assert.deepEqual(verdicts(await eventsOf(other)), [['unknown', 'no-speech']])
})

test('without a detector nobody is called, and what is no option is refused', async () => {
  const [acme] = world.snapshot.subscribers
  const none = acme!.allocations.map((a) => (a.kind === 'voice.detection' ? { ...a, ceiling: 0 } : a))
  await world.change({ allocations: none })
  const refused = { verdict: { code: 'resource-unavailable' } }
  await assert.rejects(make(newId('call'), {}), (error: { verdict: { code: string } }) => {
    assert.equal(error.verdict.code, refused.verdict.code)
    return true
  })
  await world.quiet()
  await world.change({ allocations: acme!.allocations })
  await assert.rejects(make(newId('call'), { greetingMs: 5 }))
  await assert.rejects(make(newId('call'), { until: 'never' } as never))
  let refusedVerb: unknown
  decide = async (call) => {
    refusedVerb = await call.do('call.answeredBy', {}).catch((error: TielineError) => error.verdict.code)
  }
  const id = newId('call')
  await world.link.call('call.make', {
    subscriber: world.acme,
    by: 'subscriber',
    call: id,
    from: { number: OUTSIDE },
    to: 'agent',
  })
  await eventsOf(id)
  assert.equal(refusedVerb, 'invalid-argument')
})

function make(call: Id<'call'>, amd: object) {
  return world.link.call('call.make', {
    ...{ subscriber: world.acme, by: 'subscriber', call, from: { number: OUTSIDE }, to: 'agent', amd },
  } as never)
}
