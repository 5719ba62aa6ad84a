import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { newId } from '#lib/index.ts'
import type { PlatformEvent, Target, TrunkConfig } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import type { FarEnd } from '../peer/sip/far-end.ts'
import type { Rule } from '../peer/sip/rule.ts'
import { DID, PUBLIC, World } from './harness.ts'

const OUTSIDE = '+3225559000'
const CALLER = '+32470123456'

/** The trunk `main` is asked before `other`; who called stays on a third one, so that no trunk is full of what came in. */
let world: World
before(async () => {
  world = await World.open({ voice: true, subscriber: { defaultRoute: { number: OUTSIDE } } })
})
after(() => world[Symbol.asyncDispose]())
beforeEach(async () => {
  rules({ does: 'answer', ringMs: 5 }, { does: 'answer', ringMs: 5 })
  await trunks({}, {})
})

function rules(main: Omit<Rule, 'user'>, other: Omit<Rule, 'user'>): void {
  world.carrier.rules = [{ user: '*', ...main }]
  world.second.rules = [{ user: '*', ...other }]
}

/** Publishes both trunks, with these options and no others, under new ids: nothing is known of them. */
async function trunks(main: Partial<TrunkConfig>, other: Partial<TrunkConfig>): Promise<void> {
  const { snapshot, net } = world
  const trunk = (name: string, last: number, change: Partial<TrunkConfig>): TrunkConfig => ({
    ...{ id: newId('trk'), name, gateways: [{ address: `${net}.${last}`, port: 5060 }] },
    ...{ emergencyReserve: 0, media: 'relay', ...change },
  })
  const config = [trunk('main', 2, main), trunk('other', 3, other)]
  await world.publish({ ...snapshot, number: snapshot.number + 1, trunks: config })
}

const incoming = (far: FarEnd) => far.calls.filter(({ direction }) => direction === 'in')
const counts = () => [incoming(world.carrier).length, incoming(world.second).length]

/** The site's PBX rings a number outside. Says how that ended, what each carrier had of it, and what was told. */
async function dialled(number = OUTSIDE, ms = 4000) {
  const [first, second] = counts()
  const begun = performance.now()
  const seen = (await world.events()).length
  const call = await world.pbx.place({ to: world.siteSwitch, from: PUBLIC, number })
  await until('an end of the setting up', () => call.phase !== 'setup', ms)
  const took = performance.now() - begun
  const end = call.phase === 'up' ? 'up' : call.report().final!.status
  call.hangup()
  await world.quiet()
  const events = (await world.events()).slice(seen)
  const [firstNow, secondNow] = counts()
  return { call, end, took, asked: [firstNow! - first!, secondNow! - second!], events }
}

const diversions = (events: PlatformEvent[]) =>
  events.flatMap(({ type, data }) => (type === 'leg.diverted' ? [[data.from, data.to, data.trunk, data.why]] : []))

/** Of the newest call: on which trunks it had a channel, and which of them is billed. */
async function channels() {
  const leases = (await world.records()).flatMap((record) => (record.type === 'lease.released' ? [record.lease] : []))
  const last = leases.at(-1)!.call
  return leases
    .filter(({ call, kind }) => call === last && kind === 'trunk.out')
    .map(({ detail, answered }) => [world.snapshot.trunks.find(({ id }) => id === detail?.trunk)?.name, answered !== undefined])
}

test('S34 a trunk that says 503 is passed by within the attempt: the next one carries the call, and alone is billed', async () => {
  rules({ does: 503 }, { does: 'answer', ringMs: 5 })
  const { end, asked, events } = await dialled()
  assert.deepEqual([end, asked], ['up', [1, 1]])
  assert.deepEqual(diversions(events), [['trunk', 'trunk', 'other', 'temporary-failure']])
  assert.deepEqual(await channels(), [
    ['main', false],
    ['other', true],
  ])
})

test('S34 a trunk that is silent has 1.5 s where another one is left', async () => {
  rules({ does: 'silent' }, { does: 'answer', ringMs: 5 })
  const { end, took, events } = await dialled()
  assert.equal(end, 'up')
  assert.ok(took > 1400 && took < 4500, `after ${Math.round(took)} ms`)
  assert.deepEqual(diversions(events), [['trunk', 'trunk', 'other', 'no-response']])
})

test('S46 what the callee or the network says for good is never asked of another trunk', async () => {
  for (const [status, told] of [
    [404, 404],
    [480, 480],
    [486, 486],
    [488, 488],
    [500, 500],
    [603, 603],
  ] as const) {
    rules({ does: status }, { does: 'answer', ringMs: 5 })
    const { end, asked, events } = await dialled()
    assert.deepEqual([end, asked, diversions(events)], [told, [1, 0], []], `${status}`)
  }
})

