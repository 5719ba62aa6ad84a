import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { DID, PUBLIC, World } from './harness.ts'
import { addNeighbour, setUps } from './neighbour.ts'
import { Program } from './program.ts'

const CALLER = '+32470123456'

async function whyOf(world: World): Promise<unknown> {
  const routed = (await world.events()).filter((event) => event.type === 'call.routed' && event.data.by === 'default')
  assert.equal(routed.length, 1)
  return routed[0]!.data.why
}

/** A carrier whose calls come back to it on the second trunk, which answers. */
async function world(): Promise<World> {
  const made = await World.open({ voice: true })
  made.second.rules = [{ user: '*', does: 'answer', ringMs: 10, tone: 700 }]
  return made
}

test('C06 an agent that sleeps is given its time and no more; then it hears that the call is not its own', async () => {
  await using w = await world()
  using program = await Program.connect(w, () => new Promise((resolve) => setTimeout(resolve, 4000)))
  const call = await w.carrier.place({ to: w.node, from: CALLER, number: DID })
  await until('the default route', () => call.phase === 'up', 3000)
  const { invitedAt, answeredAt } = call.report()
  assert.ok(answeredAt! - invitedAt >= 450, 'not before the deadline')
  assert.equal(await whyOf(w), 'late')
  assert.equal(program.ended[0]?.cause.reason, 'late')
  call.hangup()
  await w.quiet()
})

test('C06 fifty calls wait for an agent that hangs: a neighbour’s calls are set up as fast as ever', async () => {
  await using w = await World.open()
  w.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  using _program = await Program.connect(w, () => new Promise(() => {}))
  const [acme] = w.snapshot.subscribers
  await w.change({ agent: { ...acme!.agent, decisionDeadlineMs: 15_000 } })
  const neighbour = await addNeighbour(w)
  const before = await setUps(w, neighbour)
  const waiting = await Promise.all(Array.from({ length: 50 }, () => w.carrier.place({ to: w.node, from: CALLER, number: DID })))
  await until('all of them to wait', async () => (await w.link.call('call.list', {})).length === 50, 5000)
  const during = await setUps(w, neighbour)
  assert.ok(
    waiting.every((call) => call.phase === 'setup'),
    'nobody was let go of meanwhile',
  )
  assert.ok(during < 3 * before + 30, `${during} ms beside ${before} ms before`)
  for (const call of waiting) call.cancel()
  await until('their ends', () => waiting.every((call) => call.phase === 'ended'), 5000)
  await w.quiet()
})

test('an agent whose function throws, or returns without a word, is no dead end', async () => {
  await using w = await world()
  let throws = true
  using _program = await Program.connect(w, async () => {
    if (throws) throw new Error('a bug of theirs')
  })
  for (const why of ['threw', 'returned']) {
    const call = await w.carrier.place({ to: w.node, from: CALLER, number: DID })
    await until('the default route', () => call.phase === 'up', 3000)
    call.hangup()
    await w.quiet()
    throws = false
    const whys = (await w.events()).flatMap((event) => (event.type === 'call.routed' ? [event.data.why] : []))
    assert.equal(whys.at(-1), why)
  }
})

test('C01 an agent that dies in a verb: the caller gets the default route; one that dies while joined: the call goes on', async () => {
  await using w = await world()
  w.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  const program = await Program.connect(w, async (call) => {
    if (call.offered.to.number === PUBLIC) await call.do('call.dial', { target: { pbx: '101' } })
    else await call.do('call.play', { tone: [{ frequencies: [400], onMs: 20_000, offMs: 0 }] })
  })
  const joined = await w.carrier.place({ to: w.node, from: CALLER, number: PUBLIC })
  const inVerb = await w.carrier.place({ to: w.node, from: CALLER, number: DID })
  await until('both to be answered', () => joined.phase === 'up' && inVerb.phase === 'up', 3000)
  program[Symbol.dispose]()
  await until('the default route', () => w.second.calls[0]?.phase === 'up', 3000)
  assert.equal(await whyOf(w), 'link-lost')
  assert.equal(joined.phase, 'up')
  assert.equal(inVerb.phase, 'up')
  joined.hangup()
  inVerb.hangup()
  await until('the PBX to hear of it', () => w.pbx.calls[0]?.phase === 'ended', 3000)
  await w.quiet()
})

test('without an agent the default route is taken at once', async () => {
  await using w = await world()
  const call = await w.carrier.place({ to: w.node, from: CALLER, number: DID })
  await until('the default route', () => call.phase === 'up', 3000)
  assert.equal(await whyOf(w), 'agent-down')
  call.hangup()
  await w.quiet()
})

test('R08 a call can be ended from outside in every state, and each end has its cause', async () => {
  await using w = await world()
  w.pbx.rules = [
    { user: '101', does: 'answer', ringMs: 10 },
    { user: '102', does: 'ring' },
  ]
  const states: Record<string, string> = { '+1': 'waiting', '+2': 'in a verb', '+3': 'ringing', '+4': 'joined' }
  await w.change({ agent: { ...w.snapshot.subscribers[0]!.agent, decisionDeadlineMs: 5000 } })
  using _program = await Program.connect(w, async (call) => {
    const state = states[call.offered.from.number.slice(0, 2)]
    if (state === 'in a verb') await call.do('call.play', { tone: [{ frequencies: [400], onMs: 20_000, offMs: 0 }] })
    if (state === 'ringing') await call.do('call.dial', { target: { pbx: '102' } })
    if (state === 'joined') await call.do('call.dial', { target: { pbx: '101' } })
    await new Promise((resolve) => setTimeout(resolve, 4000))
  })
  for (const [from, state] of Object.entries(states)) {
    const call = await w.carrier.place({ to: w.node, from: `${from}2125550100`, number: DID })
    const reached = () => w.link.call('call.list', {}).then((list) => list[0])
    await until(
      `a call ${state}`,
      async () => {
        const view = await reached()
        if (state === 'waiting') return view?.state === 'setup'
        if (state === 'in a verb') return view?.state === 'verb'
        if (state === 'ringing') return view?.legs[1]?.state === 'alerting'
        return view?.state === 'joined'
      },
      3000,
    )
    const { found } = await w.link.call('call.kill', { call: (await reached())!.id })
    assert.ok(found)
    await until(`the end of a call ${state}`, () => call.phase === 'ended', 3000)
    await w.quiet()
    const cleared = (await w.events()).at(-1)
    assert.deepEqual([cleared?.type, cleared?.cause?.by, cleared?.cause?.reason], ['call.cleared', 'operator', 'killed'])
  }
})
