import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Id, newId } from '#lib/index.ts'
import type { AlarmChange, Lease, Snapshot, SubscriberConfig, TollClass, TollRules, TollUse } from '#platform/words/index.ts'
import { type Bench, type InstalledBody, installed, journal, startBench, until } from './bench.ts'
import { done } from './tieline.ts'

let bench: Bench
let acme: InstalledBody
before(async () => {
  bench = await startBench()
  acme = await installed(bench, 'acme', '+3225550101')
})
after(() => bench?.[Symbol.asyncDispose]())

const cli = async <T>(...args: string[]): Promise<T> => JSON.parse(await done(bench, ...args, '--json'))

/** What the switch was told last of acme. */
function toldOf(): SubscriberConfig | undefined {
  const subscribers = bench.fakes.published.switch.flatMap((publication) =>
    'base' in publication ? (publication.subscribers?.upsert ?? []) : (publication as Snapshot).subscribers,
  )
  return subscribers.findLast(({ id }) => id === acme.subscriber.id)
}

/** What the switch was told last, of classes and of acme. */
function told(): { classes: TollClass[] | undefined; acme: TollRules | undefined } {
  const all = bench.fakes.published.switch
  const classes = all.findLast(({ tollClasses }) => tollClasses)?.tollClasses
  return { classes, acme: toldOf()?.toll }
}

test('F14 a new installation denies what is dear; the operator adds, changes and removes classes, and the switch is told', async () => {
  const seeded = await cli<TollClass[]>('toll', 'list')
  const policies = Object.fromEntries(seeded.map(({ name, policy }) => [name, policy]))
  const denied = { premium: 'denied', satellite: 'denied', 'high-cost': 'denied', unknown: 'denied' }
  assert.deepEqual(policies, { international: 'allowed', ...denied })
  await cli('toll', 'set', 'national', '--prefix', '+32', '--policy', 'allowed', '--title', 'Belgium')
  await cli('toll', 'set', 'premium', '--add', '+3278', '--drop', '+3277')
  await assert.rejects(cli('toll', 'set', 'mine', '--prefix', '+3278'), /belongs to the class premium/)
  await assert.rejects(cli('toll', 'set', 'mine', '--prefix', 'x'), /how a number begins/)
  const { classes } = told()
  assert.deepEqual(
    classes?.find(({ name }) => name === 'national'),
    { name: 'national', title: 'Belgium', prefixes: ['+32'], policy: 'allowed' },
  )
  const premium = classes?.find(({ name }) => name === 'premium')?.prefixes ?? []
  assert.deepEqual([premium.includes('+3278'), premium.includes('+3277')], [true, false])
  await cli('toll', 'remove', 'national')
  assert.ok(!told().classes?.some(({ name }) => name === 'national'))
})

test('F14 what one subscriber may call is the operator’s word, which it may read', async () => {
  assert.deepEqual(await cli('subscriber', 'cap', 'acme', '--class', 'premium=allowed', '--class', 'international=denied'), {
    ...{ classes: { premium: 'allowed', international: 'denied' }, uses: [] },
  })
  assert.deepEqual(await cli('subscriber', 'cap', 'acme', '--class', 'international=off'), {
    ...{ classes: { premium: 'allowed' }, uses: [] },
  })
  assert.deepEqual(told().acme, { classes: { premium: 'allowed' } })
  await assert.rejects(cli('subscriber', 'cap', 'acme', '--class', 'nothing=denied'), /no class nothing/)
  const key = acme.apiKey
  const shown = await bench.api<{ toll: TollRules }>('GET', '/v1/subscribers/acme', { key })
  assert.deepEqual(shown.body.toll, { classes: { premium: 'allowed' } })
  const own = { toll: { classes: { satellite: 'allowed' } } }
  assert.equal((await bench.api('PATCH', '/v1/subscribers/acme', { key, body: own })).status, 403)
  assert.equal((await bench.api('GET', '/v1/toll-classes', { key })).status, 403)
})

test('F14 limits of calls out: set for all calls and for a class, shown with what is used, and taken back', async () => {
  const id = acme.subscriber.id as Id<'sub'>
  await cli('toll', 'set', 'premium', '--policy', 'limited', '--calls-per-hour', '10')
  await assert.rejects(cli('toll', 'set', 'satellite', '--policy', 'limited'), /says what its limits are/)
  await cli('subscriber', 'cap', 'acme', '--calls-per-minute', '20', '--minutes-per-day', '600')
  const uses: TollUse[] = [{ subscriber: id, rule: 'callsPerMinute', limit: 20, used: 3 }]
  bench.fakes.tolls = uses
  assert.deepEqual(await cli('subscriber', 'cap', 'acme', '--of', 'premium', '--calls-per-hour', '2'), {
    classes: { premium: 'allowed' },
    limits: { callsPerMinute: 20, minutesPerDay: 600 },
    classLimits: { premium: { callsPerHour: 2 } },
    uses: [{ rule: 'callsPerMinute', limit: 20, used: 3 }],
  })
  assert.deepEqual(told().classes?.find(({ name }) => name === 'premium')?.limits, { callsPerHour: 10 })
  await cli('subscriber', 'cap', 'acme', '--of', 'premium', '--calls-per-hour', 'off')
  await cli('subscriber', 'cap', 'acme', '--calls-per-minute', 'off')
  assert.deepEqual(told().acme, { classes: { premium: 'allowed' }, limits: { minutesPerDay: 600 } })
  await assert.rejects(cli('subscriber', 'cap', 'acme', '--minutes-per-day', '0'), /minutesPerDay|must be >= 1/)
  const shown = await bench.api<{ items: TollUse[] }>('GET', '/v1/subscribers/acme/toll', { key: acme.apiKey })
  assert.deepEqual(shown.body.items, [{ rule: 'callsPerMinute', limit: 20, used: 3 }])
})

