import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { DID, World } from './harness.ts'
import { Program } from './program.ts'

test('an agent transfers its caller while it talks, presses keys, and is told of a target that could not be had', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = [
    { user: '101', does: 'answer', ringMs: 5 },
    { user: '102', does: 486 },
    { user: '103', does: 'answer', ringMs: 5 },
  ]
  const told: unknown[] = []
  using _program = await Program.connect(world, async (call) => {
    await assert.rejects(call.do('call.transfer', { target: { pbx: '102' } }))
    const dialled = call.do('call.dial', { target: { pbx: '101' } })
    await until('the first', () => world.pbx.calls[0]?.phase === 'up', 3000)
    await call.do('call.dtmf', { digits: '42' })
    await until('the keys', () => world.pbx.calls[0]!.report().media!.digits === '42', 3000)
    const busy = await call.do('call.transfer', { target: { pbx: '102' } })
    told.push(busy.transferred, busy.cause?.reason)
    told.push((await call.do('call.transfer', { target: { pbx: '103' } })).transferred)
    told.push((await dialled).status)
  })
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
  const third = await until('the third', () => world.pbx.calls.find((c) => c.phase === 'up' && c.called === '103'), 6000)
  await until('the first to be let go', () => world.pbx.calls[0]!.phase === 'ended', 5000)
  await until('its sound', () => third.report().media!.heard.some((h) => h.what === 400), 4000)
  third.hangup()
  await until('the end', () => call.phase === 'ended', 4000)
  assert.deepEqual(told, [false, 'busy', true, 'answered'])
  await world.quiet()
})
