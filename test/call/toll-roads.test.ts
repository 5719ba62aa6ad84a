import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { STANDARD_CLASSES } from '#platform/toll/index.ts'
import type { Rate, Refusal, TollRules } from '#platform/words/index.ts'
import { until } from '../peer/clock.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const OUTSIDE = '+32470999999'
const ELSEWHERE = '+32470888888'
const PREMIUM = '+3290312345'
const DEAR = '+33612345678'

let world: World
let decide: (call: Commanded) => Promise<void> = async () => {}
/** Numbers that carriers were asked for. */
let asked: string[] = []

before(async () => {
  world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  for (const far of [world.carrier, world.second]) {
    const { onRequest } = far.socket
    far.socket.onRequest = (message, from) => {
      if (message.method === 'INVITE') asked.push(/sip:([^@;]+)/.exec(message.uri ?? '')?.[1] ?? '')
      onRequest(message, from)
    }
  }
  await Program.connect(world, (call) => decide(call))
  const [main, other] = world.snapshot.trunks
  const rate = (prefix: string, price: string): Rate => ({
    ...{ kind: 'trunk.out', prefix, title: '', unit: 'second', setUpFee: '0', per: 60, included: 0 },
    ...{ increments: { first: 60, next: 60 }, tiers: [{ upTo: null, price }] },
  })
  await world.publish({
    ...world.snapshot,
    number: world.snapshot.number + 1,
    trunks: [{ ...main!, redirects: 'follow' as const }, other!],
    tollClasses: [...STANDARD_CLASSES],
    tariffs: [{ plan: 'dear', rates: [rate('', '0.1'), rate('+33', '5')] }],
  })
  await world.change({ plan: 'dear' })
})
after(() => world[Symbol.asyncDispose]())

const answering = [{ user: '*', does: 'answer', ringMs: 5 } as const]
const rules = (toll: TollRules) => world.change({ toll })
const usedOf = async (rule: string, name?: string) =>
  (await world.link.call('toll.list', {})).find((use) => use.rule === rule && use.class === name)?.used

/** Calls from the site until there is an answer or an end; what its caller is told, and whom carriers were asked for. */
async function called(number: string): Promise<{ status: number | undefined; numbers: string[]; refusals: string[] }> {
  const from = (await world.events()).length
  asked = []
  const call = await world.pbx.place({ to: world.siteSwitch, from: '101', number })
  await until('an answer or an end', () => call.phase !== 'setup', 5000)
  call.hangup()
  await world.quiet()
  const events = (await world.events()).slice(from)
  const refusals = events.flatMap(({ data }) => (data.refusal ? [data.refusal as Refusal] : []))
  return {
    status: call.report().final?.status,
    numbers: asked,
    refusals: refusals.map((r) => [r.class, r.rule].filter(Boolean).join(' ')),
  }
}

/** What the carrier says to a call to this number: where else it is to go. */
function sentOn(number: string, ...contacts: string[]): void {
  const { address } = world.carrier.socket
  const list = contacts.map((to, i) => `<sip:${to}@${address}>;q=0.${9 - i}`).join(', ')
  world.carrier.rules = [{ user: number, does: 302, headers: [['Contact', list]] }, ...answering]
}

test('F14 a call that finds its second trunk, or is sent on by a carrier, has begun once', async () => {
  world.second.rules = answering
  world.carrier.rules = [{ user: '*', does: 503 }]
  await rules({ limits: { callsPerMinute: 3 } })
  const placed = [await called(OUTSIDE), await called(OUTSIDE)]
  assert.deepEqual(placed, Array(2).fill({ status: 200, numbers: [OUTSIDE, OUTSIDE], refusals: [] }))
  assert.equal(await usedOf('callsPerMinute'), 2)
  sentOn(OUTSIDE, ELSEWHERE)
  assert.deepEqual(await called(OUTSIDE), { status: 200, numbers: [OUTSIDE, ELSEWHERE], refusals: [] })
  assert.equal(await usedOf('callsPerMinute'), 3)
  assert.deepEqual(await called(OUTSIDE), { status: 403, numbers: [], refusals: ['callsPerMinute'] })
  await rules({})
})

test('F14 a call that a carrier sends on to a limited class has begun there, too, once', async () => {
  await rules({ classes: { premium: 'limited' }, limits: { callsPerHour: 10 }, classLimits: { premium: { callsPerHour: 1 } } })
  sentOn(OUTSIDE, PREMIUM)
  const before = (await usedOf('callsPerHour')) ?? 0
  assert.equal((await called(OUTSIDE)).status, 200)
  assert.deepEqual([await usedOf('callsPerHour'), await usedOf('callsPerHour', 'premium')], [before + 1, 1])
  assert.deepEqual((await called(OUTSIDE)).refusals, ['premium callsPerHour'])
  await rules({})
})

test('F14 of the numbers that a carrier sends a call on to, those that may not be called or paid are passed over; where none is left the caller hears why', async () => {
  await rules({ limits: { spendPerDay: '1' } })
  sentOn(OUTSIDE, PREMIUM, DEAR, ELSEWHERE)
  assert.deepEqual(await called(OUTSIDE), {
    ...{ status: 200, numbers: [OUTSIDE, ELSEWHERE], refusals: ['premium', 'spendPerDay'] },
  })
  // The number itself, at another place: its lease is not lost over those that were refused.
  sentOn(OUTSIDE, DEAR, PREMIUM)
  assert.deepEqual(await called(OUTSIDE), { status: 403, numbers: [OUTSIDE], refusals: ['spendPerDay', 'premium'] })
  await rules({})
  await world.quiet()
  assert.ok((await world.leases()).every(({ released }) => released !== null))
})

test('F14 of targets that are dialled in turn, and of a user’s steps, the one that may not be called is passed over; where none is left the verb says why', async () => {
  world.carrier.rules = answering
  const ends: unknown[] = []
  const dialled = async (target: object) => {
    asked = []
    decide = async (call) => {
      const params = { target, strategy: 'serial' } as never
      ends.push(
        await call.do('call.dial', params).then(
          ({ status }) => status,
          ({ verdict, details }) => `${verdict.code} ${details.refusal.class}`,
        ),
      )
      await call.do('call.hangup', {}).catch(() => {})
    }
    const caller = await world.second.place({ to: world.node, from: '+32470123456', number: DID })
    await until('an answer or an end', () => caller.phase !== 'setup', 5000)
    caller.hangup()
    await world.quiet()
    return asked
  }
  assert.deepEqual(await dialled([{ number: PREMIUM }, { number: OUTSIDE }]), [OUTSIDE])
  await world.change({
    users: [
      {
        name: '104',
        ring: [
          { at: [{ number: PREMIUM }], seconds: 5 },
          { at: [{ number: OUTSIDE }], seconds: 5 },
        ],
      },
    ],
  })
  assert.deepEqual(await dialled({ user: '104' }), [OUTSIDE])
  ends.length = 0
  assert.deepEqual(await dialled([{ number: PREMIUM }, { number: '+19005550100' }]), [])
  world.carrier.rules = [{ user: '*', does: 486 }]
  assert.deepEqual(await dialled([{ number: OUTSIDE }, { number: PREMIUM }]), [OUTSIDE])
  assert.deepEqual(ends, ['resource-unavailable premium', 'busy'])
})
