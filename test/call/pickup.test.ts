import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Id, newId } from '#lib/index.ts'
import { createSealer } from '#platform/subscriber/index.ts'
import { sleep, until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { headerOf, type Message, tagOf } from '../peer/sip/message.ts'
import { register } from '../peer/sip/register.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const CALLER = '+32470123456'
const FAR = '+32470999999'
const PASSWORD = 'circle of life'

/** A telephone 101 that rings for ever, the PBX, which picks up, and a user `sales`, for whom 101 rings too. */
async function open() {
  const world = await World.open({ voice: true })
  const telephones = [{ name: '101', password: createSealer(world.sealingKey).seal(PASSWORD) }]
  const users = [{ name: 'sales', ring: [{ at: [{ user: '101' }], seconds: 60 }] }]
  await world.change({ telephones, users, defaultRoute: { user: '101' } })
  const desk = await FarEnd.open({ address: `${world.net}.75`, port: 5060, name: 'desk', watched: [400, 700] })
  world.defer(() => desk.close())
  desk.rules = [{ user: '101', does: 'ring' }]
  assert.equal((await register(desk.socket, { to: world.siteSwitch, user: '101', password: PASSWORD, expires: 60 })).status, 200)
  return { world, desk, invites: desk.requests('INVITE') }
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

/** What answered legs and calls of a case have cost, and that it has ended as it should: one last event for each leg. */
async function over(world: World, from: number) {
  await world.quiet()
  const events = (await world.events()).slice(from)
  const begun = events.filter(({ type }) => type === 'leg.originated' || type === 'call.offered').map(({ leg }) => leg)
  const last = events.filter(({ type }) => type === 'leg.cleared' || type === 'leg.failed').map(({ leg }) => leg)
  assert.deepEqual([...last].sort(), [...new Set(begun)].sort(), 'one terminal event for each leg')
  return events
}

test('CSTA Directed Pickup Call: by a code and its agent, by command, for a user; what cannot be picked up is said', async () => {
  const { world, desk } = await open()
  await using _ = world
  const told: unknown[] = []
  const codeOf = (code: string) => (code === '*8sales' ? { user: 'sales' } : { user: code.slice(2) })
  await Program.connect(world, async (call: Commanded) => {
    const { number } = call.offered.to
    if (number === DID) return void (await call.do('call.dial', { target: { user: 'sales' } }))
    const error = await call.do('call.pickUp', codeOf(number)).catch((e) => e)
    told.push([number, error.verdict?.code ?? error.code])
  })
  const place = async () => {
    const before = desk.calls.length
    const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
    await until(
      'its ringing',
      () => desk.calls.length > before && call.report().timeline.some(({ what }) => what === '< 180'),
      4000,
    )
    return { call, rung: desk.calls[before]! }
  }
  const dialCode = (number: string) => world.pbx.place({ to: world.siteSwitch, from: '200', number, tone: 700 })
  const elsewhere = (rung: Call) =>
    until('it to be silent', () => /completed elsewhere/.test(rung.report().ending?.reason ?? ''), 3000)
  world.pbx.rules = [
    { user: '102', does: 'answer', ringMs: 150, tone: 700 },
    { user: '103', does: 486 },
  ]
  const ringing = async () => (await world.link.call('call.list', {})).find(({ state }) => state === 'setup')!
  const order = (id: Id<'call'>, params: Record<string, unknown>) =>
    world.link.call('call.order', { call: id, order: { verb: 'pickup', params }, by: 'operator' })

  // By a code that a telephone dials.
  let from = (await world.events()).length
  const first = await place()
  const nothing = await dialCode('*8999')
  await until('a refusal', () => nothing.phase === 'ended', 4000)
  const picker = await dialCode('*8101')
  await until('both to hear each other', () => heard(first.call, 700) && heard(picker, 400), 6000)
  await elsewhere(first.rung)
  first.call.hangup()
  await until('its end', () => picker.phase === 'ended', 3000)
  const events = await over(world, from)
  const types = events.filter(({ call }) => call === events[0]!.call).map(({ type }) => type)
  assert.deepEqual(
    types.filter((type) => /^leg|^call/.test(type)),
    [
      ...['call.offered', 'call.routed', 'leg.originated', 'leg.delivered', 'leg.diverted', 'leg.failed', 'leg.established'],
      ...['leg.transferred', 'leg.cleared', 'leg.cleared', 'call.cleared'],
    ],
  )
  assert.deepEqual(events.find(({ type }) => type === 'leg.diverted')?.data, { from: '101', to: '200', why: 'pick-up' })
  const billed = (await world.leases()).filter(({ answered }) => answered).map(({ kind }) => kind)
  assert.deepEqual(billed.sort(), ['channel.leg', 'trunk.in', 'voice.port', 'voice.port', 'voice.relay'])
  assert.deepEqual(told, [
    ['*8999', 'invalid-argument'],
    ['*8101', 'call-gone'],
  ])

  // By command: somebody is called for it, who sees who calls.
  from = (await world.events()).length
  const second = await place()
  const { id, legs } = await ringing()
  await assert.rejects(order(id, { by: { user: '101' } }), /rings there already/)
  await assert.rejects(order(id, { by: { pbx: '102' }, leg: newId('leg') }), /no such call/)
  await assert.rejects(order(newId('call'), { by: { pbx: '102' } }), /over/)
  const busy = (await order(id, { by: { pbx: '103' } })) as { pickedUp: boolean; cause: { reason: string } }
  assert.deepEqual([busy.pickedUp, busy.cause.reason], [false, 'busy'])
  assert.deepEqual(await order(id, { by: { pbx: '102' }, leg: legs.at(-1)!.id }), { pickedUp: true })
  const taker = world.pbx.calls.at(-1)!
  assert.match(taker.report().from, new RegExp(CALLER.slice(1)))
  await until('both to hear each other', () => heard(second.call, 700) && heard(taker, 400), 6000)
  await elsewhere(second.rung)
  await assert.rejects(order(id, { by: { pbx: '102' } }), /it is answered/)
  second.call.hangup()
  await over(world, from)

  // S18: two at once, for whom it rings; the first has it, and of the other nothing is left.
  const third = await place()
  const both = await Promise.all([ringing(), ringing()])
  const results = await Promise.all(both.map((call) => order(call.id, { by: { pbx: '102' } }) as Promise<{ pickedUp: boolean }>))
  assert.deepEqual(results.map(({ pickedUp }) => pickedUp).sort(), [false, true])
  await elsewhere(third.rung)
  third.call.hangup()
  await world.quiet()

  // Whoever rings for it does so no longer than the call does.
  const fourth = await place()
  world.pbx.rules = [{ user: '102', does: 'ring' }]
  const waiting = order((await ringing()).id, { by: { pbx: '102' } }) as Promise<{ pickedUp: boolean; cause: { reason: string } }>
  await until('it to ring', () => world.pbx.calls.at(-1)!.phase === 'setup', 3000)
  const late = await dialCode('*8sales')
  await until('a refusal, for it is no code', () => late.phase === 'ended', 3000)
  assert.equal(late.report().final?.status, 484)
  fourth.call.cancel()
  assert.deepEqual([(await waiting).pickedUp, (await waiting).cause.reason], [false, 'cancelled'])
  await until('it to be silent', () => world.pbx.calls.at(-2)!.phase === 'ended', 3000)
  await world.quiet()
})

test('CSTA Directed Pickup Call: whoever is called first for a call that is placed is relieved by another telephone, which goes on', async () => {
  const { world, desk, invites } = await open()
  await using _ = world
  const taken: string[] = []
  await Program.connect(world, async (call: Commanded) => {
    if (call.offered.to.number === '*8101') return void (await call.do('call.pickUp', { user: '101' }))
    taken.push(call.offered.call)
    await call.do('call.play', { tone: [{ frequencies: [425], onMs: 60_000, offMs: 0 }] })
  })
  world.pbx.rules = [{ user: '102', does: 'answer', ringMs: 50, tone: 700 }]
  for (const end of [world.second, world.carrier]) end.rules = [{ user: '*', does: 'answer', ringMs: 50, tone: 1400 }]
  const make = async (to: unknown) => {
    const before = desk.calls.length
    const made = { subscriber: world.acme, call: newId('call'), from: { user: '101' }, to, by: 'subscriber' } as const
    await world.link.call('call.make', made as never)
    await until('its ringing', () => desk.calls.length > before, 3000)
    return { id: made.call, rung: desk.calls[before]!, invite: invites.at(-1)! }
  }
  const ways: [string, (made: Awaited<ReturnType<typeof make>>) => Promise<Call>][] = [
    [
      'by the dialog that rings',
      ({ invite, rung }) =>
        world.pbx.place({ to: world.siteSwitch, from: '200', number: '101', tone: 700, headers: [replaces(invite, rung)] }),
    ],
    ['by a code', () => world.pbx.place({ to: world.siteSwitch, from: '200', number: '*8101', tone: 700 })],
    [
      'by command',
      async ({ id }) => {
        const ordered = { call: id, order: { verb: 'pickup', params: { by: { pbx: '102' } } }, by: 'operator' } as const
        assert.deepEqual(await world.link.call('call.order', ordered), { pickedUp: true })
        return world.pbx.calls.at(-1)!
      },
    ],
  ]
  for (const [how, pick] of ways) {
    for (const to of [{ number: FAR }, 'agent'] as const) {
      const from = (await world.events()).length
      const made = await make(to)
      const picker = await pick(made)
      const hears = to === 'agent' ? 425 : 1400
      await until(`${how}: who is on the line to hear ${hears}`, () => heard(picker, hears), 6000)
      await until('the first to be silent', () => /completed elsewhere/.test(made.rung.report().ending?.reason ?? ''), 3000)
      const { legs, from: who } = (await world.link.call('call.list', {})).find(({ id }) => id === made.id)!
      assert.deepEqual([who.number, legs.length], ['101', to === 'agent' ? 1 : 2])
      assert.equal(taken.at(-1) === made.id, to === 'agent')
      picker.hangup()
      const events = await over(world, from)
      const own = events.filter(({ call }) => call === made.id).map(({ type }) => type)
      assert.ok(own.includes('leg.diverted') && own.includes('leg.transferred'), `${own}`)
      assert.equal(events.filter(({ type }) => type === 'call.cleared').length, 2, how)
    }
  }
  // Whom an emergency call is placed for has no substitute; and whoever answers first has the call.
  const urgent = await make({ number: '112' })
  const refused = world.link.call('call.order', {
    ...{ call: urgent.id, by: 'operator' as const },
    order: { verb: 'pickup', params: { by: { pbx: '102' } } },
  })
  await assert.rejects(refused, /emergency call/)
  await world.link.call('call.kill', { call: urgent.id })
  await world.quiet()
})

test('R04 a pick-up for which there is no room, or whose telephone is gone, fails; the call rings on, and the next one has it', async () => {
  const { world, desk, invites } = await open()
  await using _ = world
  const { allocations } = world.snapshot.subscribers[0]!
  const allow = (kind: string, ceiling: number) =>
    world.change({ allocations: allocations.map((one) => (one.kind === kind ? { ...one, ceiling } : one)) })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('its ringing', () => call.report().timeline.some(({ what }) => what === '< 180'), 3000)
  const pick = (more: Partial<Parameters<FarEnd['place']>[0]> = {}) =>
    world.pbx.place({
      ...{ to: world.siteSwitch, from: '200', number: '101', tone: 700 },
      ...{ headers: [replaces(invites[0]!, desk.calls[0]!)], ...more },
    })
  await allow('voice.relay', 0)
  const first = await pick()
  await until('it to be let go', () => first.phase === 'ended', 3000)
  assert.match(first.report().ending?.reason ?? '', /cause=17/)
  const brief = await pick({ hangUpAfterMs: 0 })
  await until('it to be gone', () => brief.phase === 'ended', 3000)
  assert.deepEqual([desk.calls[0]!.phase, desk.calls.length, call.phase], ['setup', 1, 'setup'], 'it rings on')
  // What those that ring hold is enough for whoever takes their place.
  await allow('voice.relay', 1)
  const next = await pick()
  await until('both directions', () => heard(call, 700) && heard(next, 400), 5000)
  await until('the other to be silent', () => desk.calls[0]!.phase === 'ended', 3000)
  call.hangup()
  await until('its end', () => next.phase === 'ended', 3000)
  await world.quiet()
  assert.ok((await world.leases()).every(({ released }) => released !== null))
})

for (const why of ['for which there is no room', 'whose telephone is gone'] as const)
  test(`R04 S12 a pick-up ${why} waits for the PRACK that the caller owes, and fails then; the call rings on, and the next one has it`, async () => {
    const { world, desk, invites } = await open()
    await using _ = world
    const { allocations } = world.snapshot.subscribers[0]!
    const allow = (ceiling: number) =>
      world.change({ allocations: allocations.map((one) => (one.kind === 'voice.relay' ? { ...one, ceiling } : one)) })
    const a = ScriptedLeg.place(world.carrier, world.node, DID, { headers: [['Require', '100rel']], sdp: {} })
    const rings = await a.next('180')
    const pick = () =>
      world.pbx.place({
        ...{ to: world.siteSwitch, from: '200', number: '101' },
        headers: [replaces(invites[0]!, desk.calls[0]!)],
      })
    const gone = why === 'whose telephone is gone'
    if (!gone) await allow(0)
    const first = await pick()
    await until('it to be answered', () => first.phase === 'up', 3000)
    if (gone) first.hangup()
    await sleep(300)
    assert.deepEqual([first.phase, desk.calls[0]!.phase], [gone ? 'ended' : 'up', 'setup'])
    a.prack(rings)
    await a.next('200 PRACK')
    await until('it to be let go', () => first.phase === 'ended', 3000)
    if (!gone) assert.match(first.report().ending?.reason ?? '', /cause=17/)
    await sleep(100)
    assert.deepEqual([desk.calls[0]!.phase, desk.calls.length, a.count('200')], ['setup', 1, 0], 'it rings on')
    await allow(1)
    const next = await pick()
    a.ack(await a.next('200 INVITE'))
    await until('the other to be silent', () => desk.calls[0]!.phase === 'ended', 3000)
    a.ask('BYE')
    await until('its end', () => next.phase === 'ended', 3000)
    await over(world, 0)
    assert.ok((await world.leases()).every(({ released }) => released !== null))
  })

test('S18 who rings are called one after the other: a call is picked up while one of them is let go, before the next one rings, and by somebody who is called for it meanwhile', async () => {
  const { world, desk } = await open()
  await using _ = world
  const secret = createSealer(world.sealingKey).seal(PASSWORD)
  const telephones = ['101', '102'].map((name) => ({ name, password: secret }))
  const ring = telephones.map(({ name }) => ({ at: [{ user: name }], seconds: name === '101' ? 1 : 60 }))
  await world.change({ telephones, users: [{ name: 'sales', ring }], defaultRoute: { user: 'sales' } })
  assert.equal((await register(desk.socket, { to: world.siteSwitch, user: '102', password: PASSWORD, expires: 60 })).status, 200)
  const place = async () => {
    const from = (await world.events()).length
    const [first, second] = [ScriptedLeg.await(desk), ScriptedLeg.await(desk)]
    const caller = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
    const invite = await first.next('INVITE')
    first.reply(invite, 180)
    await until('its ringing', () => caller.report().timeline.some(({ what }) => what === '< 180'), 3000)
    return { caller, first, second, invite, from }
  }
  const pick = async (ringMs: number) => {
    world.pbx.rules = [{ user: '103', does: 'answer', ringMs, tone: 700 }]
    const { id } = (await world.link.call('call.list', {})).find(({ state }) => state === 'setup')!
    return world.link.call('call.order', { call: id, order: { verb: 'pickup', params: { by: { pbx: '103' } } }, by: 'operator' })
  }
  const cancelled = async (leg: ScriptedLeg, invite: Message, cancel?: Message) => {
    leg.reply(cancel ?? (await leg.next('CANCEL', 3000)), 200)
    leg.reply(invite, 487)
    await leg.next('ACK')
  }
  const talk = async ({ caller, from }: { caller: Call; from: number }) => {
    const taker = world.pbx.calls.at(-1)!
    await until('both to hear each other', () => heard(caller, 700) && heard(taker, 400), 6000)
    caller.hangup()
    await until('its end', () => taker.phase === 'ended', 3000)
    const events = await over(world, from)
    assert.equal(events.filter(({ type }) => type === 'call.cleared').length, 2)
  }

  // The first one is told to be silent, and has not said so.
  const letGo = await place()
  const cancel = await letGo.first.next('CANCEL', 4000)
  assert.deepEqual(await pick(5), { pickedUp: true })
  await cancelled(letGo.first, letGo.invite, cancel)
  for (const invite of letGo.second.heard.filter(({ method }) => method === 'INVITE')) {
    await letGo.second.next('INVITE')
    letGo.second.reply(invite, 180)
    await cancelled(letGo.second, invite)
  }
  await talk(letGo)

  // The next one is called, and does not ring yet.
  const silent = await place()
  silent.first.reply(silent.invite, 486)
  await silent.first.next('ACK')
  const unheard = await silent.second.next('INVITE')
  assert.deepEqual(await pick(5), { pickedUp: true })
  silent.second.reply(unheard, 180)
  await cancelled(silent.second, unheard)
  await talk(silent)

  // Somebody is called for it while the first one rings, and answers while the second one does.
  const meanwhile = await place()
  const picked = pick(1500)
  await cancelled(meanwhile.first, meanwhile.invite)
  const rung = await meanwhile.second.next('INVITE')
  meanwhile.second.reply(rung, 180)
  assert.deepEqual(await picked, { pickedUp: true })
  await cancelled(meanwhile.second, rung)
  await talk(meanwhile)
})
