import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MediaStats } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

test('the last event of a leg and the usage of its port tell how its sound was', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 30, tone: 700 }]
  using _program = await Program.connect(world, async (call: Commanded) => {
    await call.do('call.dial', { target: { pbx: '101' } })
  })
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 3000)
  await until(
    'sound',
    () => (call.report().media?.received ?? 0) > 20 && (world.pbx.calls[0]?.report().media?.received ?? 0) > 20,
    3000,
  )
  call.hangup()
  await until('the end', () => call.phase === 'ended', 3000)
  await world.quiet()
  const events = await world.events()
  const cleared = events.filter(({ type }) => type === 'leg.cleared')
  assert.equal(cleared.length, 2)
  for (const { data } of cleared) {
    const media = data.media as MediaStats
    assert.ok(media.packetsReceived > 10 && media.packetsSent > 10 && media.reportsSent >= 1)
    assert.ok(media.received && media.received.packetsLost === 0 && media.received.mos > 4, JSON.stringify(media.received))
  }
  assert.equal(events.at(-1)?.type, 'call.cleared')
  const ports = (await world.records()).flatMap((r) =>
    r.type === 'lease.released' && r.lease.kind === 'voice.port' ? [r.lease] : [],
  )
  assert.equal(ports.length, 2)
  for (const { detail } of ports) assert.ok((detail?.media?.received?.mos ?? 0) > 4)
})
