import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Baresip, type BaresipOptions } from '../peer/baresip.ts'
import { SipPeer, until } from '../peer/index.ts'
import { giveIpv6, OFFICE6 } from '../world/office-ipv6.ts'
import { createTestCa } from './agent-ca.ts'
import { CALLER, OfficeWorld, TONES } from './office-world.ts'

const PORT = 5070
const [TONE] = TONES.offices

interface Shown {
  channel: { ipv6: { address: string } }
}
interface Telephones {
  items: { name: string; contacts: { source: string }[] }[]
}

/** One office that has nothing but IPv6 on its LAN, with Debian's baresip in it. */
async function scene() {
  const office = await OfficeWorld.open({
    offices: ['acme'],
    before: (each) => giveIpv6(each, { only: true }),
    install: ['--site-network', OFFICE6.network, '--pbx', `tcp:[${OFFICE6.pbx}]:${PORT}`, '--telephone', 'desk'],
  })
  const { world, platform } = office
  const { channel } = await platform.api<Shown>('GET', '/v1/subscribers/acme')
  const start = (options: Partial<BaresipOptions>) =>
    Baresip.start({
      ...{ address: OFFICE6.pbx, port: PORT, user: '101', tone: TONE, enter: world.office('acme').machines.pbx.enter },
      ...options,
    })
  return { ...{ office, world, platform, start, here: channel.ipv6.address } }
}
type Scene = Awaited<ReturnType<typeof scene>>

/** A call from outside in which both hear each other, and what was said of it in the channel first. */
async function talk({ office, world, platform }: Scene, telephone: Baresip): Promise<string> {
  const id = await office.call(0)
  assert.equal((await world.carrier.wait(id, 'up')).phase, 'up')
  const heard = async () => (await world.carrier.report(id)).media!.heard.filter(({ what }) => what === TONE).length
  // A second of it, so that what the other one writes down has some of the caller's, too.
  await until('the caller hears the office', async () => (await heard()) >= 10, 10_000, 50)
  const [invite] = await office.inside('acme')
  await world.carrier.hangup(id)
  await until('the end', async () => (await platform.calls()).length === 0, 8000, 50)
  await until('the office has heard the caller', () => telephone.heard([TONES.caller]).includes(TONES.caller), 5000, 50)
  return invite!
}

test('S43 in an office of IPv6 alone a PBX is called by TCP and by TLS, a telephone registers by UDP and by TLS and is called, and a PBX calls out', {
  timeout: 240_000,
}, async (t) => {
  const its = await scene()
  await using _ = its.office
  const { world, platform, start, here } = its
  const ca = await createTestCa()
  const own = await ca.server(OFFICE6.pbx)

  await t.test('a PBX by TCP', async () => {
    await using pbx = await start({ tcp: true })
    const invite = await talk(its, pbx)
    assert.match(invite, /^INVITE sip:101@\[fd12:3456::10\]:5070;transport=tcp /)
    assert.match(invite, /\r\nVia: SIP\/2\.0\/TCP \[fd6c:8a27:4e10::1\]:5060;/)
    assert.match(invite, /\r\nc=IN IP6 fd6c:8a27:4e10::1\r\n/)
  })

  await t.test('a PBX by TLS, that proves its address', async () => {
    await using pbx = await start({ tls: { ...own, ca: ca.certificate } })
    const file = join(world.directory, 'pbx-ca.pem')
    writeFileSync(file, ca.certificate)
    await platform.cli('subscriber', 'pbx', 'acme', `tls:[${OFFICE6.pbx}]:${PORT + 1}`, '--tls-ca', file)
    assert.match(await talk(its, pbx), /\r\nVia: SIP\/2\.0\/TLS \[fd6c:8a27:4e10::1\]:5061;/)
  })

  const { certificate } = await platform.cli<{ certificate: string }>('telephone', 'ca', 'acme')
  const { password } = its.office.installed.get('acme')!.telephones[0]!
  await platform.cli('subscriber', 'route', 'acme', 'user:desk')
  for (const [how, port, tls] of [
    ['UDP', 5060, undefined],
    ['TLS', 5061, { ...own, ca: certificate }],
  ] as const) {
    await t.test(`a telephone that registers by ${how}`, async () => {
      await using desk = await start({ user: 'desk', register: { at: `[${here}]:${port}`, password }, ...(tls ? { tls } : {}) })
      const contacts = async () =>
        (await platform.api<Telephones>('GET', '/v1/subscribers/acme/telephones')).items.flatMap((each) => each.contacts)
      await until('the telephone to be registered', async () => (await contacts()).length === 1, 15_000, 50)
      assert.match((await contacts())[0]!.source, /^\[fd12:3456::10\]:\d+$/)
      assert.match(await talk(its, desk), new RegExp(`\\r\\nVia: SIP/2\\.0/${how} \\[fd6c:8a27:4e10::1\\]:`))
    })
    await until(
      'it has taken its registration back',
      async () => {
        const { items } = await platform.api<Telephones>('GET', '/v1/subscribers/acme/telephones')
        return items.every(({ contacts }) => contacts.length === 0)
      },
      15_000,
      50,
    )
  }

  await t.test('a PBX that calls out to a carrier of IPv4', async () => {
    await using pbx = await SipPeer.start('acme-pbx6', OFFICE6.pbx, world.office('acme').machines.pbx.enter, [TONES.caller])
    await world.carrier.rules([{ user: CALLER, does: 'answer', tone: TONES.caller, ringMs: 20 }])
    const id = await pbx.place({ to: { address: here, port: 5060 }, from: '101', number: CALLER, tone: TONE })
    assert.equal((await pbx.wait(id, 'up')).phase, 'up')
    const heard = async (peer: SipPeer, call: string) => (await peer.report(call)).media!.heard.map(({ what }) => what)
    await until('the office hears the callee', async () => (await heard(pbx, id)).includes(TONES.caller), 10_000, 50)
    const called = (await world.carrier.list()).at(-1)!
    await until('and it the office', async () => (await heard(world.carrier, called.call)).includes(TONE), 10_000, 50)
    await pbx.hangup(id)
    await until('the end', async () => (await platform.calls()).length === 0, 8000, 50)
  })
})
