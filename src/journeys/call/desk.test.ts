import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, TurnedClock } from '#lib/index.ts'
import { Desk, type Verb } from './desk.ts'

const call = newId('call')
const signal = new AbortController().signal

test('verbs are taken in their order, and whoever waits gets the next at once', async () => {
  const desk = new Desk(new TurnedClock())
  const first = desk.next(100)
  void desk.submit('call.ring', { call }, signal)
  void desk.submit('call.answer', { call }, signal)
  assert.equal(((await first) as Verb).name, 'call.ring')
  assert.equal(((await desk.next(100)) as Verb).name, 'call.answer')
})

test('without a verb the patience runs out, and leaves no timer', async () => {
  const clock = new TurnedClock()
  const desk = new Desk(clock)
  const next = desk.next(2000)
  clock.turn(1999)
  void desk.submit('call.ring', { call }, signal)
  assert.equal(((await next) as Verb).name, 'call.ring')
  assert.equal(clock.pending, 0)
  const late = desk.next(2000)
  clock.turn(2000)
  assert.equal(await late, 'late')
  assert.equal(await desk.next(2000), 'late', 'and stays so')
})

test('verbs on the desk go before a program’s return, but not before its loss', async () => {
  const desk = new Desk(new TurnedClock())
  void desk.submit('call.ring', { call }, signal)
  desk.leave('returned')
  assert.equal(((await desk.next(100)) as Verb).name, 'call.ring')
  assert.equal(await desk.next(100), 'returned')
  const lost = new Desk(new TurnedClock())
  void lost.submit('call.ring', { call }, signal).catch(() => {})
  lost.leave('link-lost')
  assert.ok(lost.lost.aborted)
  assert.equal(await lost.next(100), 'link-lost')
})

test('C04 a closed desk rejects what waits, what comes, and whoever takes', async () => {
  const clock = new TurnedClock()
  const gone = new Error('gone')
  const desk = new Desk(clock)
  const waiting = desk.submit('call.ring', { call }, signal)
  desk.close(gone)
  await assert.rejects(waiting, gone)
  await assert.rejects(desk.submit('call.ring', { call }, signal), gone)
  await assert.rejects(desk.next(100), gone)
  const other = new Desk(clock)
  const next = other.next(100)
  other.close(gone)
  await assert.rejects(next, gone)
  assert.equal(clock.pending, 0)
})
