import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { type Id, systemClock } from '#lib/index.ts'
import { createSealer, issueSiteTls, sealSiteTls } from '#platform/subscriber/index.ts'
import { createTestCa } from '../call/agent-ca.ts'
import { DID, World } from '../call/harness.ts'
import { Baresip } from '../peer/baresip.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'

const heard = (call: Call, what: number) => (call.report().media?.heard ?? []).filter((h) => h.what === what).length
const types = async (world: World) => (await world.events()).map(({ type }) => type)

/** Ports of the loopback below the ephemeral range: SIP, SIP over TLS above it, commands. */
function ports(): { port: number; controlPort: number } {
  const port = 15_200 + randomInt(200) * 4
  return { port, controlPort: port + 2 }
}

test('baresip as a caller over TLS, with certificates on both sides: it calls, holds, retrieves, hangs up', async () => {
  const carriers = await createTestCa()
  const own = await carriers.switch()
  await using world = await World.open({ voice: true, sipTls: own })
  // Its connections leave from the first address of the loopback, whatever it listens at.
  const address = '127.0.0.1'
  const shown = await carriers.agent(world.acme)
  const key = createSealer(world.sealingKey).seal(shown.key)
  const tls = { ca: carriers.certificate, certificate: shown.certificate, key, serverName: 'switch.tieline' }
  const { port, controlPort } = ports()
  const trunks = world.snapshot.trunks.map((trunk) =>
    trunk.name === 'main' ? { ...trunk, tls, gateways: [{ address, port: port + 1, transport: 'tls' as const }] } : trunk,
  )
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 20, tone: 700 }]
  await using baresip = await Baresip.start({
    ...{ address, port, controlPort, user: '+32470123456', tone: 400 },
    tls: { ...(await carriers.agent(world.acme)), ca: carriers.certificate },
  })
  baresip.command('dial', `sip:${DID}@${world.node.address}:${world.node.port + 1};transport=tls`)
  await until('an answer', () => baresip.events.includes('CALL_ESTABLISHED'), 6000)
  const far = world.second.calls[0]!
  await until('its tone', () => heard(far, 400) >= 3, 5000)
  baresip.command('hold')
  await until('the hold', async () => (await types(world)).includes('leg.held'), 4000)
  baresip.command('resume')
  await until('the retrieval', async () => (await types(world)).includes('leg.retrieved'), 4000)
  const before = heard(far, 400)
  await until('its tone again', () => heard(far, 400) >= before + 3, 5000)
  baresip.command('hangup')
  await until('the end', () => far.phase === 'ended', 4000)
  await until('its record of ours', () => baresip.heard([400, 700]).filter((h) => h === 700).length >= 1, 4000)
  await world.quiet()
  const trace = await world.link.call('call.trace', { call: (await world.events())[0]!.call! })
  const invite = trace!.entries.flatMap((entry) => (entry.kind === 'sip' ? [entry.message] : []))[0]!
  assert.match(invite, /^INVITE[\s\S]*Via: SIP\/2\.0\/TLS/)
})

test('S26 S28 baresip as a telephone of the site calls out, is called, and transfers its caller blindly', async () => {
  await using world = await World.open({ voice: true })
  const password = createSealer(world.sealingKey).seal('circle-of-life')
  const { channel } = world.snapshot.subscribers[0]!
  const siteNetworks = [...channel.siteNetworks, '127.0.0.1/32']
  await world.change({
    telephones: [{ name: '101', password }],
    defaultRoute: { user: '101' },
    channel: { ...channel, siteNetworks },
  })
  await using baresip = await Baresip.start({
    ...{ address: '127.0.0.1', ...ports(), user: '101', tone: 700 },
    register: { at: `${world.siteSwitch.address}:5060`, password: 'circle-of-life' },
  })
  const contacts = () => world.link.call('telephone.list', { subscriber: world.acme })
  await until('its registration', async () => ((await contacts())[0]?.contacts.length ?? 0) === 1, 5000)
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 20, tone: 425 }]
  baresip.command('dial', `sip:+32470888888@${world.siteSwitch.address}:5060`)
  await until('an answer', () => world.carrier.calls[0]?.phase === 'up', 5000)
  baresip.command('hangup')
  await until('its end', () => world.carrier.calls[0]!.phase === 'ended', 4000)

  const call = await world.second.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 5000)
  await until('its tone', () => heard(call, 700) >= 2, 5000)
  baresip.command('transfer', `sip:+32470999999@${world.siteSwitch.address}`)
  await until('the target', () => world.carrier.calls[1]?.phase === 'up', 5000)
  const target = world.carrier.calls[1]!
  await until('the two to hear each other', () => heard(call, 425) >= 2 && heard(target, 400) >= 2, 5000)
  await until('the telephone to be let go', () => baresip.events.filter((type) => type === 'CALL_CLOSED').length === 2, 5000)
  call.hangup()
  await until('its end', () => target.phase === 'ended', 4000)
  await world.quiet()
  assert.ok((await types(world)).includes('leg.transferred'))
})

