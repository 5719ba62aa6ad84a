import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Id, newId } from '#lib/index.ts'
import type { PlatformEvent } from '#platform/words/index.ts'
import { countryTone, type ToneName, toneCycle } from '#protocol/audio/index.ts'
import { Pacer } from '../peer/audio/pacer.ts'
import { Stream } from '../peer/audio/stream.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { DID, PUBLIC, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

/** Numbers of a carrier that answers, and of one that rings with sound of its own. */
const ANSWERED = (i: number) => ({ number: `+32266600${10 + i}` })
const RUNG = { trunk: 'other', number: '+3226660000' }
const BUSY = { country: 'be', afterAnswerSeconds: 8 }

let world: World
let program: Program
/** What the program does for a call of this caller, or one that it has placed. */
const decisions = new Map<string, (call: Commanded) => Promise<void>>()
const streams: Stream[] = []

before(async () => {
  world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 10 }]
  program = await Program.connect(world, async (call) => {
    const decide = decisions.get(call.offered.call) ?? decisions.get(call.offered.from.number)
    await decide?.(call)
  })
})
after(async () => {
  await world.quiet().finally(async () => {
    for (const stream of streams) stream.close()
    await world[Symbol.asyncDispose]()
  })
})

function toneOf(name: ToneName, seconds: number): Int16Array {
  const cycle = toneCycle(countryTone(name, 'be'))
  return Int16Array.from({ length: 8000 * seconds }, (_, i) => cycle[i % cycle.length]!)
}

/** A call of a caller of its own, for which the program does this. */
async function calling(
  i: number,
  decide: (call: Commanded) => Promise<void>,
): Promise<{ a: Call; id: Promise<string>; over: Promise<PlatformEvent[]> }> {
  const caller = `+324701234${10 + i}`
  const id = Promise.withResolvers<string>()
  decisions.set(caller, async (call) => {
    id.resolve(call.offered.call)
    await decide(call)
  })
  const a = await world.carrier.place({ to: world.node, from: caller, number: DID })
  return { a, id: id.promise, over: id.promise.then(eventsOf) }
}

async function eventsOf(call: string): Promise<PlatformEvent[]> {
  return until(
    'the end of the call',
    async () => {
      const all = (await world.events()).filter((event) => event.call === call)
      return all.at(-1)?.type === 'call.cleared' ? all : undefined
    },
    15_000,
  )
}

/** The carrier's end of a call to this number, which says what a network says. */
async function answers({ number }: { number: string }, pcm: Int16Array): Promise<Call> {
  const end = await until(
    'the answer',
    () => world.carrier.calls.find((c) => c.phase === 'up' && c.report().to.includes(number)),
    6000,
  )
  end.stream.say(pcm)
  return end
}

const ofType = (events: PlatformEvent[], type: string) => events.filter((event) => event.type === type)
const tones = (events: PlatformEvent[]) => ofType(events, 'call.progress').map(({ data }) => [data.tone, data.answered])
const answeredBy = (events: PlatformEvent[]) => ofType(events, 'call.amd').map(({ data }) => [data.answeredBy, data.reason])

/** What the leases of a call came to. */
async function leasesOf(call: Id<'call'> | undefined, kind: string) {
  const records = await world.records()
  return records.flatMap((r) => (r.type === 'lease.released' && r.lease.call === call && r.lease.kind === kind ? [r.lease] : []))
}

