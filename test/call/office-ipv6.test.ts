import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SipPeer, until } from '../peer/index.ts'
import type { Office } from '../world/index.ts'
import { giveIpv6, OFFICE6 } from '../world/office-ipv6.ts'
import { OfficeWorld, TONES } from './office-world.ts'

const NETWORK = ['--site-network', OFFICE6.network]

/** The office's PBX at its IPv6 address: 101 answers with the office's tone. */
async function pbx6(office: Office): Promise<SipPeer> {
  const { name, tone } = office.plan
  const peer = await SipPeer.start(`${name}-pbx6`, OFFICE6.pbx, office.machines.pbx.enter, [TONES.caller, ...TONES.offices])
  await peer.rules([{ user: '101', does: 'answer', tone, ringMs: 50 }])
  return peer
}

/** What has been heard of a call so far. */
async function heardBy(peer: SipPeer, call: string): Promise<unknown[]> {
  return (await peer.report(call)).media?.heard.map(({ what }) => what) ?? []
}

test('two offices with the same IPv6 network: the PBX of each rings at its IPv6 address behind its tunnel, and both sides hear each other', {
  timeout: 180_000,
}, async () => {
  await using scene = await OfficeWorld.open({
    offices: ['acme', 'globex'],
    before: (office) => giveIpv6(office, { only: true }),
    install: [...NETWORK, '--pbx', `[${OFFICE6.pbx}]`],
  })
  const { world, platform } = scene
  await using stack = new AsyncDisposableStack()
  const peers: SipPeer[] = []
  for (const office of world.offices) peers.push(stack.use(await pbx6(office)))
  const calls = await Promise.all([scene.call(0), scene.call(1)])
  for (const [i, id] of calls.entries()) {
    assert.equal((await world.carrier.wait(id, 'up')).phase, 'up')
    await until(
      'the caller hears the office',
      async () => (await heardBy(world.carrier, id)).includes(TONES.offices[i]!),
      10_000,
      50,
    )
    assert.ok(!(await heardBy(world.carrier, id)).includes(TONES.offices[1 - i]!), 'and not the other one')
    const [its] = await peers[i]!.list()
    await until(
      'the office hears the caller',
      async () => (await heardBy(peers[i]!, its!.call)).includes(TONES.caller),
      10_000,
      50,
    )
    assert.equal((await peers[i]!.report(its!.call)).media!.strangers, 0, 'from where the description says')
    const inside = await scene.inside(world.offices[i]!.plan.name)
    const invite = inside[0]!
    assert.match(invite, /^INVITE sip:101@\[fd12:3456::10\]:5060/)
    assert.match(invite, /\r\nVia: SIP\/2\.0\/UDP \[fd6c:8a27:4e10::1\]:5060;/)
    assert.match(invite, /\r\nContact: <sip:\[fd6c:8a27:4e10::1\]:5060>/)
    assert.match(invite, /\r\nc=IN IP6 fd6c:8a27:4e10::1\r\n/)
    assert.doesNotMatch(inside.join(''), /10\.210\./, 'IPv4 is told to nobody there')
  }
  for (const id of calls) await world.carrier.hangup(id)
  await until('the end', async () => (await platform.calls()).length === 0, 8000, 50)
})

test('a voice process is killed under a call with an office that has nothing but IPv6: both hear each other again, and the office is told of a port at the same address', {
  timeout: 120_000,
}, async () => {
  await using scene = await OfficeWorld.open({
    offices: ['acme'],
    before: (office) => giveIpv6(office, { only: true }),
    install: [...NETWORK, '--pbx', `[${OFFICE6.pbx}]`],
  })
  const { world, platform } = scene
  await using pbx = await pbx6(world.office('acme'))
  const id = await scene.call(0)
  assert.equal((await world.carrier.wait(id, 'up')).phase, 'up')
  const [its] = await pbx.list()
  const ends: [SipPeer, string, number][] = [
    [world.carrier, id, TONES.offices[0]],
    [pbx, its!.call, TONES.caller],
  ]
  const counts = () =>
    Promise.all(ends.map(async ([peer, call, hz]) => (await heardBy(peer, call)).filter((what) => what === hz).length))
  await until('both hear each other', async () => (await counts()).every((count) => count > 0), 10_000, 50)
  const told = async () =>
    (await scene.inside('acme')).flatMap((message) => /^INVITE .*\r\nc=(.*?)\r\n.*m=audio (\d+) /s.exec(message)?.slice(1) ?? [])
  for (const { name, pid } of await platform.processes()) if (/^voice/.test(name)) process.kill(pid!, 'SIGKILL')
  await until('the office to be told', async () => (await told()).length === 4, 15_000, 50)
  const [at, port, movedTo, anotherPort] = await told()
  assert.equal(at, 'IN IP6 fd6c:8a27:4e10::1')
  assert.equal(movedTo, at)
  assert.notEqual(anotherPort, port)
  const before = await counts()
  await until('both hear each other again', async () => (await counts()).every((count, i) => count > before[i]! + 2), 10_000, 50)
  await world.carrier.hangup(id)
  await until('the end', async () => (await platform.calls()).length === 0, 8000, 50)
})
