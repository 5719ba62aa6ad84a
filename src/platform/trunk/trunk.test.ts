import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Log, newId, silentLog, TurnedClock } from '#lib/index.ts'
import type { SubscriberConfig, TrunkConfig } from '#platform/words/index.ts'
import {
  CAUSES,
  causeOf,
  causeOfStatus,
  createDirectory,
  dialable,
  dialledForm,
  dialStatus,
  digitsOf,
  e164,
  emergencyCaller,
  Locations,
  patience,
  type Reason,
  readReason,
  rejection,
  Strangers,
  shownCaller,
  toldStatus,
  triesNext,
  writeReason,
} from './index.ts'

const acme = {
  id: newId('sub'),
  numbers: [{ number: '+3225550101' }, { number: '+3225550102' }],
  site: { pbx: null, emergencyCallerId: '+3225550102' },
} as unknown as SubscriberConfig

const trunk: TrunkConfig = {
  id: newId('trk'),
  name: 'main',
  gateways: [
    { address: '192.0.2.1', port: 5060 },
    { address: '192.0.2.2', port: 5060 },
  ],
  emergencyReserve: 0,
  media: 'relay',
}

test('a number is E.164 with +, with 00, or with separators; anything else is none', () => {
  assert.equal(e164('+32 2 555-01.01'), '+3225550101')
  assert.equal(e164('003225550101'), '+3225550101')
  assert.equal(e164('+3225550101;ext=1'), '+3225550101')
  for (const long of ['+32-900-12345678901234', '003290012345678901234', '+3290012345678901234'])
    assert.equal(dialledForm(long), '+3290012345678901234', 'too long, and yet what it begins with is seen (F14)')
  assert.deepEqual(['101', '*21#', '0012', '1-1-2', '+32 2 555'].map(dialledForm), ['101', '*21#', '0012', '112', '+322555'])
  for (const none of ['101', '025550101', '+0123456', '+123', 'alice', '+1234567890123456', ''])
    assert.equal(e164(none), null, none)
  assert.equal(digitsOf('+3225550101'), digitsOf('003225550101'))
  assert.equal(digitsOf('3225550101'), '3225550101')
})

test('F09 only what belongs in a user part can be dialled', () => {
  for (const good of ['101', '+3225550101', '*21#', 'sales.desk', 'a_b-c~d']) assert.ok(dialable(good), good)
  for (const bad of ['', 'a b', '101@evil', '1\r\nX: y', '1;user=phone', 'x'.repeat(65), '%0d%0a', '<1>']) {
    assert.ok(!dialable(bad), JSON.stringify(bad))
  }
})

test('trunks are known by the address of a gateway, subscribers by their number in any spelling', () => {
  const locations = new Locations({ now: () => 0, formerMs: 0 })
  locations.configure([trunk])
  const directory = createDirectory({ trunks: [trunk], subscribers: [acme], emergency: { numbers: ['112'] }, locations })
  assert.equal(directory.bySource('192.0.2.2'), trunk)
  assert.equal(directory.bySource('192.0.2.3'), undefined)
  for (const spelling of ['+3225550101', '3225550101', '003225550101']) {
    assert.deepEqual(directory.owner(spelling), { subscriber: acme, number: '+3225550101' })
  }
  assert.equal(directory.owner('+3225550199'), undefined)
  assert.equal(directory.owner(''), undefined)
  assert.ok(directory.isEmergency('112'))
  assert.ok(!directory.isEmergency('+32112'))
})

test('F10 a subscriber shows only numbers that it owns', () => {
  const party = { number: '+15551234567', name: 'Bank' }
  assert.deepEqual(shownCaller({ subscriber: acme, wished: '003225550102' }), { number: '+3225550102', anonymous: false })
  assert.deepEqual(shownCaller({ subscriber: acme, wished: '+15551234567' }), { refused: 'caller-id' })
  assert.deepEqual(shownCaller({ subscriber: acme, presented: party }), { number: '+3225550101', anonymous: false })
  const own = { number: '3225550102', name: 'Sales' }
  assert.deepEqual(shownCaller({ subscriber: acme, presented: own }), { number: '+3225550102', anonymous: false, name: 'Sales' })
  const vouched = { party, anonymous: true }
  assert.deepEqual(shownCaller({ subscriber: acme, vouched }), { number: '+15551234567', anonymous: true, name: 'Bank' })
  assert.deepEqual(shownCaller({ subscriber: { ...acme, numbers: [] }, presented: own }), { refused: 'caller-id' })
  assert.deepEqual(emergencyCaller(acme), { number: '+3225550102', anonymous: false })
  assert.equal(emergencyCaller({ ...acme, site: { pbx: null }, numbers: [] }).number, 'anonymous')
})