describe('a network that says by its tones that nobody is there', { concurrency: true }, () => {
  it('behind its 200: the leg ends as busy, the program is told, and it was answered, and is billed', async () => {
    let result: unknown
    const { over } = await calling(0, async (call) => {
      result = await call.do('call.dial', { target: ANSWERED(0), progress: BUSY })
      await call.do('call.hangup', {})
    })
    const end = await answers(ANSWERED(0), toneOf('busy', 10))
    const events = await over
    const { status, durationSeconds, cause } = result as {
      status: string
      durationSeconds: number
      cause: { reason: string; q850: number }
    }
    assert.deepEqual([status, cause.reason, cause.q850], ['busy', 'busy', 17])
    assert.ok(durationSeconds > 1 && durationSeconds < 7, `${durationSeconds} s`)
    assert.deepEqual(tones(events), [['busy', true]])
    assert.match(end.report().ending?.reason ?? '', /Q\.850;cause=17/)
    const call = events[0]!.call
    assert.deepEqual(
      program.progress.filter((one) => one.call === call).map(({ tone, answered }) => [tone, answered]),
      [['busy', true]],
    )
    for (const kind of ['trunk.out', 'voice.detection']) {
      const [lease] = await leasesOf(call, kind)
      assert.ok(lease?.answered, `${kind} is paid for`)
    }
  })

  it('behind its 200, to who listens for machines: nobody, and the program decides', async () => {
    let result: unknown
    const { id, over } = await calling(1, async (call) => {
      result = await call.do('call.dial', { target: ANSWERED(1), amd: { country: 'be' }, progress: { ...BUSY, end: false } })
      await call.do('call.hangup', {})
    })
    const end = await answers(ANSWERED(1), toneOf('busy', 10))
    const call = await id
    const told = () => program.amds.some((verdict) => verdict.call === call && verdict.answeredBy === 'network')
    // The two that listen tell of the tone each in its own moment.
    await until('the verdict and the tone', () => told() && program.progress.some((tone) => tone.call === call), 8000)
    assert.equal(end.phase, 'up')
    end.hangup()
    const events = await over
    assert.deepEqual([answeredBy(events), tones(events)], [[['network', 'busy-tone']], [['busy', true]]])
    assert.equal((result as { answeredBy: string; status: string }).answeredBy, 'network')
    assert.equal((result as { status: string }).status, 'answered')
  })

  it('behind the 200 of whoever is called for the agent: its verdict is nobody, and the call ends as busy', async () => {
    const id = newId('call')
    const verdict = Promise.withResolvers<unknown>()
    decisions.set(id, async (call) => {
      call.do('call.answeredBy', {}).then(verdict.resolve, verdict.reject)
      await call.do('call.answeredBy', { until: 'message-end' })
    })
    await make(id, { from: ANSWERED(2), to: 'agent', amd: {}, progress: BUSY })
    await answers(ANSWERED(2), toneOf('busy', 10))
    const events = await eventsOf(id)
    assert.equal(((await verdict.promise) as { answeredBy: string }).answeredBy, 'network')
    assert.equal(events.at(-1)!.cause?.reason, 'busy')
    await until(
      'the word to the program',
      () => program.ended.some(({ call, cause }) => call === id && cause.reason === 'busy'),
      3000,
    )
  })

  it('in the early sound of whoever is called first, and of whom the default route calls: a refusal, that nobody pays', async () => {
    await world.change({ defaultRoute: { ...RUNG, progress: { country: 'be' } } })
    const id = newId('call')
    const first = ScriptedLeg.await(world.second)
    await make(id, { from: RUNG, to: 'agent', progress: { country: 'be' } })
    await ringsBusy(first)
    const made = await eventsOf(id)
    assert.deepEqual([made.at(-1)!.cause?.reason, tones(made)], ['busy', [['busy', undefined]]])
    const [lease] = await leasesOf(id, 'voice.detection')
    assert.ok(lease && !lease.answered)
    // A program that throws before it has decided: the default route.
    const second = ScriptedLeg.await(world.second)
    const { a, over } = await calling(3, async () => {
      throw new Error('no decision')
    })
    await ringsBusy(second)
    assert.deepEqual(tones(await over), [['busy', undefined]])
    assert.equal(a.report().final?.status, 486)
  })

  it('of who is consulted, or is to take the caller over: the two talk again, or the caller is free for what comes next', async () => {
    const told: unknown[] = []
    const { over } = await calling(4, async (call) => {
      const dialled = call.do('call.dial', { target: { pbx: '101' } })
      await until('the first', () => world.pbx.calls.at(-1)?.phase === 'up', 4000)
      await assert.rejects(call.do('call.consult', { target: ANSWERED(4), progress: { country: 'xx' } }))
      told.push((await call.do('call.consult', { target: ANSWERED(4), progress: BUSY, amd: {} })).status)
      await until('them to talk again', async () => !world.pbx.calls.at(-1)!.report().ending && told.push('again') > 0, 10)
      await until('the consultation to be over', async () => ended(ANSWERED(4)), 8000)
      const { transferred } = await call.do('call.transfer', { target: ANSWERED(5), progress: BUSY })
      told.push(transferred)
      const { cause } = await dialled
      told.push(cause.reason)
      await call.do('call.hangup', {})
    })
    for (const who of [ANSWERED(4), ANSWERED(5)]) await answers(who, toneOf('busy', 10))
    const events = await over
    assert.deepEqual(told, ['answered', 'again', true, 'busy'])
    assert.deepEqual(tones(events), [
      ['busy', true],
      ['busy', true],
    ])
    assert.deepEqual(answeredBy(events), [['network', 'busy-tone']])
  })
})

function ended({ number }: { number: string }): boolean {
  return world.carrier.calls.some((c) => c.phase === 'ended' && c.report().to.includes(number))
}

function make(call: Id<'call'>, params: object) {
  return world.link.call('call.make', { subscriber: world.acme, by: 'subscriber', call, callerId: PUBLIC, ...params } as never)
}

/** A far end that says busy behind 183, until nobody waits any more. */
async function ringsBusy(b: ScriptedLeg): Promise<void> {
  const invite = await b.next('INVITE')
  const stream = await Stream.open(`${world.net}.3`, new Pacer(), [])
  streams.push(stream)
  const at = readSdp(invite.body)!
  stream.remote = { address: at.address, port: at.port }
  stream.say(toneOf('busy', 10))
  stream.start()
  b.reply(invite, 183, { body: b.sdp({ port: stream.port }) })
  b.reply(await b.next('CANCEL'), 200)
  b.reply(invite, 487)
  await b.next('ACK')
}
