import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SipPeer, until } from '../peer/index.ts'
import { OFFICE } from '../world/index.ts'
import { giveIpv6, OFFICE6 } from '../world/office-ipv6.ts'
import { OfficeWorld, TONES } from './office-world.ts'

const [TONE] = TONES.offices

interface Shown {
  channel: { ipv6: { address: string; peerAddress: string } | null }
}
interface Checked {
  ok: boolean
  steps: { step: string; ok: boolean; text: string }[]
}

test('a subscriber that has a site of IPv4 gets IPv6 while a call is up: its site is told what its file lacks, its PBX moves, and moves back', {
  timeout: 240_000,
}, async () => {
  await using scene = await OfficeWorld.open({ offices: ['acme'], before: (office) => giveIpv6(office) })
  const { world, platform, installed } = scene
  const office = world.office('acme')
  const show = async () => (await platform.api<Shown>('GET', '/v1/subscribers/acme')).channel.ipv6
  const networks = (...siteNetworks: string[]) => platform.api('PATCH', '/v1/subscribers/acme', { siteNetworks })
  const check = () => platform.api<Checked>('POST', '/v1/subscribers/acme/channel/check')
  const { siteFile } = installed.get('acme')!
  assert.doesNotMatch(siteFile, /::|ipv6|ip6/, 'a site of IPv4 is told nothing of IPv6')
  assert.equal(await show(), null)

  const up = await scene.call(0)
  assert.equal((await world.carrier.wait(up, 'up')).phase, 'up')
  await networks(OFFICE.network, OFFICE6.network)
  const ends = (await show())!
  assert.equal(ends.address, 'fd6c:8a27:4e10::1')
  const wrong = await check()
  assert.ok(!wrong.ok)
  assert.match(
    wrong.steps.at(-1)!.text,
    /its file needs fd6c:8a27:4e10::2\/128 in Address and fd6c:8a27:4e10::1\/128 in AllowedIPs/,
  )
  const before = (await world.carrier.report(up)).media!.received
  await until(
    'the call that is up goes on',
    async () => (await world.carrier.report(up)).media!.received > before + 25,
    10_000,
    50,
  )
  assert.equal((await world.carrier.report(up)).phase, 'up')
  await world.carrier.hangup(up)

  await office.disconnect()
  const more = siteFile
    .replace(/^(Address = .*)$/m, `$1, ${ends.peerAddress}/128`)
    .replace(/^(AllowedIPs = .*)$/m, `$1, ${ends.address}/128`)
    .replace(/^MTU/m, 'PostUp = sysctl -q -w net.ipv6.conf.all.forwarding=1\nMTU')
  await office.connect(more)
  await until('the tunnel', async () => (await scene.stateOf('acme')) === 'up', 30_000, 50)
  await using pbx6 = await SipPeer.start('acme-pbx6', OFFICE6.pbx, office.machines.pbx.enter, [TONES.caller])
  await pbx6.rules([{ user: '101', does: 'answer', tone: TONE, ringMs: 20 }])
  await platform.cli('subscriber', 'pbx', 'acme', `[${OFFICE6.pbx}]`)
  const right = await check()
  assert.deepEqual(
    right.steps.filter(({ ok }) => !ok),
    [],
  )
  const talk = async (peer: SipPeer) => {
    const count = (await peer.list()).length
    const id = await scene.call(0)
    assert.equal((await world.carrier.wait(id, 'up')).phase, 'up')
    const heard = async () => (await world.carrier.report(id)).media!.heard.map(({ what }) => what)
    await until('the caller hears the office', async () => (await heard()).includes(TONE), 10_000, 50)
    assert.equal((await peer.list()).length, count + 1)
    await world.carrier.hangup(id)
    await until('the end', async () => (await platform.calls()).length === 0, 8000, 50)
  }
  await talk(pbx6)

  // The switch proves itself by TLS at both of its addresses there, by the CA that the telephones have already.
  const { certificate } = await platform.cli<{ certificate: string }>('telephone', 'ca', 'acme')
  const ca = join(world.directory, 'telephone-ca.pem')
  writeFileSync(ca, certificate)
  for (const at of ['10.210.0.1', `[${ends.address}]`]) {
    const bare = at.replace(/[[\]]/g, '')
    const asked = ['openssl', 's_client', '-connect', `${at}:5061`, '-CAfile', ca, '-verify_ip', bare, '-verify_return_error']
    assert.match(await office.machines.pbx.run(asked), /Verify return code: 0 \(ok\)/, at)
  }

  await platform.cli('subscriber', 'pbx', 'acme', OFFICE.pbx)
  await networks(OFFICE.network)
  assert.equal(await show(), null)
  await talk(office.pbx)
  await networks(OFFICE.network, OFFICE6.network)
  await platform.cli('subscriber', 'pbx', 'acme', `[${OFFICE6.pbx}]`)
  await talk(pbx6)
})
