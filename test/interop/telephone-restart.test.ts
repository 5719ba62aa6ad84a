import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { systemClock } from '#lib/index.ts'
import { createSealer, issueSiteTls, sealSiteTls } from '#platform/subscriber/index.ts'
import { createTestCa } from '../call/agent-ca.ts'
import { DID, World } from '../call/harness.ts'
import { Baresip } from '../peer/baresip.ts'
import { now, until } from '../peer/clock.ts'
import { Linphone } from '../peer/linphone.ts'

const PASSWORD = 'circle-of-life'

/** How a telephone of each kind is started, which registers by TLS for a minute. */
const TELEPHONES = {
  async baresip(at: string, ca: string) {
    const port = 15_200 + randomInt(200) * 4
    const own = await (await createTestCa()).agent('telephone')
    const register = { at, password: PASSWORD }
    return Baresip.start({
      address: '127.0.0.1',
      port,
      controlPort: port + 2,
      user: '101',
      tone: 700,
      register,
      tls: { ...own, ca },
    })
  },
  linphone(at: string, ca: string) {
    const register = { at, password: PASSWORD, transport: 'tls' as const, ca }
    return Linphone.start({ address: '127.0.0.1', port: 15_000 + randomInt(100) * 2, user: '101', tone: 700, register })
  },
}

for (const kind of ['baresip', 'linphone'] as const)
  test(`S42 a switch that is killed and started again: ${kind} notices at once that its connection by TLS is gone, and is called again`, async (t) => {
    await using world = await World.open({ voice: true })
    const { address } = world.siteSwitch
    const sealer = createSealer(world.sealingKey)
    const { ca, certificate, key } = sealSiteTls(sealer, await issueSiteTls(systemClock, { name: 'acme', address }))
    const { channel, site } = world.snapshot.subscribers[0]!
    await world.change({
      telephones: [{ name: '101', password: sealer.seal(PASSWORD) }],
      defaultRoute: { user: '101' },
      channel: { ...channel, siteNetworks: [...channel.siteNetworks, '127.0.0.1/32'] },
      site: { ...site, tls: { ca, certificate, key, telephones: 'required' } },
    })
    const contacts = async () => (await world.link.call('telephone.list', { subscriber: world.acme }))[0]?.contacts ?? []
    await using _telephone = await TELEPHONES[kind](`${address}:5061`, ca)
    await until('its registration', async () => (await contacts()).length === 1, 8000)
    const place = () => world.second.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
    const killed = now()
    await world.kill('switch')
    await world.startSwitch()
    const ready = now()
    // Whom it does not reach it does not wait for.
    const missed = await place()
    await until('a refusal, or an answer', () => missed.phase !== 'setup', 5000)
    t.diagnostic(`after the start ${Math.round(now() - ready)} ms: ${missed.phase} ${missed.report().final?.status}`)
    if (missed.phase === 'up') missed.hangup()
    await until('it to be back', async () => (await contacts()).length === 1, 70_000)
    t.diagnostic(
      `${kind} is back ${Math.round(now() - killed)} ms after the kill, ${Math.round(now() - ready)} ms after the start`,
    )
    const call = await place()
    await until('an answer', () => call.phase === 'up', 5000)
    call.hangup()
    await world.quiet()
    assert.ok(true)
  })
