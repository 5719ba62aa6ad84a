import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Plan, rate as rated, standardPlan } from '#platform/billing/index.ts'
import { usageOf } from '#platform/usage/index.ts'
import type { Prepaid, Rate, Refusal, UsageRecord } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const OUTSIDE = '+32470999999'

let world: World
let decide: (call: Commanded) => Promise<void> = async () => {}
let rates: Rate[] = []

before(async () => {
  world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  for (const far of [world.carrier, world.second]) far.rules = [{ user: '*', does: 'answer', ringMs: 5, tone: 700 }]
  await Program.connect(world, (call) => decide(call))
})
after(() => world[Symbol.asyncDispose]())

const rate = (kind: string, price: string, increment: number): Rate => ({
  ...{ kind, prefix: '', title: '', unit: 'second', setUpFee: '0', per: 60, included: 0 },
  ...{ increments: { first: increment, next: increment }, tiers: [{ upTo: null, price }] },
})
const fromSite = (number = OUTSIDE) => world.pbx.place({ to: world.siteSwitch, from: '101', number })
const ended = (call: { phase: string }, ms = 5000) => until('the end', () => call.phase === 'ended', ms)
const left = async () => (await world.link.call('balance.list', {}))[0]
const endOfJournal = async () => (await world.link.call('journal.read', { after: Number.MAX_SAFE_INTEGER, limit: 1 })).position

let plans = 0
/** Acme pays in advance from now on, by these prices alone, and this is what was paid in. */
async function paidIn(balanceMicros: number, prices: Rate[], more: Partial<Prepaid> = {}): Promise<Prepaid> {
  rates = prices
  const plan = `ahead-${++plans}`
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, tariffs: [{ plan, rates: prices }] })
  const prepaid = { balanceMicros, position: await endOfJournal(), sinceMs: Date.now(), ...more }
  await world.change({ plan, prepaid })
  return prepaid
}

/** What the ledger charges for what the journal holds since a record, in millionths. */
async function charged(since: number): Promise<number> {
  const plan: Plan = { ...standardPlan, prepaid: true, recurring: [], taxes: [], rates }
  const entries = (await world.records()).slice(since).map((record, position) => ({ position, record }))
  return usageOf(entries).reduce((sum: number, one: UsageRecord) => sum + Number(rated(one, plan, {})?.rating.amount ?? 0n), 0)
}

async function since<T>(
  play: () => Promise<T>,
): Promise<{ from: number; refusals: Refusal[]; types: string[]; causes: string[] }> {
  const from = (await world.records()).length
  await play()
  await world.quiet(10_000)
  const events = (await world.records()).slice(from).flatMap((record) => (record.type === 'event' ? [record.event] : []))
  return {
    from,
    refusals: events.flatMap(({ data }) => (data.refusal ? [data.refusal as Refusal] : [])),
    types: events.map(({ type }) => type as string),
    causes: events.flatMap(({ type, cause }) => (type === 'leg.cleared' && cause ? [cause.reason] : [])),
  }
}

test('B09 N calls at once on a tiny balance: as many as it pays for, also with a kill -9 between them; emergency calls pass', async () => {
  await paidIn(800_000, [rate('trunk.out', '0.25', 60), rate('channel.leg', '0.0060', 1)])
  const { from, refusals, types } = await since(async () => {
    const calls = await Promise.all(Array.from({ length: 8 }, () => fromSite()))
    await until('an answer or a refusal for each', () => calls.every(({ phase }) => phase !== 'setup'), 5000)
    const up = calls.filter(({ phase }) => phase === 'up')
    // Three minutes to numbers outside, beside the legs of the site.
    assert.equal(up.length, 3)
    assert.ok((await left())!.leftMicros >= 0)
    await world.kill('switch')
    await world.startSwitch()
    assert.ok((await left())!.reservedMicros >= 750_000)
    for (const call of calls) call.hangup()
  })
  assert.deepEqual(new Set(refusals.map(({ limitedBy, kind }) => `${limitedBy} ${kind}`)), new Set(['balance trunk.out']))
  assert.equal(types.filter((type) => type === 'balance.empty').length, 1)
  const cost = await charged(from)
  assert.ok(cost >= 750_000 && cost <= 800_000, `${cost}`)
  assert.equal((await left())?.leftMicros, 800_000 - cost)
  // The balance survives the next kill, too, from what is on the disk alone.
  await world.kill('switch')
  await world.startSwitch()
  assert.equal((await left())?.leftMicros, 800_000 - cost)
  const broke = await fromSite()
  await ended(broke)
  assert.equal(broke.report().final?.status, 403)
  const emergency = await fromSite('112')
  await until('an answer', () => emergency.phase === 'up', 3000)
  emergency.hangup()
  await world.quiet()
  assert.equal((await left())?.leftMicros, 800_000 - cost)
})

