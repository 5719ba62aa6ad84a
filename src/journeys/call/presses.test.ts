import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Presses } from './presses.ts'

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