/** The dialog of a call as a Replaces names it to us (RFC 3891 §6.1): what whoever transfers knows of its own second call. */
async function replacesOf(world: World, call: Id<'call'>): Promise<string> {
  const { entries } = (await world.link.call('call.trace', { call }))!
  const answer = entries.flatMap((entry) =>
    entry.kind === 'sip' && entry.direction === 'out' && /^SIP\/2\.0 200 [\s\S]*CSeq: \d+ INVITE/.test(entry.message)
      ? [entry.message]
      : [],
  )[0]!
  const [callId, ours, own] = [/^Call-ID: (.*)$/m, /^To:.*;tag=(.*)$/m, /^From:.*;tag=(.*)$/m].map((header) =>
    header.exec(answer)![1]!.trim(),
  )
  return `${callId};to-tag=${ours};from-tag=${own}`
}

test('S26 S28 baresip as a telephone of the site holds its caller, calls another, and transfers the one to the other', async () => {
  await using world = await World.open({ voice: true })
  const password = createSealer(world.sealingKey).seal('circle-of-life')
  const { channel } = world.snapshot.subscribers[0]!
  await world.change({
    telephones: [{ name: '101', password }],
    defaultRoute: { user: '101' },
    channel: { ...channel, siteNetworks: [...channel.siteNetworks, '127.0.0.1/32'] },
  })
  await using baresip = await Baresip.start({
    ...{ address: '127.0.0.1', ...ports(), user: '101', tone: 700 },
    register: { at: `${world.siteSwitch.address}:5060`, password: 'circle-of-life' },
  })
  const contacts = () => world.link.call('telephone.list', { subscriber: world.acme })
  await until('its registration', async () => ((await contacts())[0]?.contacts.length ?? 0) === 1, 5000)
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 20, tone: 425 }]
  const call = await world.second.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 5000)
  baresip.command('hold')
  await until('the hold', async () => (await types(world)).includes('leg.held'), 4000)
  baresip.command('dial', `sip:+32470888888@${world.siteSwitch.address}:5060`)
  await until('the other to answer', () => world.carrier.calls[0]?.phase === 'up', 5000)
  const other = world.carrier.calls[0]!
  await until('its tone', () => heard(other, 700) >= 2, 5000)
  const second = (await world.link.call('call.list', {})).find(({ to }) => to.number === '+32470888888')!
  // Its menu has no attended transfer: it is told what to replace, and sends the REFER in its first call.
  const replaces = encodeURIComponent(await replacesOf(world, second.id))
  baresip.command('line', '1')
  baresip.command('transfer', `<sip:+32470888888@${world.siteSwitch.address}?Replaces=${replaces}>`)
  await until('the two to hear each other', () => heard(call, 425) >= 2 && heard(other, 400) >= 2, 6000)
  await until('the telephone to be let go', () => baresip.events.filter((type) => type === 'CALL_CLOSED').length === 2, 5000)
  call.hangup()
  await until('its end', () => other.phase === 'ended', 4000)
  await world.quiet()
  const transferred = (await world.events()).filter(({ type }) => type === 'leg.transferred')
  assert.ok(
    transferred.some(({ call: id }) => id === second.id),
    JSON.stringify(transferred),
  )
})

test('S42 baresip as a telephone of the site by TLS, where that is required: registers, is called by its connection, calls out', async () => {
  await using world = await World.open({ voice: true })
  const sealer = createSealer(world.sealingKey)
  const { address } = world.siteSwitch
  const issued = await issueSiteTls(systemClock, { name: 'acme', addresses: [address] })
  const { ca, certificate, key } = sealSiteTls(sealer, issued)
  const [acme] = world.snapshot.subscribers
  const { channel, site } = acme!
  await world.change({
    telephones: [{ name: '101', password: sealer.seal('circle-of-life') }],
    defaultRoute: { user: '101' },
    channel: { ...channel, siteNetworks: [...channel.siteNetworks, '127.0.0.1/32'] },
    site: { ...site, tls: { ca, certificate, key, telephones: 'required' } },
  })
  const contacts = async () => (await world.link.call('telephone.list', { subscriber: world.acme }))[0]?.contacts ?? []
  const own = await (await createTestCa()).agent('telephone')
  const options = {
    address: '127.0.0.1',
    user: '101',
    tone: 700,
    register: { at: `${address}:5061`, password: 'circle-of-life' },
  }
  await using baresip = await Baresip.start({ ...options, ...ports(), tls: { ...own, ca } })
  await until('its registration', async () => (await contacts()).length === 1, 8000)
  const call = await world.second.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 5000)
  await until('its tone', () => heard(call, 700) >= 2, 5000)
  call.hangup()
  await world.quiet()
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 20, tone: 425 }]
  baresip.command('dial', `sip:+32470888888@${address}:5061;transport=tls`)
  await until('an answer', () => world.carrier.calls[0]?.phase === 'up', 5000)
  world.carrier.calls[0]!.hangup()
  await until('the telephone to be let go', () => baresip.events.filter((type) => type === 'CALL_CLOSED').length === 2, 5000)
  await world.quiet()
  const trace = await world.link.call('call.trace', { call: (await world.events())[0]!.call! })
  const sent = trace!.entries.flatMap((entry) => (entry.kind === 'sip' ? [entry.message] : []))
  assert.ok(sent.some((message) => /^INVITE[\s\S]*Via: SIP\/2\.0\/TLS/.test(message)))
  const [{ source } = { source: '' }] = await contacts()
  await baresip[Symbol.asyncDispose]()
  await until('it to be nowhere', async () => !(await contacts()).some((contact) => contact.source === source), 5000)
})
