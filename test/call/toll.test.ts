import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newId } from '#lib/index.ts'
import { STANDARD_CLASSES } from '#platform/toll/index.ts'
import type { Refusal, TollRules } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const CALLER = '+32470123456'
const OUTSIDE = '+32470999999'
const PREMIUM = '+3290312345'

let world: World
let decide: (call: Commanded) => Promise<void> = async () => {}
/** Numbers that the carrier was asked for. */
let asked: string[] = []

before(async () => {
  world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  for (const far of [world.carrier, world.second]) {
    far.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
    const { onRequest } = far.socket
    far.socket.onRequest = (message, from) => {
      if (message.method === 'INVITE') asked.push(/sip:([^@;]+)/.exec(message.uri ?? '')?.[1] ?? '')
      onRequest(message, from)
    }
  }
  await Program.connect(world, (call) => decide(call))
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, tollClasses: [...STANDARD_CLASSES] })
})
after(() => world[Symbol.asyncDispose]())

const rules = (toll: TollRules) => world.change({ toll })
const fromSite = (number: string) => world.pbx.place({ to: world.siteSwitch, from: '101', number })
const fromOutside = () => world.carrier.place({ to: world.node, from: CALLER, number: DID })
const ended = (call: { phase: string }) => until('the end', () => call.phase === 'ended', 5000)

/** What `play` is refused, and what carriers are asked for meanwhile. */
async function refused(play: () => Promise<void>): Promise<{ refusals: Refusal[]; numbers: string[] }> {
  const before = (await world.events()).length
  asked = []
  await play()
  await world.quiet()
  const events = (await world.events()).slice(before)
  return { refusals: events.flatMap(({ data }) => (data.refusal ? [data.refusal as Refusal] : [])), numbers: asked }
}

/** A telephone calls and then sends whom it talks to on to a premium number, which fails. */
async function transferred(to: string): Promise<void> {
  const sdp = `v=0\r\no=- 1 1 IN IP4 ${world.pbx.socket.address}\r\ns=-\r\nc=IN IP4 ${world.pbx.socket.address}\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n`
  const a = ScriptedLeg.place(world.pbx, world.siteSwitch, to, { body: sdp })
  a.ack(await a.next('200 INVITE'))
  const far = await until('the far end', () => world.carrier.calls.find((c) => c.direction === 'in' && c.phase === 'up'), 3000)
  a.ask('REFER', { headers: [['Refer-To', `<sip:${PREMIUM}@tieline.test>`]] })
  await a.next('202')
  await a.progress()
  assert.equal(far.phase, 'up', 'they talk on')
  a.ask('BYE')
  await a.next('200 BYE')
}

const PREMIUM_IS_DENIED = { kind: 'trunk.out', limitedBy: 'class', class: 'premium', fault: 'subscriber' }
function isDenied({ refusals, numbers }: Awaited<ReturnType<typeof refused>>): void {
  assert.deepEqual(
    refusals.map(({ kind, limitedBy, class: name, fault }) => ({ kind, limitedBy, class: name, fault })),
    [PREMIUM_IS_DENIED],
  )
  assert.ok(!numbers.includes(PREMIUM), 'no carrier hears of it')
}

test('F14 a telephone that dials a denied class hears 403 with the reason, and no carrier hears of it; allowed, it is placed', async () => {
  const premium = async () => {
    const call = await fromSite(PREMIUM)
    await until('an answer', () => call.phase === 'up' || call.phase === 'ended', 3000)
    call.hangup()
    await ended(call)
    return call.report().final!.status
  }
  isDenied(await refused(async () => assert.equal(await premium(), 403)))
  await rules({ classes: { premium: 'allowed' } })
  const placed = await refused(async () => assert.equal(await premium(), 200))
  assert.deepEqual([placed.refusals, placed.numbers], [[], [PREMIUM]])
  await rules({})
})

test('F14 an emergency call passes, whatever the classes say, and so does what stays inside', async () => {
  await rules({ classes: { unknown: 'denied', international: 'denied' } })
  const { refusals, numbers } = await refused(async () => {
    decide = async (call) => void (await call.do('call.dial', { target: { pbx: '101' } }))
    for (const call of [await fromSite('112'), await fromOutside()]) {
      await until('an answer', () => call.phase === 'up', 3000)
      call.hangup()
      await ended(call)
    }
  })
  assert.deepEqual([refusals, numbers], [[], ['112']])
  await rules({})
})

