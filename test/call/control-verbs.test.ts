import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const MUSIC = { tone: [{ frequencies: [425], onMs: 1000, offMs: 0 }] }

let world: World
/** What the program does with a call; each test has its own. */
let decide: (call: Commanded) => Promise<void>

before(async () => {
  world = await World.open({ voice: true })
  world.pbx.rules = [101, 102].map((user) => ({ user: String(user), does: 'answer' as const, ringMs: 5, tone: 700 }))
  world.pbx.rules.push({ user: '103', does: 486 }, { user: '104', does: 'answer', ringMs: 40 }, { user: '105', does: 'ring' })
  await Program.connect(world, (call) => decide(call))
  await warmUp()
})
after(() => world[Symbol.asyncDispose]())

const place = (tone = 400) => world.carrier.place({ to: world.node, from: '+32470123456', number: DID, tone })

/** One call from end to end: a switch that has just begun takes longer than a command waits to join two legs. */
async function warmUp(): Promise<void> {
  decide = async (call) => void (await call.do('call.dial', { target: { pbx: '101' } }))
  const caller = await place()
  await hears(caller, 700)
  caller.hangup()
  await world.quiet()
}

/** The call at the PBX of this extension that is up. */
const at = (user: string) =>
  until(`a call at ${user}`, () => world.pbx.calls.find((c) => c.phase === 'up' && c.called === user), 4000)

/** Waits until an end hears this. */
async function hears(call: Call, frequency: number): Promise<void> {
  await until(`${frequency} Hz`, () => call.report().media!.heard.at(-1)?.what === frequency, 4000)
}

/** The end of a case: nothing is left, and each leg that was there had one last event. */
async function over(from: number): Promise<void> {
  await world.quiet()
  const events = (await world.events()).slice(from)
  const begun = new Set(events.filter(({ type }) => type === 'leg.originated' || type === 'call.offered').map(({ leg }) => leg))
  const last = events.filter(({ type }) => type === 'leg.cleared' || type === 'leg.failed').map(({ leg }) => leg)
  assert.deepEqual([...last].sort(), [...begun].sort(), 'one terminal event for each leg')
  const calls = new Set(events.map(({ call }) => call))
  assert.equal(events.filter(({ type }) => type === 'call.cleared').length, calls.size)
}

const mark = async () => (await world.events()).length

test('whom its own telephone has told of the answer may be ahead of it: commands for two who talk wait a moment, in their order', async () => {
  const from = await mark()
  const told: string[] = []
  decide = async (call) => {
    const dialled = call.do('call.dial', { target: { pbx: '104' } })
    await until('it to ring', () => world.pbx.calls.at(-1)?.called === '104', 2000)
    const commands = [call.do('call.hold', {}), call.do('call.retrieve', {}), call.do('call.dtmf', { digits: '5' })]
    await Promise.all(commands)
    world.pbx.calls.at(-1)!.hangup()
    told.push((await dialled).status)
    const busy = call.do('call.dial', { target: { pbx: '105' }, timeoutSeconds: 1 })
    await until('it to ring', () => world.pbx.calls.at(-1)?.called === '105', 2000)
    await assert.rejects(call.do('call.hold', {}), /only a leg that is joined/)
    told.push((await busy).status)
  }
  const caller = await place()
  await until('the end', () => caller.phase === 'ended', 10_000)
  assert.deepEqual(told, ['answered', 'no-answer'])
  await over(from)
  const seen = (await world.events()).slice(from)
  assert.deepEqual(
    seen.filter(({ type }) => /established|held|retrieved/.test(type)).map(({ type }) => type),
    ['leg.established', 'leg.established', 'leg.held', 'leg.retrieved'],
  )
})

test('hold and retrieve: the held one hears music, a telephone is told, and both hear each other again (S48)', async () => {
  const from = await mark()
  const told: string[] = []
  decide = async (call) => {
    const dialled = call.do('call.dial', { target: { pbx: '101' } })
    const phone = await at('101')
    await hears(phone, 400)
    await call.do('call.hold', { music: MUSIC })
    told.push('music')
    await hears(caller, 425)
    await call.do('call.retrieve', {})
    await hears(caller, 700)
    await call.do('call.hold', { party: 'dialled' })
    const reinvites = () => phone.report().timeline.filter(({ what }) => what === '< INVITE').length
    assert.equal(reinvites(), 2, 'the telephone had a re-INVITE')
    await call.do('call.hold', { party: 'dialled' })
    await call.do('call.retrieve', { party: 'dialled' })
    assert.equal(reinvites(), 3)
    phone.hangup()
    told.push((await dialled).status)
    await assert.rejects(call.do('call.hold', {}))
  }
  const caller = await place()
  await until('the end', () => caller.phase === 'ended', 10_000)
  assert.deepEqual(told, ['music', 'answered'])
  await over(from)
  const held = (await world.events()).slice(from).filter(({ type }) => /held|retrieved/.test(type))
  assert.deepEqual(
    held.map(({ type }) => type),
    ['leg.held', 'leg.retrieved', 'leg.held', 'leg.retrieved'],
  )
})