test('R04 a trunk whose channels are full, or that begins no more calls this second, leaves them to the next one', async () => {
  await trunks({ maxOut: 0 }, {})
  const full = await dialled()
  assert.deepEqual([full.end, full.asked, diversions(full.events)], ['up', [0, 1], [['trunk', 'trunk', 'other', 'pool']]])
  await trunks({ callsPerSecond: 1 }, {})
  const [a, b] = [await dialled(), await dialled()]
  assert.deepEqual(
    [a.asked, b.asked],
    [
      [1, 0],
      [0, 1],
    ],
  )
  assert.deepEqual(diversions(b.events), [['trunk', 'trunk', 'other', 'trunk-pace']])
  // Full everywhere: the refusal names what was asked for, and nothing was sent.
  await trunks({ maxOut: 0 }, { maxOut: 0 })
  const none = await dialled()
  assert.deepEqual([none.end, none.asked], [503, [0, 0]])
  assert.equal(none.events.filter(({ type }) => type === 'resource.refused').length, 2)
})

test('the trunk with the lowest priority is first, and none is tried that may not carry the number; one that is named is the only one', async () => {
  await trunks({ priority: 7 }, { priority: 3 })
  assert.deepEqual((await dialled()).asked, [0, 1])
  await trunks({ destinations: ['+31', '+32479'] }, {})
  assert.deepEqual((await dialled()).asked, [0, 1])
  assert.deepEqual((await dialled('+31201234567')).asked, [1, 0])
  await trunks({}, { destinations: ['+1'] })
  rules({ does: 503 }, { does: 'answer', ringMs: 5 })
  const alone = await dialled()
  assert.deepEqual([alone.end, alone.asked], [500, [1, 0]])
  await trunks({ destinations: [] }, { destinations: [] })
  assert.equal((await dialled()).end, 404)
  await trunks({}, {})
  await world.change({ defaultRoute: { trunk: 'main', number: OUTSIDE } })
  const inward = await world.second.place({ to: world.node, from: CALLER, number: DID })
  await until('a refusal', () => inward.phase === 'ended', 4000)
  assert.equal(inward.report().final?.status, 500)
  await world.quiet()
})

test('makeCall goes over the next trunk, too: for whoever is called first, and for whoever is called then', async () => {
  rules({ does: 503 }, { does: 'answer', ringMs: 5 })
  const before = incoming(world.second).length
  const [from, to]: Target[] = [{ number: '+32470111111' }, { number: OUTSIDE }]
  await world.link.call('call.make', { subscriber: world.acme, by: 'subscriber', call: newId('call'), from: from!, to: to! })
  const legs = () => incoming(world.second).slice(before)
  await until('both to talk', () => legs().length === 2 && legs().every(({ phase }) => phase === 'up'), 4000)
  legs()[0]!.hangup()
  await until('the end of the other', () => legs()[1]!.phase === 'ended', 4000)
  await world.quiet()
})

test('S34 RFC 3261 §21.5.4: a trunk that is out of service for a time of its own is left alone; where none is left, 503 and Retry-After tell the site', async () => {
  world.carrier.rules = [{ user: '*', does: 503, headers: [['Retry-After', '3']] }]
  const first = await dialled()
  assert.deepEqual([first.end, first.asked], ['up', [1, 1]])
  const second = await dialled()
  assert.deepEqual(
    [second.end, second.asked, diversions(second.events)],
    ['up', [0, 1], [['trunk', 'trunk', 'other', 'trunk-resting']]],
  )
  world.second.rules = [{ user: '*', does: 503, headers: [['Retry-After', '60']] }]
  assert.equal((await dialled()).end, 500)
  const none = await dialled()
  assert.deepEqual([none.end, none.asked], [503, [0, 0]], 'nobody is hammered')
  const { headers } = none.call.report().final!
  assert.match(headers['Retry-After'] ?? '', /^[1-3]$/, 'until the first of them serves again')
  assert.match(headers.Reason ?? '', /cause=42/)
  assert.equal(none.events.find(({ type }) => type === 'call.cleared')?.cause?.reason, 'trunk-resting')
  // A carrier would send nobody's calls here any more for a 503.
  await world.change({ defaultRoute: { number: OUTSIDE } })
  const inward = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('a refusal', () => inward.phase === 'ended', 4000)
  assert.equal(inward.report().final?.status, 500)
  assert.ok(inward.report().final?.headers['Retry-After'])
  // An emergency call asks all of them all the same.
  const emergency = await dialled('112')
  assert.deepEqual(emergency.asked, [1, 1])
  rules({ does: 'answer', ringMs: 5 }, { does: 'answer', ringMs: 5 })
  await until('it to serve again', async () => (await dialled()).end === 'up', 5000)
})

test('an emergency call is refused by no trunk: what is not the callee’s own word, the next one is asked for', async () => {
  for (const status of [404, 403, 500, 503, 488]) {
    rules({ does: status }, { does: 'answer', ringMs: 5 })
    const { end, asked } = await dialled('112')
    assert.deepEqual([end, asked], ['up', [1, 1]], `${status}`)
  }
  rules({ does: 486 }, { does: 'answer', ringMs: 5 })
  assert.equal((await dialled('112')).end, 486)
})
