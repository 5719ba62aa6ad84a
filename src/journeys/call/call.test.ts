import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, TurnedClock } from '#lib/index.ts'
import { Tap } from '#platform/trace/index.ts'
import type { SubscriberConfig } from '#platform/words/index.ts'
import type { OutgoingInvite } from '#protocol/sip/index.ts'
import { Call, type CallFacts } from './call.ts'
import type { Exchange } from './exchange.ts'

test('a dialog that comes to a call which has long been over is forgotten as any other', () => {
  const clock = new TurnedClock()
  const trace = new Tap({ clock, sinks: [{ message() {} }] })
  const calls: Exchange['calls'] = new Map()
  const x = { clock, trace, calls, limits: { maxCallMs: 1e9 }, save() {} } as unknown as Exchange
  const facts = { id: newId('call', clock.wall()), startedAt: { wall: clock.wall() } } as CallFacts
  const call = new Call(x, { id: newId('sub') } as SubscriberConfig, facts)
  const leg = call.addLeg({ id: newId('leg'), direction: 'out', via: 'trunk', realm: 'node', party: { number: '1' } })
  calls.delete(call.id)
  trace.over(call.id)
  clock.turn(40_000)
  leg.originate({ callId: 'late' } as unknown as OutgoingInvite)
  assert.equal(trace.size, 1)
  // What is over is remembered for 32 to 64 s.
  for (let i = 0; i < 2; i++) {
    clock.turn(40_000)
    trace.over(newId('call'))
  }
  assert.equal(trace.size, 0)
})
