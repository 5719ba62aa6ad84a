import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import type { SubscriberConfig, UserConfig } from '#platform/words/index.ts'
import { now, until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { headersOf, type Message } from '../peer/sip/message.ts'
import { register } from '../peer/sip/register.ts'
import type { Rule } from '../peer/sip/rule.ts'
import { DID, World } from './harness.ts'

const CALLER = '+32470123456'
const OUTSIDE = '+32470999999'
const PASSWORD = 'circle of life'

/** A world whose calls go to 101; telephones 101 to 103 where they are named are registered, and do as they are told. */
async function open(users: UserConfig[], telephones: Record<string, Rule['does']>, more: Partial<SubscriberConfig> = {}) {
  const world = await World.open({ voice: true })
  const password = createSealer(world.sealingKey).seal(PASSWORD)
  const names = ['101', '102', '103']
  const own = { telephones: names.map((name) => ({ name, password })), defaultRoute: { user: '101' }, users, ...more }
  await world.change(own)
  const ends = new Map<string, FarEnd>()
  for (const [user, does] of Object.entries(telephones)) {
    const end = await FarEnd.open({
      address: `${world.net}.${70 + Number(user) - 96}`,
      port: 5060,
      name: user,
      watched: [400, 700],
    })
    world.defer(() => end.close())
    end.rules = [{ user, does, ringMs: 5, tone: 700 }]
    assert.equal((await register(end.socket, { to: world.siteSwitch, user, password: PASSWORD, expires: 60 })).status, 200)
    ends.set(user, end)
  }
  return { world, end: (user: string) => ends.get(user)! }
}

const place = (world: World, number = DID) => world.carrier.place({ to: world.node, from: CALLER, number, tone: 400 })
const up = (call: Call) => until('an answer', () => call.phase === 'up', 5000)
const over = (call: Call, ms = 5000) => until('its end', () => call.phase === 'ended', ms)
const told = (call: Call) => call.report().timeline.map(({ what }) => what)

/** The INVITEs that a far end gets from now on, by what they say of who sent them on. */
function diversionsTo(end: FarEnd): string[][] {
  const seen: string[][] = []
  const receive = end.socket.onRequest
  end.socket.onRequest = (message: Message, from) => {
    if (message.method === 'INVITE') seen.push(headersOf(message, 'diversion'))
    receive(message, from)
  }
  return seen
}

async function diverted(world: World) {
  return (await world.events()).filter(({ type }) => type === 'leg.diverted').map(({ data }) => data)
}

test('B13 busy, and sent on to a number outside: its caller hears 181, the carrier by whom and why, and who pays is said', async () => {
  const { world } = await open([{ name: '101', forward: { busy: { number: OUTSIDE } } }], { 101: 486 })
  await using _ = world
  world.carrier.rules = [{ user: OUTSIDE, does: 'answer', ringMs: 5, tone: 700 }]
  const seen = diversionsTo(world.carrier)
  const call = await place(world)
  await up(call)
  assert.ok(told(call).includes('< 181'), `${told(call)}`)
  assert.deepEqual(seen, [[`<sip:${DID}@${world.node.address}>;reason=user-busy;counter=1`]])
  call.hangup()
  await world.quiet()
  assert.deepEqual(await diverted(world), [{ from: { user: '101' }, to: { number: OUTSIDE }, why: 'busy' }])
  const billed = (await world.leases()).filter(({ answered }) => answered).map(({ kind }) => kind)
  assert.deepEqual(billed.sort(), ['trunk.in', 'trunk.out', 'voice.port', 'voice.port', 'voice.relay'])
})

test('always, not registered, no answer in time: each to where it is stored; a telephone is told by whom', async () => {
  const users: UserConfig[] = [
    { name: '101', forward: { unconditional: { user: '102' } } },
    { name: '102', forward: { unregistered: { user: '103' } } },
    { name: '103', forward: { noAnswer: { to: { pbx: '200' }, afterSeconds: 1 } } },
  ]
  const { world, end } = await open(users, { 101: 'answer', 103: 'ring' })
  await using _ = world
  world.pbx.rules = [{ user: '200', does: 'answer', ringMs: 5 }]
  const [rung, extension] = [diversionsTo(end('103')), diversionsTo(world.pbx)]
  const began = now()
  const call = await place(world)
  await up(call)
  assert.ok(now() - began >= 1000)
  assert.equal(end('101').calls.length, 0)
  const at = world.siteSwitch.address
  const first = [`<sip:102@${at}>;reason=unavailable;counter=1`, `<sip:101@${at}>;reason=unconditional;counter=1`]
  assert.deepEqual(rung, [first])
  assert.deepEqual(extension, [[`<sip:103@${at}>;reason=no-answer;counter=1`, ...first]])
  assert.equal(end('103').calls[0]!.report().final?.status, 487)
  call.hangup()
  await world.quiet()
  const ways = (await diverted(world)).map(({ why }) => why)
  assert.deepEqual(ways, ['unconditional', 'unregistered', 'noAnswer'])
})

test('S13 steps ring one after the other, those of a step at once; a name without a telephone is a group', async () => {
  const users: UserConfig[] = [
    {
      name: 'sales',
      ring: [
        { at: [{ user: '101' }, { user: '102' }], seconds: 1 },
        { at: [{ user: '103' }, { number: OUTSIDE }], seconds: 10 },
      ],
    },
  ]
  const { world, end } = await open(users, { 101: 'ring', 102: 486, 103: 'ring' }, { defaultRoute: { user: 'sales' } })
  await using _ = world
  world.carrier.rules = [{ user: OUTSIDE, does: 'answer', ringMs: 500 }]
  const call = await place(world)
  await until('the first step', () => end('101').calls.length + end('102').calls.length === 2, 3000)
  assert.equal(end('103').calls.length, 0)
  await up(call)
  await over(end('101').calls[0]!)
  await over(end('103').calls[0]!)
  assert.match(end('103').calls[0]!.report().ending?.reason ?? '', /Call completed elsewhere/)
  call.hangup()
  await world.quiet()
  // From a telephone of the site, by the group's name.
  end('102').rules = [{ user: '102', does: 'answer', ringMs: 5 }]
  const inside = await world.pbx.place({ to: world.siteSwitch, from: '200', number: 'sales' })
  await up(inside)
  inside.hangup()
  await world.quiet()
})

test('S47 forwards that go round end within moments, with nothing left; what is denied is not dialled', async () => {
  const round: UserConfig[] = [
    { name: '101', forward: { unconditional: { user: '102' } } },
    { name: '102', ring: [{ at: [{ user: '103' }], seconds: 5 }] },
    { name: '103', forward: { busy: { user: '101' } } },
  ]
  const { world } = await open(round, { 103: 486 })
  await using _ = world
  const call = await place(world)
  await over(call, 2000)
  assert.equal(call.report().final?.status, 482)
  await world.quiet()
  // A number that the network sends back to the one that sent it there.
  world.carrier.rules = [{ user: OUTSIDE, does: 'answer', ringMs: 5 }]
  await world.change({ users: [{ name: '101', forward: { unregistered: { number: OUTSIDE } } }] })
  const back: [string, string] = [
    'Diversion',
    `<sip:${OUTSIDE}@carrier>;reason=unconditional, <sip:${DID}@us>;reason=unavailable`,
  ]
  const again = await world.carrier.place({ to: world.node, from: CALLER, number: DID, headers: [back] })
  await over(again, 2000)
  assert.equal(again.report().final?.status, 482)
  await world.change({ forwardOutside: 'denied' })
  const denied = await place(world)
  await over(denied, 2000)
  assert.equal(denied.report().final?.status, 480)
  await world.change({ forwardOutside: 'allowed', users: [{ name: '101', forward: { unregistered: { number: '112' } } }] })
  const emergency = await place(world)
  await over(emergency, 2000)
  assert.equal(emergency.report().final?.status, 480)
  await world.quiet()
  assert.ok(!(await world.events()).some(({ type, data }) => type === 'leg.originated' && data.via === 'trunk'))
})

test('registered, and not to be reached: who does not answer at all is sent on as one that is not registered; who is busy, or refuses, is not', async () => {
  const forward = { unregistered: { number: OUTSIDE } }
  const { world, end } = await open([{ name: '101', forward }], { 101: 'silent' })
  await using _ = world
  world.carrier.rules = [{ user: OUTSIDE, does: 'answer', ringMs: 5 }]
  const call = await place(world)
  await up(call)
  assert.equal(end('101').calls.length, 1, 'it was asked')
  call.hangup()
  await world.quiet()
  assert.deepEqual(await diverted(world), [{ from: { user: '101' }, to: { number: OUTSIDE }, why: 'unregistered' }])
  for (const [status, told] of [
    [486, 486],
    [603, 603],
  ] as const) {
    end('101').rules = [{ user: '101', does: status }]
    const refused = await place(world)
    await over(refused)
    assert.equal(refused.report().final?.status, told)
    await world.quiet()
  }
  assert.equal((await diverted(world)).length, 1)
})