test('F14 more digits than a number has, between signs that carriers pass over, hide no class; what is no number is not placed', async () => {
  const dialled = (number: string, status: number) =>
    refused(async () => {
      const call = await fromSite(number)
      await until('an end or an answer', () => call.phase !== 'setup', 3000)
      call.hangup()
      await ended(call)
      assert.equal(call.report().final?.status, status, number)
    })
  const long = `${PREMIUM.slice(3)}0000000`
  isDenied(await dialled(`+32-${long}`, 403))
  assert.deepEqual(await dialled(`+32~${PREMIUM.slice(3)}`, 484), { refusals: [], numbers: [] })
})

test('F14 a burst gets through as far as a minute allows, to the call, and a switch that is killed forgets none of it', async () => {
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  await rules({ limits: { callsPerMinute: 5 } })
  const from = (await world.events()).length
  const burst = async () => {
    const calls = await Promise.all(Array.from({ length: 12 }, () => fromSite(OUTSIDE)))
    await until('an answer or a refusal for each', () => calls.every(({ phase }) => phase !== 'setup'), 5000)
    const statuses = calls.map((call) => call.report().final!.status)
    for (const call of calls) call.hangup()
    await world.quiet()
    return [200, 403].map((status) => statuses.filter((s) => s === status).length)
  }
  assert.deepEqual(await burst(), [5, 7])
  const events = (await world.events()).slice(from)
  assert.deepEqual(
    events.flatMap(({ type, data }) => (type.startsWith('toll.') ? [[type, data.rule, data.used]] : [])),
    [
      ['toll.near', 'callsPerMinute', 4],
      ['toll.met', 'callsPerMinute', 5],
    ],
  )
  const refusals = events.flatMap(({ data }) => (data.refusal ? [data.refusal as Refusal] : []))
  assert.deepEqual(
    new Set(refusals.map(({ limitedBy, rule, limit }) => `${limitedBy} ${rule} ${limit}`)),
    new Set(['velocity callsPerMinute 5']),
  )
  await world.kill('switch')
  await world.startSwitch()
  assert.deepEqual(await burst(), [0, 12])
  assert.deepEqual(await world.link.call('toll.list', {}), [
    { subscriber: world.acme, rule: 'callsPerMinute', limit: 5, used: 5 },
  ])
  const emergency = await fromSite('112')
  await until('an answer', () => emergency.phase === 'up', 3000)
  emergency.hangup()
  await rules({})
  assert.deepEqual(await burst(), [12, 0])
})

test('F14 calls whose minutes are used up hear three beeps and are cut, and no other begins', async () => {
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5, tone: 700 }]
  // Fractions are for tests alone: 0.04 is 2.4 s.
  await rules({ limits: { minutesPerDay: 0.04 } })
  const call = await fromSite(OUTSIDE)
  await until('an answer', () => call.phase === 'up', 3000)
  const far = world.carrier.calls.at(-1)!
  const heard = (one: Pick<typeof call, 'report'>, what: number) => one.report().media!.heard.some((h) => h.what === what)
  await until('the beeps, on both sides', () => heard(call, 1400) && heard(far, 1400), 3000)
  const second = await fromSite(OUTSIDE)
  await ended(second)
  assert.equal(second.report().final?.status, 403)
  await until('the end', () => call.phase === 'ended' && far.phase === 'ended', 6000)
  await world.quiet()
  const events = (await world.events()).slice(-12)
  const cleared = events.find(({ type, cause }) => type === 'leg.cleared' && cause?.reason === 'toll-limit')
  assert.deepEqual([cleared?.cause?.by, cleared?.cause?.q850], ['switch', 52])
  const [use] = await world.link.call('toll.list', {})
  assert.ok(use!.used >= 0.03 && use!.used <= 0.05, `${use!.used}`)
  await rules({})
})

