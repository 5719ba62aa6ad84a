import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const lastHeard = (call: Call) => (call.report().media?.heard ?? []).at(-1)?.what

/** Three callers in a room of acme's, each known by its number. */
async function room(world: World) {
  const calls = new Map<string, Commanded>()
  const results = new Map<string, unknown>()
  await Program.connect(world, async (call) => {
    const { number } = call.offered.from
    calls.set(number, call)
    const options = number.endsWith('1') ? { moderator: true } : {}
    const left = call.do('call.conference', { room: 'sales', muted: number.endsWith('3'), ...options })
    results.set(number, await left.catch((error) => error.verdict.code))
    await call.do('call.hangup', {})
  })
  const place = (number: string, tone: number) => world.carrier.place({ to: world.node, from: number, number: DID, tone })
  const two = [await place('+3247000001', 400), await place('+3247000002', 700)] as const
  await until('two to be answered', () => two.every(({ phase }) => phase === 'up'), 4000)
  const legs = [...two, await place('+3247000003', 425)] as const
  await until('the third to be answered, or not', () => ['up', 'ended'].includes(legs[2].phase), 4000)
  const of = (n: 1 | 2 | 3) => calls.get(`+324700000${n}`)!
  return { legs, of, results }
}

test('an agent puts callers into one conference, moderates it, and its end is the moderator’s', async () => {
  await using world = await World.open({ voice: true })
  const { legs, of, results } = await room(world)
  const [a, b, c] = legs
  await until('the first two to hear each other', () => lastHeard(a) === 700 && lastHeard(b) === 400, 4000)
  await of(2).do('call.seat', { muted: true })
  await until('one who was muted not to be heard', () => lastHeard(a) === 'silence' && lastHeard(c) === 400, 4000)
  await of(3).do('call.seat', { muted: false, coach: of(1).offered.call })
  await until('a coach to be heard by one alone', () => lastHeard(a) === 425 && lastHeard(b) === 400, 4000)
  await assert.rejects(of(3).do('call.seat', { coach: 'call_00000000000000000000000000000000' }))
  await of(2).do('call.leave', {})
  await until('who was put out to be gone', () => b.phase === 'ended', 4000)
  await assert.rejects(
    of(2).do('call.leave', {}),
    (error: { verdict?: { code?: string } }) => error.verdict?.code === 'call-gone',
  )
  await of(1).do('call.announce', { tone: [{ frequencies: [700], onMs: 600, offMs: 0 }] })
  await of(1).do('call.leave', {})
  await until('the conference to have ended with its moderator', () => c.phase === 'ended', 4000)
  await world.quiet()
  const { reason } = results.get('+3247000003') as { reason: string }
  assert.equal(reason, 'ended')
  const events = (await world.events()).filter(({ type }) => type.startsWith('conference.'))
  assert.deepEqual(
    events.filter(({ type }) => type === 'conference.left').map(({ data }) => [data.reason, data.seats]),
    [
      ['left', 2],
      ['left', 1],
      ['ended', 0],
    ],
  )
  assert.ok(events.some(({ type, data }) => type === 'conference.speaker' && data.speaking === true))
  const leases = await world.leases()
  const seats = leases.filter(({ kind }) => kind === 'voice.seat')
  assert.ok(seats.length === 3 && seats.every(({ answered, released }) => answered && released !== null))
  assert.equal(leases.filter(({ kind }) => kind === 'voice.prompt').length, 1)
})

test('a seat that is not to be had is refused, with the lease that was wanting', async () => {
  await using world = await World.open({ voice: true })
  const [acme] = world.snapshot.subscribers
  const allocations = acme!.allocations.map((a) => (a.kind === 'voice.seat' ? { ...a, ceiling: 2 } : a))
  await world.change({ allocations })
  const { legs, results } = await room(world)
  await until('the third to be sent away', () => legs[2].phase === 'ended', 4000)
  assert.equal(results.get('+3247000003'), 'resource-unavailable')
  const refused = (await world.events()).find(({ type }) => type === 'resource.refused')
  assert.equal((refused!.data.refusal as { kind: string }).kind, 'voice.seat')
  for (const leg of legs.slice(0, 2)) leg.hangup()
  await world.quiet()
})