test('B09 who runs out of money hears three beeps, once, and is cut at the end of what is paid, not before', async () => {
  // Twelve seconds of both.
  await paidIn(240_000, [rate('trunk.out', '0.60', 1), rate('channel.leg', '0.60', 1)])
  const begun = Date.now()
  const { from, types, causes } = await since(async () => {
    const call = await fromSite()
    await until('an answer', () => call.phase === 'up', 3000)
    const far = world.carrier.calls.at(-1)!
    const beeps = () => [call, far].every((one) => one.report().media!.heard.some(({ what }) => what === 1400))
    await until('the beeps, on both sides', beeps, 6000)
    assert.equal(call.phase, 'up')
    await until('the end', () => call.phase === 'ended' && far.phase === 'ended', 15_000)
  })
  assert.ok(Date.now() - begun > 9_000, 'it was served')
  assert.equal(types.filter((type) => type === 'leg.warned').length, 1)
  assert.ok(causes.includes('no-balance'), JSON.stringify(causes))
  const cost = await charged(from)
  // At most an increment of each more, where a timer of a busy machine is late.
  assert.ok(cost >= 200_000 && cost <= 260_000, `${cost}`)
})

test('B09 money that is paid in while a call runs out keeps it up; a call in on an empty balance is refused, and its carrier serves on', async () => {
  const prepaid = await paidIn(60_000, [rate('trunk.out', '0.60', 1), rate('trunk.in', '0.60', 1)], { lowMicros: 50_000 })
  const call = await fromSite()
  await until('an answer', () => call.phase === 'up', 3000)
  await until('a warning', async () => (await world.events()).at(-1)?.type === 'leg.warned', 4000)
  await world.change({ prepaid: { ...prepaid, balanceMicros: 1_000_000 } })
  await new Promise((done) => setTimeout(done, 7000))
  assert.equal(call.phase, 'up')
  call.hangup()
  await world.quiet()
  assert.ok((await world.events()).some(({ type }) => type === 'balance.low'))

  await paidIn(0, [rate('trunk.in', '0.60', 1)])
  decide = async (one) => void (await one.do('call.dial', { target: { pbx: '101' } }))
  const inbound = () => world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  const refused = await inbound()
  await ended(refused)
  assert.equal(refused.report().final?.status, 403)
  await paidIn(1_000_000, [rate('trunk.in', '0.60', 1)])
  const served = await inbound()
  await until('an answer', () => served.phase === 'up', 3000)
  served.hangup()
  await world.quiet()
})

test('B09 who is connected to an emergency by an agent is not cut when the balance is used up, and is when it goes on without it', async () => {
  await paidIn(30_000, [rate('trunk.in', '0.60', 1)])
  const { types, causes } = await since(async () => {
    decide = async (one) => {
      await one.do('call.dial', { target: { number: '112' } })
      await one.do('call.dial', { target: { pbx: '101' } })
    }
    const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
    await until('an answer', () => call.phase === 'up', 3000)
    const help = world.carrier.calls.at(-1)!
    await new Promise((done) => setTimeout(done, 6000))
    assert.deepEqual([call.phase, help.phase], ['up', 'up'])
    help.hangup()
    await until('the end', () => call.phase === 'ended', 20_000)
  })
  assert.ok(types.includes('balance.empty') && causes.includes('no-balance'), JSON.stringify([types, causes]))
})

test('B09 a call that has nothing left when the switch is started again hears the beeps and is cut by the new one', async () => {
  await paidIn(150_000, [rate('trunk.out', '0.60', 1)])
  const { causes } = await since(async () => {
    const call = await fromSite()
    await until('an answer', () => call.phase === 'up', 3000)
    const far = world.carrier.calls.at(-1)!
    await until('a warning', async () => (await world.events()).at(-1)?.type === 'leg.warned', 8000)
    await world.kill('switch')
    await new Promise((done) => setTimeout(done, 9000))
    await world.startSwitch()
    await until('the end', () => call.phase === 'ended' && far.phase === 'ended', 15_000)
  })
  assert.ok(causes.includes('no-balance'), JSON.stringify(causes))
  assert.ok((await left())!.leftMicros <= 0)
})
