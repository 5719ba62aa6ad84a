import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { systemClock } from '#lib/index.ts'
import { createSealer, issueSiteTls, sealSiteTls } from '#platform/subscriber/index.ts'
import type { SubscriberConfig } from '#platform/words/index.ts'
import { DID, World } from '../call/harness.ts'
import { until } from '../peer/clock.ts'
import { Linphone, type LinphoneOptions } from '../peer/linphone.ts'
import type { Call } from '../peer/sip/call.ts'

const PASSWORD = 'circle-of-life'
const heard = (call: Call, what: number) => (call.report().media?.heard ?? []).filter((h) => h.what === what).length
const recorded = (linphone: Linphone, what: number) => linphone.heard([400, 425, 700]).filter((h) => h === what).length
const types = async (world: World) => (await world.events()).map(({ type }) => type)

/** A world whose telephone 101 is Linphone: registered, and called for the number. */
async function openWith(site: Partial<SubscriberConfig['site']> = {}, more: Partial<LinphoneOptions> = {}) {
  const world = await World.open({ voice: true })
  const password = createSealer(world.sealingKey).seal(PASSWORD)
  const [acme] = world.snapshot.subscribers
  await world.change({
    telephones: [{ name: '101', password }],
    defaultRoute: { user: '101' },
    channel: { ...acme!.channel, siteNetworks: [...acme!.channel.siteNetworks, '127.0.0.1/32'] },
    site: { ...acme!.site, ...site },
  })
  // Below the ephemeral ports; its RTP has a range of its own.
  const port = 15_000 + randomInt(100) * 2
  const linphone = await Linphone.start({
    ...{ address: '127.0.0.1', port, user: '101', tone: 700 },
    ...{ register: { at: `${world.siteSwitch.address}:5060`, password: PASSWORD }, ...more },
  })
  world.defer(() => linphone[Symbol.asyncDispose]())
  const contacts = async () => (await world.link.call('telephone.list', { subscriber: world.acme }))[0]?.contacts ?? []
  await until('its registration', async () => (await contacts()).length === 1, 8000)
  return { world, linphone }
}

/** All that Linphone was sent and has sent. */
async function traced(world: World): Promise<string[]> {
  const calls = new Set((await world.events()).flatMap(({ call }) => call ?? []))
  const traces = await Promise.all([...calls].map((call) => world.link.call('call.trace', { call })))
  return traces.flatMap((trace) => trace!.entries.flatMap((entry) => (entry.kind === 'sip' ? [entry.message] : [])))
}

test('Linphone as a telephone of the site registers with SHA-256, calls out with a session timer, holds, retrieves, sends keys, hangs up', async () => {
  const { world, linphone } = await openWith({ digest: 'SHA-256' }, { sessionSeconds: 120 })
  await using _ = world
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 20, tone: 400 }]
  linphone.command(`call sip:+32470888888@${world.siteSwitch.address}`)
  await until('an answer', () => world.carrier.calls[0]?.phase === 'up', 6000)
  const far = world.carrier.calls[0]!
  await until('its tone', () => heard(far, 700) >= 3, 5000)
  linphone.command('pause')
  await until('the hold', async () => (await types(world)).includes('leg.held'), 4000)
  linphone.command('resume 1')
  await until('the retrieval', async () => (await types(world)).includes('leg.retrieved'), 4000)
  const before = heard(far, 700)
  await until('its tone again', () => heard(far, 700) >= before + 3, 5000)
  for (const key of '5#') linphone.command(key)
  await until('its keys', () => far.report().media?.digits === '5#', 4000)
  linphone.command('terminate')
  await until('the end', () => far.phase === 'ended', 4000)
  await world.quiet()
  await until('its record of ours', () => recorded(linphone, 400) >= 5, 4000)
  const messages = await traced(world)
  assert.ok(messages.some((message) => /^INVITE [\s\S]*^Session-Expires: 120[\s\S]*^User-Agent: Linphone/m.test(message)))
  assert.ok(messages.some((message) => /^SIP\/2\.0 200 [\s\S]*^Session-Expires: 120;refresher=uac/m.test(message)))
})

