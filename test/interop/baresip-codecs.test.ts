import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { DID, World } from '../call/harness.ts'
import { Baresip } from '../peer/baresip.ts'
import { until } from '../peer/clock.ts'

for (const [codec, transcoded] of [
  ['opus/48000/2', true],
  ['G722/16000/1', true],
  ['PCMA', false],
] as const) {
  test(`baresip that speaks ${codec} alone and a carrier with PCMU hear each other${transcoded ? ', transcoded' : ''}`, async () => {
    await using world = await World.open({ voice: true })
    const [address, port] = ['127.0.0.1', 15_600 + randomInt(90) * 2]
    await using baresip = await Baresip.start({ address, port, user: '101', tone: 700, codecs: [codec] })
    const channel = world.snapshot.subscribers[0]!.channel
    await world.change({
      channel: { ...channel, siteNetworks: [...channel.siteNetworks, `${address}/32`] },
      site: { pbx: { host: address, port } },
      defaultRoute: { pbx: '101' },
    })
    const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
    await until('an answer', () => call.phase === 'up', 6000)
    const heard = () => (call.report().media?.heard ?? []).filter(({ what }) => what === 700).length
    await until('its tone', () => heard() >= 15, 8000)
    call.hangup()
    await until('its record of ours', () => baresip.heard([400, 700]).filter((what) => what === 400).length >= 5, 6000)
    await world.quiet()
    const leases = (await world.leases()).filter(({ kind }) => kind === 'voice.transcode')
    assert.deepEqual(
      leases.map(({ answered }) => answered),
      transcoded ? [true] : [],
    )
  })
}
