import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep, TurnedClock } from './clock.ts'

test('a turned clock runs timers in the order of their deadlines, at their own time', () => {
  const clock = new TurnedClock()
  const seen: [string, number][] = []
  clock.after(30, () => seen.push(['late', clock.now()]))
  clock.after(10, () => {
    seen.push(['early', clock.now()])
    clock.after(5, () => seen.push(['chained', clock.now()]))
  })
  clock.turn(40)
  assert.deepEqual(seen, [
    ['early', 10],
    ['chained', 15],
    ['late', 30],
  ])
  assert.equal(clock.pending, 0)
})

test('a cancelled timer does not run', () => {
  const clock = new TurnedClock()
  clock.after(10, () => assert.fail('it ran')).cancel()
  clock.turn(20)
  assert.equal(clock.pending, 0)
})

test('a step of the wall clock moves no deadline and no duration', () => {
  const clock = new TurnedClock(1_000)
  let ran = false
  clock.after(10, () => {
    ran = true
  })
  clock.step(3_600_000)
  assert.equal(ran, false)
  assert.equal(clock.now(), 0)
  assert.equal(clock.wall(), 3_601_000)
})

test('sleep rejects with the reason of its signal and leaves no timer', async () => {
  const clock = new TurnedClock()
  const abort = new AbortController()
  const slept = sleep(clock, 1_000, abort.signal)
  abort.abort(new Error('enough'))
  await assert.rejects(slept, /enough/)
  assert.equal(clock.pending, 0)
})