test('F14 O06 a limit that is nearly used up is an alarm as soon as its event is there', async () => {
  const id = acme.subscriber.id as Id<'sub'>
  const use: TollUse = { subscriber: id, rule: 'callsPerHour', limit: 10, used: 8 }
  bench.fakes.tolls = [use]
  const at = { wall: Date.now(), mono: 1, boot: 'b' }
  const number = 1
  const event = {
    id: newId('evt'),
    subscriber: id,
    number,
    at: new Date().toISOString(),
    type: 'toll.near',
    data: { ...use },
  } as const
  journal(bench, { type: 'event', at, event })
  const since = Date.now()
  const alarms = async () => (await bench.api<{ items: AlarmChange['alarm'][] }>('GET', '/v1/alarms')).body.items
  await until('the alarm', async () => (await alarms()).some(({ code }) => code === 'toll-limit'))
  assert.ok(Date.now() - since < 15_000)
  const [alarm] = (await alarms()).filter(({ code }) => code === 'toll-limit')
  assert.deepEqual([alarm?.about, alarm?.severity, alarm?.subscriber], ['acme callsPerHour', 'warning', id])
  bench.fakes.tolls = []
  assert.ok(!(await alarms()).some(({ code }) => code === 'toll-limit'))
})

test('F14 B09 limits of money: the switch is told the prices of calls out by the plans that are in use', async () => {
  const shown = await cli<TollRules>('subscriber', 'cap', 'acme', '--spend-per-day', '20', '--spend-per-month', '150.50')
  assert.deepEqual([shown.limits?.spendPerDay, shown.limits?.spendPerMonth], ['20', '150.50'])
  const told = bench.fakes.published.switch.findLast(({ tariffs }) => tariffs)?.tariffs
  assert.deepEqual(
    told?.map(({ plan, rates }) => [plan, rates.map(({ kind, prefix }) => `${kind} ${prefix}`)]),
    [['standard', ['trunk.out ', 'trunk.out +32']]],
  )
  for (const wrong of ['0', '-1', '1.1234567', 'x']) {
    const body = { toll: { limits: { spendPerDay: wrong } } }
    assert.equal((await bench.api('PATCH', '/v1/subscribers/acme', { body })).status, 422, wrong)
  }
  await cli('subscriber', 'cap', 'acme', '--spend-per-day', 'off')
  const left = await bench.api<{ toll: TollRules }>('GET', '/v1/subscribers/acme')
  assert.deepEqual(left.body.toll.limits?.spendPerDay, undefined)
  assert.equal(left.body.toll.limits?.spendPerMonth, '150.50')
})

test('F14 B09 a limit of money is told with what was spent before it, as it is billed, by class, and how far the journal is in it', async () => {
  await cli('subscriber', 'cap', 'acme', '--spend-per-month', 'off')
  const called = (number: string, seconds: number, agoMs: number, more: object = {}) => {
    const wall = Date.now() - agoMs
    const [taken, released] = [wall, wall + seconds * 1000].map((at) => ({ wall: at, mono: at, boot: 'b' }))
    const lease = {
      id: newId('lse'),
      subscriber: acme.subscriber.id,
      kind: 'trunk.out',
      count: 1,
      call: newId('call'),
      taken,
      released,
    }
    const whole = { ...lease, ...(seconds ? { answered: taken } : {}), reason: 'hangup', detail: { number, ...more } } as Lease
    journal(bench, { type: 'lease.released', at: whole.released!, lease: whole })
  }
  // A minute to Belgium is 0.03, to others 0.25; what was not answered, was an emergency or is of another month costs nothing here.
  called('+32470123456', 61, 70_000)
  called('+3290312345', 30, 40_000)
  called('+442071838750', 5, 40 * 86_400_000)
  called('+442071838750', 0, 1000)
  called('112', 60, 70_000, { emergency: true })
  const count = async () => (await bench.api<{ items: unknown[] }>('GET', '/v1/subscribers/acme/usage')).body.items.length
  await until('the usage', async () => (await count()) >= 5)
  await cli('subscriber', 'cap', 'acme', '--spend-per-day', '20')
  const { spent } = toldOf()!
  const month = { dayMicros: 90_000, monthMicros: 90_000 }
  const international = { dayMicros: 60_000, monthMicros: 60_000 }
  const premium = { dayMicros: 30_000, monthMicros: 30_000 }
  assert.deepEqual(spent?.classes, { '': month, international, premium })
  assert.deepEqual(spent?.units, { '+32': 180 })
  assert.equal(spent?.position, bench.fakes.journal.findLast(({ record }) => record.type === 'lease.released')?.position)
  // A class that is limited for all is told so, too.
  await cli('subscriber', 'cap', 'acme', '--spend-per-day', 'off')
  called('+3290312345', 30, 40_000)
  await until('the usage', async () => (await count()) >= 6)
  await cli('toll', 'set', 'premium', '--policy', 'limited', '--spend-per-day', '5')
  assert.deepEqual(toldOf()?.spent?.classes.premium, undefined, 'acme has premium allowed by its own word')
  await cli('subscriber', 'cap', 'acme', '--class', 'premium=off')
  await cli('toll', 'set', 'premium', '--policy', 'limited', '--spend-per-day', '6')
  assert.deepEqual(toldOf()?.spent?.classes.premium, { dayMicros: 60_000, monthMicros: 60_000 })
})
