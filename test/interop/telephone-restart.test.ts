import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { systemClock } from '#lib/index.ts'
import { createSealer, issueSiteTls, sealSiteTls } from '#platform/subscriber/index.ts'
import { DID, World } from '../call/harness.ts'
import { now, until } from '../peer/clock.ts'
import { Linphone } from '../peer/linphone.ts'

const PASSWORD = 'circle-of-life'

test('S42 a switch that is killed and started again: Linphone notices at once that its connection by TLS is gone, and is called a moment after the start', async (t) => {
  await using world = await World.open({ voice: true })
  const { address } = world.siteSwitch
  const sealer = createSealer(world.sealingKey)
  const { ca, certificate, key } = sealSiteTls(sealer, await issueSiteTls(systemClock, { name: 'acme', addresses: [address] }))
  const { channel, site } = world.snapshot.subscribers[0]!
  await world.change({
    telephones: [{ name: '101', password: sealer.seal(PASSWORD) }],
    defaultRoute: { user: '101' },
    channel: { ...channel, siteNetworks: [...channel.siteNetworks, '127.0.0.1/32'] },
    site: { ...site, tls: { ca, certificate, key, telephones: 'required' } },
  })
  const contacts = async () => (await world.link.call('telephone.list', { subscriber: world.acme }))[0]?.contacts ?? []
  const register = { at: `${address}:5061`, password: PASSWORD, transport: 'tls' as const, ca }
  await using _linphone = await Linphone.start({
    ...{ address: '127.0.0.1', port: 15_000 + randomInt(100) * 2, user: '101', tone: 700, register },
  })
  await until('its registration', async () => (await contacts()).length === 1, 8000)
  const place = () => world.second.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
  await world.kill('switch')
  await world.startSwitch()
  const ready = now()
  // A call does not wait for a telephone that the switch has no way to (RFC 5626 §5.3), unless it has come back meanwhile.
  const early = await place()
  await until('an end, or an answer', () => early.phase !== 'setup', 3000)
  if (early.phase === 'up') early.hangup()
  else assert.equal(early.report().final?.status, 480)
  await until('it to be back', async () => (await contacts()).length === 1, 6000)
  t.diagnostic(`back ${Math.round(now() - ready)} ms after the start`)
  await world.quiet()
  const call = await place()
  await until('an answer', () => call.phase === 'up', 5000)
  call.hangup()
  await world.quiet()
})