/** What calls out cost from now on, and a limit of it. */
async function priced(price: string, increment: number, spendPerDay: string): Promise<void> {
  const rate = { kind: 'trunk.out', prefix: '', title: '', unit: 'second', setUpFee: '0', per: 60, included: 0 } as const
  const tiers = [{ upTo: null, price }]
  const tariffs = [{ plan: 'dear', rates: [{ ...rate, increments: { first: increment, next: increment }, tiers }] }]
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, tariffs })
  await world.change({ plan: 'dear', toll: { limits: { spendPerDay } } })
}

test('B09 F14 calls at once spend no more than the limit, also with a restart between them; who runs out of it hears beeps and is cut', async () => {
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5, tone: 700 }]
  await priced('0.25', 60, '0.75')
  const from = (await world.events()).length
  const calls = await Promise.all(Array.from({ length: 6 }, () => fromSite(OUTSIDE)))
  await until('an answer or a refusal for each', () => calls.every(({ phase }) => phase !== 'setup'), 5000)
  assert.equal(calls.filter(({ phase }) => phase === 'up').length, 3)
  await world.kill('switch')
  await world.startSwitch()
  for (const call of calls) call.hangup()
  await world.quiet()
  const events = (await world.events()).slice(from)
  const refusals = events.flatMap(({ data }) => (data.refusal ? [data.refusal as Refusal] : []))
  assert.deepEqual(
    refusals.map(({ limitedBy, rule, limit, inUse }) => ({ limitedBy, rule, limit, inUse })),
    Array(3).fill({ limitedBy: 'spend', rule: 'spendPerDay', limit: 0.75, inUse: 0.75 }),
  )
  assert.ok(events.some(({ type, data }) => type === 'toll.met' && data.rule === 'spendPerDay'))
  const broke = await fromSite(OUTSIDE)
  await ended(broke)
  assert.equal(broke.report().final?.status, 403)

  // Two seconds at 1 a second are left.
  await priced('60', 1, '2.75')
  const last = await fromSite(OUTSIDE)
  await until('an answer', () => last.phase === 'up', 3000)
  const far = world.carrier.calls.at(-1)!
  await until('the beeps', () => [last, far].every((one) => one.report().media!.heard.some(({ what }) => what === 1400)), 3000)
  await until('the end', () => last.phase === 'ended' && far.phase === 'ended', 9000)
  await world.quiet()
  const [use] = await world.link.call('toll.list', {})
  // A timer of a busy machine may be late by an increment.
  assert.ok(use?.rule === 'spendPerDay' && use.used >= 2.75 && use.used <= 3.75, JSON.stringify(use))
  const emergency = await fromSite('112')
  await until('an answer', () => emergency.phase === 'up', 3000)
  emergency.hangup()
  await world.quiet()
  await rules({})
})

test('F14 B09 calls that are up when a first limit of money is set are counted, hear the beeps and are cut', async () => {
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5, tone: 700 }]
  const call = await fromSite(OUTSIDE)
  await until('an answer', () => call.phase === 'up', 3000)
  const far = world.carrier.calls.at(-1)!
  await priced('60', 1, '0.5')
  await until('the beeps', () => [call, far].every((one) => one.report().media!.heard.some(({ what }) => what === 1400)), 4000)
  assert.ok((await world.link.call('toll.list', {})).some(({ rule, used }) => rule === 'spendPerDay' && used >= 10))
  await until('the end', () => call.phase === 'ended' && far.phase === 'ended', 15_000)
  await world.quiet()
  assert.ok((await world.events()).some(({ type, cause }) => type === 'leg.cleared' && cause?.reason === 'toll-limit'))
  await rules({})
})

test('F14 B09 what was spent while nothing was limited counts, as control has told it and as the journal goes on', async () => {
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  await priced('0.25', 60, '100')
  await rules({})
  const { at } = (await world.records()).at(-1)!
  const { position } = await world.link.call('journal.read', { after: Number.MAX_SAFE_INTEGER, limit: 1 })
  for (let i = 0; i < 2; i++) {
    const call = await fromSite(OUTSIDE)
    await until('an answer', () => call.phase === 'up', 3000)
    call.hangup()
    await world.quiet()
  }
  const day = new Date(at.wall).toISOString().slice(0, 10)
  const spent = {
    position,
    day,
    month: day.slice(0, 7),
    classes: { '': { dayMicros: 1_000_000, monthMicros: 1_000_000 } },
    units: {},
  }
  await world.change({ spent, toll: { limits: { spendPerDay: '1.60' } } })
  const used = async () => (await world.link.call('toll.list', {}))[0]?.used
  await until('all of it', async () => (await used()) === 1.5, 2000)
  const broke = await fromSite(OUTSIDE)
  await ended(broke)
  assert.equal(broke.report().final?.status, 403)
  await rules({})
})

