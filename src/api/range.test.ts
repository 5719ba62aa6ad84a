import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteRange } from './range.ts'

test('RFC 9110 §14.1.2: first and last byte, an open end, a suffix', () => {
  assert.deepEqual(byteRange('bytes=0-0', 10), { start: 0, end: 1 })
  assert.deepEqual(byteRange('bytes=2-', 10), { start: 2, end: 10 })
  assert.deepEqual(byteRange('bytes=2-99', 10), { start: 2, end: 10 })
  assert.deepEqual(byteRange('bytes=-3', 10), { start: 7, end: 10 })
  assert.deepEqual(byteRange('bytes=-30', 10), { start: 0, end: 10 })
})

test('what begins behind the end cannot be had; what is no range of bytes is passed over', () => {
  assert.equal(byteRange('bytes=10-', 10), 'unsatisfiable')
  assert.equal(byteRange('bytes=-0', 10), 'unsatisfiable')
  for (const header of [undefined, '', 'bytes=-', 'bytes=3-2', 'lines=1-2', 'bytes=0-1,3-4'])
    assert.equal(byteRange(header, 10), null)
})
