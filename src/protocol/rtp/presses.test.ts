import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Presses } from './index.ts'

/** What is left of keys that came as `5@sound:0`: the way and the time in ms behind each; `down` is no key yet. */
function kept(...keys: string[]): string[] {
  const presses = new Presses()
  return keys.filter((key) => {
    const [, digit = '', way, at] = /^(.)@(sound|info|down):(\d+)$/.exec(key) ?? []
    if (way !== 'down') return presses.take(way as 'sound', digit, Number(at)) !== null
    presses.begins(digit, Number(at))
    return false
  })
}

test('S51 a key that both ways tell of is one, whichever comes first; keys of one way are as many as there are', () => {
  assert.deepEqual(kept('5@sound:0', '5@info:80'), ['5@sound:0'])
  assert.deepEqual(kept('5@info:0', '5@sound:120'), ['5@info:0'])
  assert.deepEqual(kept('5@sound:0', '5@sound:200', '5@info:220', '5@info:400'), ['5@sound:0', '5@sound:200'])
  assert.deepEqual(kept('5@info:0', '5@info:200', '5@info:400'), ['5@info:0', '5@info:200', '5@info:400'])
  assert.deepEqual(kept('5@sound:0', '6@info:10'), ['5@sound:0', '6@info:10'])
  assert.deepEqual(kept('5@down:0', '5@info:10', '5@sound:900', '5@info:2900'), ['5@sound:900', '5@info:2900'])
  assert.deepEqual(kept('5@info:0', '5@down:10', '5@sound:110', '5@down:200', '5@sound:300'), ['5@info:0', '5@sound:300'])
  assert.deepEqual(kept('5@down:0', '5@sound:4000', '5@info:4010'), ['5@sound:4000'], 'held for long, and told of when it is up')
  assert.deepEqual(kept('5@down:0', '5@info:4000', '5@sound:4010'), ['5@sound:4010'], 'the same, the other way first')
  assert.deepEqual(
    kept('5@info:0', '5@down:10', '5@down:5000', '5@sound:5100'),
    ['5@info:0', '5@sound:5100'],
    'nobody told its end',
  )
  assert.deepEqual(kept('5@sound:0', '5@info:3000'), ['5@sound:0', '5@info:3000'], 'much later it is another press')
})

test('S51 a press knows whether the other way has told of it since', () => {
  const presses = new Presses()
  const [five, six] = [presses.take('info', '5', 0), presses.take('info', '6', 0)]
  presses.begins('5', 30)
  assert.deepEqual([five?.alone, six?.alone], [false, true])
})

test('S51 an INFO waits for the sound where that ever tells, or may; and not for long where it never does', () => {
  const presses = new Presses()
  const first = presses.take('info', '1', 0)!
  assert.equal(presses.dueAt(0), 1500)
  const second = presses.take('info', '2', 1400)!
  assert.equal(presses.dueAt(1400), 2900)
  assert.equal(presses.settle(first), true)
  const third = presses.take('info', '3', 2000)!
  assert.equal(presses.dueAt(2000), 2900, 'not before the one before it')
  assert.deepEqual([presses.settle(second), presses.settle(third)], [true, true])
  const fourth = presses.take('info', '4', 4000)!
  assert.equal(presses.dueAt(4000), 4150)
  presses.begins('4', 4100)
  assert.equal(presses.settle(fourth), false)
  presses.take('info', '5', 5000)
  assert.equal(presses.dueAt(5000), 6500)
})