test('F14 what an agent dials, a transfer by a telephone, a forward, and a call that is placed by API meet the same gate', async () => {
  const errors: { verdict?: { code: string }; details?: { refusal?: Refusal } }[] = []
  isDenied(
    await refused(async () => {
      decide = async (call) => {
        await call.do('call.dial', { target: { number: PREMIUM } }).catch((error) => errors.push(error))
        await call.do('call.hangup', {})
      }
      await ended(await fromOutside())
    }),
  )
  assert.deepEqual([errors[0]?.verdict?.code, errors[0]?.details?.refusal?.class], ['resource-unavailable', 'premium'])

  isDenied(
    await refused(async () => {
      await world.change({ users: [{ name: '104', forward: { unconditional: { number: PREMIUM } } }] })
      decide = async (call) => {
        await call.do('call.dial', { target: { user: '104' } }).catch(() => {})
        await call.do('call.hangup', {})
      }
      await ended(await fromOutside())
    }),
  )

  isDenied(
    await refused(async () => {
      const make = { subscriber: world.acme, by: 'operator', from: { number: PREMIUM }, to: { pbx: '101' } } as const
      await assert.rejects(
        world.link.call('call.make', { ...make, call: newId('call') }),
        (error: { verdict?: { code: string; http: number } }) => error.verdict?.http === 403,
      )
    }),
  )

  isDenied(await refused(() => transferred(OUTSIDE)))
})

test('F14 an emergency call lends its right to nobody else: neither to who is called to talk in it, nor to whom it is transferred', async () => {
  isDenied(
    await refused(async () => {
      const make = { subscriber: world.acme, by: 'operator', from: { number: PREMIUM }, to: { number: '112' } } as const
      await assert.rejects(
        world.link.call('call.make', { ...make, call: newId('call') }),
        (error: { verdict?: { http: number } }) => error.verdict?.http === 403,
      )
    }),
  )
  isDenied(await refused(() => transferred('112')))
})

test('F14 a carrier’s 3xx is not followed to a number that could not have been dialled', async () => {
  const [main, other] = world.snapshot.trunks
  const trunks = [{ ...main!, redirects: 'follow' as const }, other!]
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
  for (const [to, placed] of [
    [PREMIUM, false],
    [PREMIUM.slice(1), false],
    ['+32470888888', true],
  ] as const) {
    const contact = `<sip:${to}@${world.carrier.socket.address}>`
    world.carrier.rules = [
      { user: OUTSIDE, does: 302, headers: [['Contact', contact]] },
      { user: '*', does: 'answer', ringMs: 5 },
    ]
    const { numbers, refusals } = await refused(async () => {
      const call = await fromSite(OUTSIDE)
      await until('an end or an answer', () => call.phase !== 'setup', 3000)
      call.hangup()
      await ended(call)
    })
    assert.deepEqual(numbers, placed ? [OUTSIDE, to] : [OUTSIDE])
    assert.deepEqual(
      refusals.map((refusal) => refusal.class),
      placed ? [] : ['premium'],
    )
  }
  // Who is sent on pays for where the call went, and for nothing else, and is told.
  await world.quiet()
  const records = await world.records()
  const leases = records.flatMap((record) =>
    record.type === 'lease.released' && record.lease.kind === 'trunk.out' ? [record.lease] : [],
  )
  assert.deepEqual(
    leases.slice(-2).map(({ detail, answered, reason }) => [detail?.number, answered !== undefined, reason === 'redirected']),
    [
      [OUTSIDE, false, true],
      ['+32470888888', true, false],
    ],
  )
  const diverted = (await world.events()).findLast(({ type }) => type === 'leg.diverted')
  assert.deepEqual(diverted?.data, { from: { number: OUTSIDE }, to: { number: '+32470888888' }, why: 'redirected' })
})
