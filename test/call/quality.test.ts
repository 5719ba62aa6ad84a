import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import type { MediaStats } from '#platform/words/index.ts'
import { Baresip } from '../peer/baresip.ts'
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

test('with a telephone that reports, too, they tell the round trip and how our sound has come there', async () => {
  await using world = await World.open({ voice: true, subscriber: { defaultRoute: { pbx: '101' } } })
  const [address, port] = ['127.0.0.1', 15_800 + randomInt(90) * 2]
  await using baresip = await Baresip.start({ address, port, user: '101', tone: 700 })
  const { channel } = world.snapshot.subscribers[0]!
  await world.change({
    channel: { ...channel, siteNetworks: [...channel.siteNetworks, `${address}/32`] },
    site: { pbx: { host: address, port } },
  })
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 6000)
  // It reports every five seconds; the second of its reports knows one of ours.
  await new Promise((resolve) => setTimeout(resolve, 13_000))
  call.hangup()
  await world.quiet()
  const events = await world.events()
  const site = events.find(({ type, data }) => type === 'leg.originated' && data.via === 'channel')!.leg
  const cleared = events.find(({ type, leg }) => type === 'leg.cleared' && leg === site)!
  const released = (await world.records()).flatMap((record) =>
    record.type === 'lease.released' && record.lease.kind === 'voice.port' && record.lease.leg === site ? [record.lease] : [],
  )
  for (const media of [cleared.data.media as MediaStats, released[0]!.detail!.media!]) {
    const about = JSON.stringify(media)
    assert.ok(media.reportsReceived >= 2 && media.reportsSent >= 2, about)
    assert.ok(media.roundTripMs !== null && media.roundTripMs >= 0 && media.roundTripMs < 300, about)
    assert.ok(media.sent && media.sent.packetsLost < 10 && media.sent.jitterMs < 50 && media.sent.mos > 3.5, about)
    assert.ok(media.received && media.received.jitterMs < 50 && media.received.mos > 3.5, about)
  }
  assert.ok(baresip.heard([400, 700]).filter((what) => what === 400).length > 50)
})
