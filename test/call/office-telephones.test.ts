import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Baresip } from '../peer/baresip.ts'
import { until } from '../peer/index.ts'
import { OFFICE } from '../world/index.ts'
import { createTestCa } from './agent-ca.ts'
import { OfficeWorld, TONES } from './office-world.ts'

/** Both offices have the same addresses, and in both the telephone is at this one. */
const PORT = 5070

interface Telephones {
  items: { name: string; contacts: { source: string }[] }[]
}

test('S42 S43 a telephone by TLS in one office and one by TCP in another, at the same address behind its tunnel: each is called by its own connection', {
  timeout: 180_000,
}, async () => {
  await using scene = await OfficeWorld.open({ offices: ['acme', 'globex'], install: ['--telephone', 'desk'] })
  const { world, platform, installed } = scene
  const { channel } = await platform.api<{ channel: { address: string } }>('GET', '/v1/subscribers/acme')
  await platform.cli('telephone', 'tls', 'acme', 'required')
  const { certificate: ca } = await platform.cli<{ certificate: string }>('telephone', 'ca', 'acme')
  const own = await (await createTestCa()).agent('sub_desk')
  const phone = (name: string, tone: number, port: number, how: { tls?: typeof own & { ca: string }; tcp?: true }) =>
    Baresip.start({
      ...{ address: OFFICE.pbx, port: PORT, user: 'desk', tone, enter: world.office(name).machines.pbx.enter, ...how },
      register: { at: `${channel.address}:${port}`, password: installed.get(name)!.telephones[0]!.password },
    })
  await using _acme = await phone('acme', TONES.offices[0], 5061, { tls: { ...own, ca } })
  await using _globex = await phone('globex', TONES.offices[1], 5060, { tcp: true })
  for (const [office, transport] of ['TLS', 'TCP'].entries()) {
    const name = ['acme', 'globex'][office]!
    const contacts = async () =>
      (await platform.api<Telephones>('GET', `/v1/subscribers/${name}/telephones`)).items.flatMap((each) => each.contacts)
    await until(`the telephone of ${name} to be registered`, async () => (await contacts()).length === 1, 15_000, 50)
    assert.match((await contacts())[0]!.source, new RegExp(`^${OFFICE.pbx.replaceAll('.', '\\.')}:`))
    await platform.cli('subscriber', 'route', name, 'user:desk')
    const id = await scene.call(office)
    assert.equal((await world.carrier.wait(id, 'up')).phase, 'up')
    const heard = async () => (await world.carrier.report(id)).media!.heard.map(({ what }) => what)
    await until('its tone', async () => (await heard()).includes(TONES.offices[office]!), 10_000, 50)
    assert.ok(!(await heard()).includes(TONES.offices[1 - office]!), 'and not that of the other office')
    const inside = await scene.inside(name)
    assert.match(
      inside[0]!,
      new RegExp(`^INVITE [\\s\\S]*\\r\\nVia: SIP/2\\.0/${transport} ${channel.address.replaceAll('.', '\\.')}:`),
    )
    await world.carrier.hangup(id)
    await until('the end', async () => (await platform.calls()).length === 0, 8000, 50)
  }
})
