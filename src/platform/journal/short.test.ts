import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newId } from '#lib/index.ts'
import { type Instant, isStateOfCall, type JournalRecord, wholeText } from '#platform/words/index.ts'
import { Octets } from './octets.ts'
import { isShort, jsonOf, writeRecord } from './short.ts'

const instant: fc.Arbitrary<Instant> = fc.record({
  wall: fc.oneof(fc.nat(), fc.nat(8.64e15), fc.constantFrom(999_999, 1_000_000, 1_795_816_000_000)),
  mono: fc.double({ min: 0, max: 1e9, noNaN: true }),
  boot: fc.constantFrom('b1', 'b2'),
})
const text = fc.string({ unit: 'binary', maxLength: 20 })
const data = fc.dictionary(text, fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(null)))
const ids = { lse: newId('lse'), sub: newId('sub'), call: newId('call'), agt: newId('agt'), leg: newId('leg'), evt: newId('evt') }

const lease = fc.record(
  {
    ...{ id: fc.constant(ids.lse), subscriber: fc.constant(ids.sub), kind: fc.constant('trunk.in' as const), count: fc.nat() },
    ...{ call: fc.constant(ids.call), taken: instant, leg: fc.constant(ids.leg), detail: fc.record({ number: text }) },
    ...{ answered: instant, released: instant, reason: text },
  },
  { requiredKeys: ['id', 'subscriber', 'kind', 'count', 'call', 'taken'] },
)
const ofAgent = lease.map(({ call: _, ...rest }) => ({ ...rest, agent: ids.agt, detail: { sandbox: 's1' } }))
const event = fc.record(
  {
    ...{
      id: fc.constant(ids.evt),
      subscriber: fc.constant(ids.sub),
      number: fc.nat(),
      at: fc.constant('2026-11-01T00:00:00.000Z'),
    },
    ...{ type: fc.constant('call.offered' as const), call: fc.constant(ids.call), leg: fc.constant(ids.leg), data },
    cause: fc.record({ by: fc.constant('caller' as const), reason: text, text }),
  },
  { requiredKeys: ['id', 'subscriber', 'number', 'at', 'type', 'data'] },
)

const record = fc.oneof(
  fc.record({ type: fc.constant('event'), at: instant, event }),
  fc.record({ type: fc.constant('lease.taken'), at: instant, lease: fc.oneof(lease, ofAgent) }),
  fc.record({ type: fc.constant('lease.answered'), at: instant, lease: fc.constant(ids.lse) }),
  fc.record(
    { type: fc.constant('lease.released'), at: instant, lease: fc.oneof(lease, ofAgent), review: fc.boolean() },
    { requiredKeys: ['type', 'at', 'lease'] },
  ),
  fc.record(
    { type: fc.constant('call'), at: instant, call: fc.constant(ids.call), state: fc.option(data), number: fc.nat() },
    { requiredKeys: ['type', 'at', 'call', 'state'] },
  ),
  fc.record({
    ...{ type: fc.constant('call.changed'), at: instant, call: fc.constant(ids.call), number: fc.nat() },
    changes: fc.array(fc.record({ op: fc.constant('add'), path: text, value: data })),
  }),
)

/** As the switch makes them: of one moment where that is one, and with its time in an event. */
const usual = fc.record({ made: record, now: fc.boolean() }).map(({ made, now }) => {
  const { at } = made
  if (!now) return made
  if (made.type === 'event')
    return { ...made, event: { ...(made as { event: object }).event, at: new Date(at.wall).toISOString() } }
  const { lease: of } = made as unknown as { lease: object }
  if (made.type === 'lease.taken') return { ...made, lease: { ...of, taken: at } }
  return made.type === 'lease.released' ? { ...made, lease: { ...of, taken: { ...at, mono: 7 }, released: at } } : made
})

function commonOf({ wall, mono, boot }: Instant) {
  return { wall: `${wall}`, mono: `${mono}`, boot, subscriber: ids.sub, call: ids.call }
}

test('a record in few words reads as what JSON.stringify writes of it', () => {
  const short = new Set<string>()
  fc.assert(
    fc.property(usual, (made) => {
      const record = made as JournalRecord
      const octets = new Octets()
      writeRecord(record, isShort(record), jsonOf(record, isShort(record)), octets)
      const text = octets.bytes.toString('utf8', 0, octets.length)
      assert(!text.startsWith('@') && !/[\t\n]/.test(text))
      short.add(text[0]!)
      assert.equal(isStateOfCall(text), made.type.startsWith('call'))
      const whole = wholeText(text, commonOf(made.at))
      assert.deepEqual(JSON.parse(whole), JSON.parse(JSON.stringify(made)))
      assert.equal(isStateOfCall(whole), isStateOfCall(text))
    }),
    { numRuns: 2000, seed: 7 },
  )
  assert.deepEqual([...short].sort(), ['A', 'C', 'D', 'E', 'R', 'T', '{'])
})

test('what stands as JSON already is what it is', () => {
  const json = JSON.stringify({ type: 'event', data: { note: 'E a b' } })
  assert.equal(wholeText(json, commonOf({ wall: 1, mono: 1, boot: 'b' })), json)
})
