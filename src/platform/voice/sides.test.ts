import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sides } from './sides.ts'

const pcm = (...samples: number[]) => Int16Array.from(samples)

test('M11 sides stay beside each other, however unevenly they come', () => {
  const sides = new Sides(2, 2)
  sides.push(0, pcm(1, 2, 3))
  assert.deepEqual(sides.pull(false), pcm())
  sides.push(1, pcm(10))
  assert.deepEqual(sides.pull(false), pcm(1, 10))
  sides.push(1, pcm(20, 30, 40))
  assert.deepEqual(sides.pull(false), pcm(2, 20, 3, 30))
  assert.deepEqual(sides.pull(true), pcm(0, 40))
})

test('on one channel both are heard, and loud ones do not turn over', () => {
  const sides = new Sides(2, 1)
  sides.push(0, pcm(5, 30_000))
  sides.push(1, pcm(7, 30_000))
  assert.deepEqual(sides.pull(false), pcm(12, 32_767))
})

test('one side alone goes through', () => {
  const sides = new Sides(1, 1)
  sides.push(0, pcm(1, 2))
  assert.deepEqual(sides.pull(false), pcm(1, 2))
})