test('consult: nobody there and back; somebody there and back; somebody there and the caller stays with that one', async () => {
  const from = await mark()
  const told: unknown[] = []
  decide = async (call) => {
    const dialled = call.do('call.dial', { target: { pbx: '101' } })
    const first = await at('101')
    told.push((await call.do('call.consult', { target: { pbx: '103' } })).status)
    await hears(caller, 700)
    told.push((await call.do('call.consult', { target: { pbx: '102' }, music: MUSIC })).status)
    await hears(caller, 425)
    await call.do('call.retrieve', {})
    await hears(caller, 700)
    told.push((await call.do('call.consult', { target: { pbx: '102' } })).status)
    const second = await at('102')
    await call.do('call.complete', {})
    await until('the first to be let go', () => first.phase === 'ended', 4000)
    await hears(caller, 700)
    second.hangup()
    told.push((await dialled).status)
  }
  const caller = await place()
  await until('the end', () => caller.phase === 'ended', 10_000)
  assert.deepEqual(told, ['busy', 'answered', 'answered', 'answered'])
  await over(from)
})

test('park: a telephone of the site picks up by dialling the slot; a second call cannot be parked there; nobody comes in time', async () => {
  const from = await mark()
  const told: unknown[] = []
  decide = async (call) => {
    const parked = call.do('call.park', { slot: '701', music: MUSIC })
    await hears(caller, 425)
    const phone = await world.pbx.place({ to: world.siteSwitch, from: '101', number: '701', tone: 700 })
    await hears(caller, 700)
    await hears(phone, 400)
    phone.hangup()
    told.push((await parked).reason)
    told.push((await call.do('call.park', { slot: '701', timeoutSeconds: 0.1 })).reason)
  }
  const caller = await place()
  await until('the end', () => caller.phase === 'ended', 10_000)
  assert.deepEqual(told, ['picked-up', 'timeout'])
  await over(from)
})

test('join and split: two callers talk, are apart again, and each is a call that its program ends', async () => {
  const from = await mark()
  const calls: Commanded[] = []
  const told: unknown[] = []
  decide = async (call) => {
    calls.push(call)
    if (call.offered.split) {
      await call.do('call.play', { ...MUSIC, totalMs: 60_000 })
      return
    }
    if (calls.length === 1) {
      await until('the second', () => calls.length === 2, 4000)
      const joined = call.do('call.join', { other: calls[1]!.offered.call })
      await hears(first, 700)
      await hears(second!, 400)
      const { call: apart } = await call.do('call.split', {})
      told.push((await joined).cause.reason)
      await hears(second!, 425)
      assert.equal(calls[2]!.offered.call, apart)
      await assert.rejects(call.do('call.join', { other: call.offered.call }))
      await call.do('call.join', { other: apart })
      return
    }
    await call.do('call.play', { ...MUSIC, totalMs: 60_000 }).catch((error) => told.push(error.verdict?.code ?? String(error)))
  }
  const first = await place(400)
  let second: Call | undefined
  second = await place(700)
  await until('both to talk again', async () => told.length === 2 && second!.report().media!.heard.at(-1)?.what === 400, 8000)
  second.hangup()
  await until('the end', () => first.phase === 'ended', 10_000)
  assert.deepEqual(told, ['call-gone', 'split'])
  await over(from)
})

test('from outside: hold, retrieve, park with ring back, transfer; and what is not possible is said', async () => {
  const from = await mark()
  decide = async (call) => {
    await call.do('call.dial', { target: { pbx: '101' } })
  }
  const caller = await place()
  await at('101')
  const { id } = await until('the call', async () => (await world.link.call('call.list', {}))[0], 3000)
  const order = (verb: 'hold' | 'retrieve' | 'transfer' | 'park', params: Record<string, unknown> = {}) =>
    world.link.call('call.order', { call: id, order: { verb, params }, by: 'operator' })
  await order('hold')
  const [view] = await world.link.call('call.list', {})
  assert.deepEqual(
    view!.legs.map(({ state }) => state),
    ['hold', 'connected'],
  )
  await order('retrieve')
  await assert.rejects(order('park', { slot: 'x' }))
  await assert.rejects(order('transfer', { target: {} }))
  await order('park', { slot: '702', timeoutSeconds: 0.2 })
  await assert.rejects(order('hold'))
  await until('the ring back', () => world.pbx.calls.filter((c) => c.called === '101' && c.phase === 'up').length === 1, 5000)
  await hears(caller, 700)
  assert.deepEqual(await order('transfer', { target: { pbx: '102' } }), { transferred: true })
  await at('102')
  caller.hangup()
  await over(from)
})