test('S26 S28 Linphone that speaks Opus alone is called, and transfers its caller blindly; all hear each other', async () => {
  const { world, linphone } = await openWith({}, { codecs: ['opus/48000'] })
  await using _ = world
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 20, tone: 425 }]
  const call = await world.second.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 5000)
  await until('its tone', () => heard(call, 700) >= 10, 8000)
  linphone.command(`transfer 1 sip:+32470999999@${world.siteSwitch.address}`)
  await until('the target', () => world.carrier.calls[0]?.phase === 'up', 5000)
  const target = world.carrier.calls[0]!
  await until('the two to hear each other', () => heard(call, 425) >= 2 && heard(target, 400) >= 2, 5000)
  await until('the telephone to be let go', () => /Call 1 .* ended/.test(linphone.said), 5000)
  await until('its record of the caller', () => recorded(linphone, 400) >= 5, 4000)
  call.hangup()
  await until('its end', () => target.phase === 'ended', 4000)
  await world.quiet()
  assert.ok((await types(world)).includes('leg.transferred'))
  assert.ok((await world.leases()).some(({ kind, answered }) => kind === 'voice.transcode' && answered))
})

test('S26 S28 Linphone that speaks G.722 alone holds its caller, calls another, and transfers the one to the other by a REFER with Replaces of its own; all hear each other', async () => {
  const { world, linphone } = await openWith({}, { codecs: ['G722/8000'] })
  await using _ = world
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 20, tone: 425 }]
  const call = await world.second.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 5000)
  linphone.command('pause')
  await until('the hold', async () => (await types(world)).includes('leg.held'), 4000)
  linphone.command(`call sip:+32470888888@${world.siteSwitch.address}`)
  await until('the other to answer', () => world.carrier.calls[0]?.phase === 'up', 5000)
  const other = world.carrier.calls[0]!
  await until('its tone', () => heard(other, 700) >= 10, 8000)
  linphone.command('transfer 1 --to-call 2')
  await until('the two to hear each other', () => heard(call, 425) >= 2 && heard(other, 400) >= 2, 6000)
  await until('the telephone to be let go', () => (linphone.said.match(/Call \d .* ended/g) ?? []).length === 2, 5000)
  await until('its record of the other', () => recorded(linphone, 425) >= 5, 4000)
  call.hangup()
  await until('its end', () => other.phase === 'ended', 4000)
  await world.quiet()
  assert.ok((await types(world)).includes('leg.transferred'))
  assert.ok((await world.leases()).some(({ kind, answered }) => kind === 'voice.transcode' && answered))
  assert.ok((await traced(world)).some((message) => /^REFER [\s\S]*^Refer-To: .*Replaces=/m.test(message)))
})

test('S42 Linphone by TLS with SRTP, where both are required: it checks our certificate, is called by its connection, calls out', async () => {
  const world = await World.open({ voice: true })
  await using _ = world
  const { address } = world.siteSwitch
  const sealer = createSealer(world.sealingKey)
  const [issued, strange] = await Promise.all(
    ['acme', 'globex'].map((name) => issueSiteTls(systemClock, { name, addresses: [address] })),
  )
  const { ca, certificate, key } = sealSiteTls(sealer, issued!)
  const [acme] = world.snapshot.subscribers
  await world.change({
    telephones: [{ name: '101', password: sealer.seal(PASSWORD) }],
    defaultRoute: { user: '101' },
    channel: { ...acme!.channel, siteNetworks: [...acme!.channel.siteNetworks, '127.0.0.1/32'] },
    site: { ...acme!.site, srtp: 'required', tls: { ca, certificate, key, telephones: 'required' } },
  })
  const contacts = async () => (await world.link.call('telephone.list', { subscriber: world.acme }))[0]?.contacts ?? []
  const start = (authority: string) =>
    Linphone.start({
      ...{ address: '127.0.0.1', port: 15_000 + randomInt(100) * 2, user: '101', tone: 700, srtp: true },
      register: { at: `${address}:5061`, password: PASSWORD, transport: 'tls', ca: authority },
    })
  {
    await using wrong = await start(strange!.authority.certificate)
    await until('its refusal', () => /certificate.*(?:fail|not.*trusted|bad)/i.test(wrong.log), 6000)
    assert.equal((await contacts()).length, 0)
  }
  await using linphone = await start(ca)
  await until('its registration', async () => (await contacts()).length === 1, 8000)
  const call = await world.second.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
  await until('an answer', () => call.phase === 'up', 5000)
  await until('its tone', () => heard(call, 700) >= 10, 5000)
  call.hangup()
  await world.quiet()
  await until('its record of ours', () => recorded(linphone, 400) >= 3, 4000)
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 20, tone: 425 }]
  linphone.command(`call sip:+32470888888@${address};transport=tls`)
  await until('an answer', () => world.carrier.calls[0]?.phase === 'up', 6000)
  await until('its tone', () => heard(world.carrier.calls[0]!, 700) >= 3, 5000)
  world.carrier.calls[0]!.hangup()
  await world.quiet()
  const messages = await traced(world)
  assert.ok(messages.some((message) => /^INVITE [\s\S]*SIP\/2\.0\/TLS[\s\S]*RTP\/SAVP /.test(message)))
})
