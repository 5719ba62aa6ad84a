import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TielineError } from '#lib/index.ts'
import type { PlatformEvent, Refusal } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { headerOf } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const CALLER = '+32470123456'
const PLENTY = 10_000
const TONE = { tone: [{ frequencies: [700], onMs: 200, offMs: 0 }], totalMs: 200 }

let world: World
let decide: (call: Commanded) => Promise<void> = async () => {}

before(async () => {
  world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  await Program.connect(world, (call) => decide(call))
})
after(() => world[Symbol.asyncDispose]())

/** Acme may have so many of the kind, or the node has no more; all others are as they were. */
async function only(kind: string, limit: number, limitedBy: 'ceiling' | 'pool'): Promise<AsyncDisposable> {
  const { snapshot } = world
  const acme = snapshot.subscribers[0]!
  const set = (ceiling: number, capacity: number) =>
    world.publish({
      ...snapshot,
      number: world.snapshot.number + 1,
      capacities: snapshot.capacities.map((c) => (c.kind === kind ? { ...c, capacity } : c)),
      subscribers: [{ ...acme, allocations: acme.allocations.map((a) => (a.kind === kind ? { ...a, ceiling } : a)) }],
    })
  await (limitedBy === 'ceiling' ? set(limit, PLENTY) : set(PLENTY, limit))
  return { [Symbol.asyncDispose]: () => set(PLENTY, PLENTY) }
}

/** The verbs that need each kind, and what else still can be done where there is none of it. */
const VERBS: Record<string, { wants: ((call: Commanded) => Promise<unknown>)[]; still: (call: Commanded) => Promise<unknown> }> =
  {
    'voice.prompt': {
      wants: [
        (call) => call.do('call.play', TONE),
        (call) => call.do('call.say', { text: 'Hello' }),
        (call) => call.do('call.gather', { timeoutSeconds: 1 }),
        (call) => call.do('call.dial', { target: { pbx: '101' }, ring: TONE }),
      ],
      still: (call) => call.do('call.record', { maxSeconds: 0.2, beep: false }),
    },
    'voice.speech': {
      wants: [
        (call) => call.do('call.say', { text: 'Hello' }),
        (call) => call.do('call.play', { list: [TONE, { text: 'Hello' }] }),
        (call) => call.do('call.gather', { say: 'Press one', timeoutSeconds: 1 }),
      ],
      still: (call) => call.do('call.play', TONE),
    },
    'voice.record': {
      wants: [
        (call) => call.do('call.record', { maxSeconds: 1 }),
        (call) => call.do('call.dial', { target: { pbx: '101' }, record: 'stereo' }),
      ],
      still: (call) => call.do('call.play', TONE),
    },
    'voice.recognition': {
      wants: [(call) => call.do('call.gather', { input: ['speech'], grammar: ['Sales'], timeoutSeconds: 1 })],
      still: (call) => call.do('call.gather', { timeoutSeconds: 0.2 }),
    },
    'voice.seat': {
      wants: [(call) => call.do('call.conference', { room: 'sales' })],
      still: (call) => call.do('call.play', TONE),
    },
    'voice.stream': {
      wants: [(call) => call.do('call.stream', {})],
      still: (call) => call.do('call.play', TONE),
    },
    'voice.detection': {
      wants: [
        (call) => call.do('call.dial', { target: { pbx: '101' }, amd: {} }),
        (call) => call.do('call.dial', { target: { pbx: '101' }, progress: {} }),
      ],
      still: (call) => call.do('call.play', TONE),
    },
    'voice.relay': {
      wants: [(call) => call.do('call.dial', { target: { pbx: '101' } })],
      still: (call) => call.do('call.play', TONE),
    },
  }

const refusals = (events: PlatformEvent[]) =>
  events.flatMap(({ type, data }) => (type === 'resource.refused' ? [data.refusal as Refusal] : []))

for (const [kind, { wants, still }] of Object.entries(VERBS)) {
  for (const limitedBy of ['ceiling', 'pool'] as const) {
    test(`${kind}: where none is to be had (${limitedBy}), what needs it is refused by its kind, before anything is done, and the call goes on`, async () => {
      await using _none = await only(kind, 0, limitedBy)
      const from = (await world.records()).length
      const told: { code: string; refusal: Refusal }[] = []
      let stillDone = false
      decide = async (call) => {
        await call.do('call.answer', {})
        for (const want of wants) {
          await want(call).then(
            () => assert.fail('it was done'),
            (error: TielineError) => {
              told.push({ code: error.verdict.code, refusal: error.details.refusal as Refusal })
            },
          )
        }
        await still(call)
        stillDone = true
        await call.do('call.hangup', {})
      }
      const rung = world.pbx.calls.length
      const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
      await until('the end', () => call.phase === 'ended', 9000)
      await world.quiet()
      assert.ok(stillDone, 'the call goes on')
      assert.deepEqual(
        told.map(({ code, refusal }) => [code, refusal?.kind, refusal?.limitedBy, refusal?.limit]),
        wants.map(() => ['resource-unavailable', kind, limitedBy, 0]),
      )
      const records = (await world.records()).slice(from)
      const events = records.flatMap((record) => (record.type === 'event' ? [record.event] : []))
      assert.deepEqual(
        refusals(events).map((refusal) => [refusal.kind, refusal.limitedBy, refusal.fault]),
        wants.map(() => [kind, limitedBy, limitedBy === 'ceiling' ? 'subscriber' : 'system']),
      )
      assert.ok(!records.some((record) => record.type === 'lease.taken' && record.lease.kind === kind))
      assert.equal(world.pbx.calls.length, rung, 'nobody is rung for it')
    })
  }
}

test('voice.port: where none is to be had a call is refused by its kind, and so is a leg that is dialled', async () => {
  decide = async (call) => {
    const error = await call.do('call.dial', { target: { pbx: '101' } }).then(
      () => assert.fail('it was done'),
      (refused: TielineError) => refused,
    )
    assert.equal((error.details.refusal as Refusal).kind, 'voice.port')
    await call.do('call.play', TONE)
    await call.do('call.hangup', {})
  }
  for (const [limitedBy, status, retryAfter] of [
    ['ceiling', 486, ''],
    ['pool', 503, '5'],
  ] as const) {
    const from = (await world.records()).length
    const events = async () =>
      (await world.records()).slice(from).flatMap((record) => (record.type === 'event' ? [record.event] : []))
    {
      await using _none = await only('voice.port', 0, limitedBy)
      const caller = ScriptedLeg.place(world.carrier, world.node, DID, { sdp: {} })
      const refusal = await caller.next(`${status}`)
      caller.ack(refusal)
      assert.equal(headerOf(refusal, 'retry-after'), retryAfter)
      const refused = (await events()).find(({ type }) => type === 'call.refused')
      const { kind, limitedBy: by } = refused!.data.refusal as Refusal
      assert.deepEqual([kind, by], ['voice.port', limitedBy])
      await world.quiet()
    }
    await using _one = await only('voice.port', 1, limitedBy)
    const caller = ScriptedLeg.place(world.carrier, world.node, DID, { sdp: {} })
    caller.ack(await caller.next('200 INVITE'))
    caller.reply(await caller.next('BYE'), 200)
    await world.quiet()
    assert.deepEqual(
      refusals(await events()).map(({ kind, limitedBy: by }) => [kind, by]),
      [['voice.port', limitedBy]],
    )
  }
})
