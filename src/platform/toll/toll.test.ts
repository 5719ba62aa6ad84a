import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newId, systemClock, TielineError } from '#lib/index.ts'
import type { TollClass } from '#platform/words/index.ts'
import { checkClass, checkRules } from './check.ts'
import { classFinder } from './classes.ts'
import { afterwards } from './gate.fixture.ts'
import { TollGate } from './gate.ts'
import { STANDARD_CLASSES } from './standard.ts'

const gateOf = () =>
  new TollGate({
    clock: systemClock,
    boot: 'b',
    pricing: { units: () => 0, price: () => 0n, micros: () => 0n },
    record() {},
    warn() {},
    cut() {},
    leases: () => [],
    released: () => afterwards([]),
  })
const acme = newId('sub')
const globex = newId('sub')
const out = (number: string, emergency = false) => ({
  ...{ kind: 'trunk.out', count: 1 },
  detail: { number, ...(emergency ? { emergency: true } : {}) },
})

test('F14 what a new installation denies: premium, satellites, dear countries, and what is no number', () => {
  const gate = gateOf()
  gate.configure({ tollClasses: STANDARD_CLASSES, subscribers: [{ id: acme }] })
  const classOf = (number: string) => gate.refuses(acme, out(number))?.class ?? 'placed'
  for (const number of ['+3225550101', '+32470123456', '+14155550100', '+442071838750', '+353861234567', '+420220111222'])
    assert.equal(classOf(number), 'placed', number)
  assert.deepEqual(['+3290312345', '+19005550100', '+447012345678', '+979123456789'].map(classOf), Array(4).fill('premium'))
  assert.deepEqual(['+881612345678', '+870773123456'].map(classOf), Array(2).fill('satellite'))
  assert.deepEqual(['+2479123', '+18765550100', '+67412345'].map(classOf), Array(3).fill('high-cost'))
  assert.deepEqual(['+999123456', '090312345', '1234', 'anonymous', ''].map(classOf), Array(5).fill('unknown'))
})

test('F14 emergency numbers, and all that is no call out, pass', () => {
  const gate = gateOf()
  gate.configure({ tollClasses: STANDARD_CLASSES, subscribers: [] })
  assert.equal(gate.refuses(acme, out('112', true)), null)
  assert.equal(gate.refuses(acme, { kind: 'trunk.in', count: 1, detail: { number: '+3290312345' } }), null)
  assert.equal(gate.refuses(acme, { kind: 'channel.leg', count: 1 }), null)
})

test('F14 a subscriber’s own word goes before that of the class, and is nobody else’s', () => {
  const gate = gateOf()
  const toll = { classes: { premium: 'allowed', international: 'denied' } } as const
  gate.configure({ tollClasses: STANDARD_CLASSES, subscribers: [{ id: acme, toll }, { id: globex }] })
  const refused = (id: typeof acme) => ['+3290312345', '+3225550101'].map((number) => gate.refuses(id, out(number)) !== null)
  assert.deepEqual(
    [refused(acme), refused(globex)],
    [
      [false, true],
      [true, false],
    ],
  )
})

test('F14 without classes, as an older control publishes, everything is placed', () => {
  const gate = gateOf()
  gate.configure({ subscribers: [{ id: acme }] })
  assert.equal(gate.refuses(acme, out('+3290312345')), null)
})

test('F14 the longest prefix of all classes decides, whatever they are', () => {
  const prefix = fc.string({ unit: fc.constantFrom('1', '2', '3'), maxLength: 5 }).map((digits) => `+${digits}`)
  fc.assert(
    fc.property(fc.uniqueArray(prefix, { minLength: 1, maxLength: 30 }), prefix, (prefixes, number) => {
      const classes = prefixes.map((one, i): TollClass => ({ name: `c${i}`, title: '', prefixes: [one], policy: 'allowed' }))
      const [longest] = prefixes.filter((one) => number.startsWith(one)).sort((a, b) => b.length - a.length)
      assert.deepEqual(classFinder(classes).of(number)?.prefixes[0], longest)
    }),
  )
})

test('the standard classes are as the checks want them; what is wrong is said', () => {
  for (const one of STANDARD_CLASSES)
    checkClass(
      one,
      STANDARD_CLASSES.filter((other) => other !== one),
    )
  const one = { name: 'mine', title: '', prefixes: ['+32'], policy: 'denied' } as const
  const code = (run: () => void) => {
    try {
      run()
    } catch (error) {
      return error instanceof TielineError ? error.verdict.code : error
    }
    return 'none'
  }
  const withPrefixes = (...prefixes: string[]) => code(() => checkClass({ ...one, prefixes }, STANDARD_CLASSES))
  assert.equal(withPrefixes('+32'), 'none')
  assert.equal(withPrefixes('+3290'), 'prefix-taken')
  for (const bad of [[], ['x'], ['+32', '+32'], ['+1234567890123456']]) assert.equal(withPrefixes(...bad), 'invalid-argument')
  assert.equal(
    code(() => checkRules({ classes: { nothing: 'denied' } }, STANDARD_CLASSES)),
    'invalid-argument',
  )
})