test('S46 every final status has a reason, and no challenge, redirection or 503 is ever told to the caller', () => {
  for (let status = 300; status < 700; status++) {
    const cause = causeOfStatus(status, 'callee')
    assert.ok(cause.reason in CAUSES, String(status))
    assert.equal(cause.sip, status)
    const told = toldStatus(cause)
    assert.ok(told >= 400 && ![401, 407, 503].includes(told), `${status} is told as ${told}`)
  }
})

test('a call that its agent turns away is refused with the status that it has chosen, unless a carrier would misunderstand it', () => {
  const told = [486, 404, 603, undefined, 300, 401, 407, 503].map((status) => toldStatus(rejection(status, undefined)))
  assert.deepEqual(told, [486, 404, 603, 603, 603, 603, 603, 603])
  assert.match(writeReason(rejection(486, undefined)), /cause=17/)
})

test('O04 reasons can be told apart: no two have the same name, status, Q.850 cause and text', () => {
  const rows = Object.values(CAUSES).map((row) => JSON.stringify(row))
  const twins = rows.filter((row, i) => rows.indexOf(row) !== i)
  assert.deepEqual(twins, [])
})

test('a Reason header is read and written, and its text is always ours', () => {
  assert.deepEqual(readReason('SIP;cause=486, Q.850;cause=17;text="User busy"'), { q850: 17, text: 'User busy' })
  assert.deepEqual(readReason('q.850 ; cause = 31'), { q850: 31 })
  assert.equal(readReason('SIP;cause=200;text="elsewhere"'), null)
  const cause = causeOfStatus(486, 'callee', { reason: 'Q.850;cause=34;text="secret of theirs"' })
  assert.equal(cause.q850, 34)
  assert.equal(writeReason(cause), 'Q.850;cause=34;text="User busy"')
  for (const reason of Object.keys(CAUSES) as Reason[]) {
    assert.match(
      writeReason(causeOf('switch', reason, 'x"\r\ny')),
      /^(?:SIP;cause=200;text="Call completed elsewhere", )?Q\.850;cause=\d{1,3};text="[^"\r\n]+"$/,
    )
  }
})

test('what a dial came to is said in TwiML’s words', () => {
  const said = (status: number) => dialStatus(causeOfStatus(status, 'callee'))
  assert.deepEqual([486, 600, 603, 480, 487, 404, 500, 302].map(said), [
    'busy',
    'busy',
    'busy',
    'no-answer',
    'cancelled',
    'failed',
    'failed',
    'failed',
  ])
})

test('the next gateway is tried for silence and 503 alone, and the last one is given more time', () => {
  assert.ok(triesNext({ kind: 'timeout' }) && triesNext({ kind: 'transport' }) && triesNext({ kind: 'status', status: 503 }))
  for (const status of [404, 486, 500, 603]) assert.ok(!triesNext({ kind: 'status', status }))
  assert.ok(patience(false) < patience(true))
})

test('F01 F06 strangers are counted in bounded memory, with a line in ten seconds at most', () => {
  const clock = new TurnedClock()
  let lines = 0
  const log: Log = { ...silentLog, warn: () => void lines++ }
  const strangers = new Strangers({ clock, log })
  for (let i = 0; i < 5000; i++) strangers.knocked(`198.51.${i >> 8}.${i & 255}`)
  assert.equal(strangers.dropped, 5000)
  assert.equal(lines, 1)
  assert.equal(strangers.from('198.51.0.0'), 0, 'the oldest is forgotten')
  assert.equal(strangers.from(`198.51.${4999 >> 8}.${4999 & 255}`), 1)
  clock.turn(10_000)
  strangers.knocked('198.51.100.1')
  assert.equal(lines, 2)
})
