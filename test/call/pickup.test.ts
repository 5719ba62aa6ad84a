import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { headerOf, type Message, tagOf } from '../peer/sip/message.ts'
import { register } from '../peer/sip/register.ts'
import { DID, World } from './harness.ts'

const CALLER = '+32470123456'
const PASSWORD = 'circle of life'

/** A telephone 101 that rings for ever, and the PBX, which picks up. */
async function open() {
  const world = await World.open({ voice: true })
  const telephones = [{ name: '101', password: createSealer(world.sealingKey).seal(PASSWORD) }]
  await world.change({ telephones, defaultRoute: { user: '101' } })
  const desk = await FarEnd.open({ address: `${world.net}.75`, port: 5060, name: 'desk', watched: [400, 700] })
  world.defer(() => desk.close())
  desk.rules = [{ user: '101', does: 'ring' }]
  assert.equal((await register(desk.socket, { to: world.siteSwitch, user: '101', password: PASSWORD, expires: 60 })).status, 200)
  const invites: Message[] = []
  const receive = desk.socket.onRequest
  desk.socket.onRequest = (message, from) => {
    if (message.method === 'INVITE') invites.push(message)
    receive(message, from)
  }
  return { world, desk, invites }
}

/** The Replaces by which whoever knows of the ringing dialog asks for it. */
function replaces(invite: Message, rung: Call, more = ''): [string, string] {
  const ours = tagOf(headerOf(invite, 'from'))
  return ['Replaces', `${headerOf(invite, 'call-id')};to-tag=${ours};from-tag=${rung.localTag}${more}`]
}

const heard = (call: Call, hertz: number) => (call.report().media?.heard ?? []).some((h) => h.what === hertz)

for (const more of ['', ';early-only'])
  test(`RFC 3891 §3 a call that rings at one telephone is picked up by another${more}`, async () => {
    const { world, desk, invites } = await open()
    await using _ = world
    const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
    await until('its ringing', () => call.report().timeline.some(({ what }) => what === '< 180'), 3000)
    const header = replaces(invites[0]!, desk.calls[0]!, more)
    const picker = await world.pbx.place({
      ...{ to: world.siteSwitch, from: '200', number: '101', tone: 700 },
      headers: [header],
    })
    await until('both to be up', () => call.phase === 'up' && picker.phase === 'up', 4000)
    await until('the other to be silent', () => desk.calls[0]!.phase === 'ended', 3000)
    assert.match(desk.calls[0]!.report().ending?.reason ?? '', /Call completed elsewhere/)
    await until('both directions', () => heard(call, 700) && heard(picker, 400), 5000)
    picker.hangup()
    await until('its end', () => call.phase === 'ended', 3000)
    await world.quiet()
    const billed = (await world.leases()).filter(({ answered }) => answered).map(({ kind }) => kind)
    assert.deepEqual(billed.sort(), ['channel.leg', 'trunk.in', 'voice.port', 'voice.port', 'voice.relay'])
  })

test('S29 S18 a pickup from elsewhere, of nothing, or too late gets 481; whoever picks up and is gone lets the caller go', async () => {
  const { world, desk, invites } = await open()
  await using _ = world
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('its ringing', () => desk.calls[0] !== undefined && invites.length === 1, 3000)
  const header = replaces(invites[0]!, desk.calls[0]!)
  const refused = async (end: FarEnd, to: { address: string; port: number }, wrong: [string, string]) => {
    const asked = await end.place({ to, from: '200', number: DID, headers: [wrong] })
    await until('a refusal', () => asked.phase === 'ended', 3000)
    assert.equal(asked.report().final?.status, 481)
  }
  await refused(world.second, world.node, header)
  await refused(world.pbx, world.siteSwitch, ['Replaces', header[1].replace(/from-tag=.*/, 'from-tag=nobody')])
  call.cancel()
  await until('its end', () => call.phase === 'ended', 3000)
  await refused(world.pbx, world.siteSwitch, header)
  await world.quiet()
  const again = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('its ringing', () => invites.length === 2 && desk.calls[1] !== undefined, 3000)
  await until('its ringing', () => again.report().timeline.some(({ what }) => what === '< 180'), 3000)
  const headers = [replaces(invites[1]!, desk.calls[1]!)]
  const brief = await world.pbx.place({ to: world.siteSwitch, from: '200', number: '101', headers, hangUpAfterMs: 0 })
  await until('its end', () => brief.phase === 'ended', 4000)
  await until('the caller to be let go', () => again.phase === 'ended', 4000)
  await world.quiet()
})
