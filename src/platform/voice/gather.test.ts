import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TurnedClock } from '#lib/index.ts'
import { Claims } from './claims.ts'
import { Collector, type GatherResult } from './gather.ts'

function collect(over: { maxDigits?: number; finishKey?: string } = {}) {
  const clock = new TurnedClock()
  const results: GatherResult[] = []
  const params = { endpoint: 'med_1', verb: 'verb_1', timeoutMs: 5000, interDigitTimeoutMs: 2000, ...over } as const
  const collector = new Collector(params, clock, (result) => results.push(result))
  const press = (keys: string, ms = 100) => {
    for (const key of keys) {
      collector.started()
      clock.turn(ms)
      collector.ended(key)
    }
  }
  return { clock, results, collector, press }
}

test('as many digits as were asked for end it', () => {
  const { results, collector, press, clock } = collect({ maxDigits: 4 })
  collector.promptEnded()
  press('12345')
  assert.deepEqual(results, [{ digits: '1234', reason: 'max-digits' }])
  assert.equal(clock.pending, 0)
})

test('C10 what is said by the ear of a program that never says what it was ends it in time, and no key is lost by it', () => {
  const { results, collector, press, clock } = collect({ maxDigits: 2 })
  collector.promptEnded()
  assert.equal(collector.voice(30_000), true)
  clock.turn(29_000)
  assert.deepEqual(results, [])
  clock.turn(2000)
  assert.deepEqual(results, [{ digits: '', reason: 'timeout' }])
  const other = collect({ maxDigits: 2 })
  other.press('4')
  assert.equal(other.collector.voice(30_000), false)
  other.collector.understood({ text: 'four' })
  other.press('2')
  assert.deepEqual(other.results, [{ digits: '42', reason: 'max-digits' }])
  press('1')
  assert.equal(clock.pending + other.clock.pending, 0)
})

test('the finishing key ends it and is no digit', () => {
  const { results, press } = collect({ finishKey: '#' })
  press('42#')
  assert.deepEqual(results, [{ digits: '42', reason: 'finish-key' }])
})

test('nobody presses anything: the time counts from the end of the prompt', () => {
  const { results, collector, clock } = collect()
  clock.turn(60_000)
  assert.deepEqual(results, [])
  collector.promptEnded()
  clock.turn(4999)
  assert.deepEqual(results, [])
  clock.turn(1)
  assert.deepEqual(results, [{ digits: '', reason: 'timeout' }])
})

test('between digits the other time counts, and a key that is held stops it', () => {
  const { results, collector, press, clock } = collect()
  collector.promptEnded()
  press('1')
  clock.turn(1900)
  press('2', 6000)
  assert.deepEqual(results, [])
  clock.turn(2000)
  assert.deepEqual(results, [{ digits: '12', reason: 'timeout' }])
})

test('the first key ends the prompt, whose end does not start the time while it is down', () => {
  const { results, collector, clock } = collect()
  collector.started()
  collector.promptEnded()
  clock.turn(7000)
  assert.deepEqual(results, [])
  collector.ended('7')
  clock.turn(2000)
  assert.deepEqual(results, [{ digits: '7', reason: 'timeout' }])
})

test('what was collected counts when it is stopped, once', () => {
  const { results, collector, press, clock } = collect()
  press('9')
  collector.end('stopped')
  collector.end('gone')
  press('8')
  clock.turn(10_000)
  assert.deepEqual(results, [{ digits: '9', reason: 'stopped' }])
})

test('R02 calls that no switch claims within 15 s are given up, claimed and later ones are not', () => {
  const clock = new TurnedClock()
  const abandoned: string[][] = []
  const claims = new Claims(clock, (calls) => abandoned.push(calls))
  claims.lost(['call_1', 'call_2', 'call_3'])
  clock.turn(14_000)
  claims.claim(['call_2', 'call_9'])
  clock.turn(999)
  assert.deepEqual(abandoned, [])
  clock.turn(1)
  assert.deepEqual(abandoned, [['call_1', 'call_3']])
  clock.turn(60_000)
  assert.equal(abandoned.length, 1)
  claims.lost(['call_2'])
  claims.close()
  assert.equal(clock.pending, 0)
})
