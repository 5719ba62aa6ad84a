import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findUnwritable } from './text.ts'

test('F09 text with NUL or half of a character is found wherever it is, all other text is let be', () => {
  assert.equal(findUnwritable({ a: ['x', { b: 'a\r\n😀\u202e' }], c: null, d: 1 }), null)
  assert.equal(findUnwritable({ a: ['x', { b: 'a\0' }] }), '/a/1/b')
  assert.equal(findUnwritable({ a: '\ud800' }), '/a')
  assert.equal(findUnwritable({ a: { 'b\0': 1 } }), '/a')
  assert.equal(findUnwritable('\udc00'), '')
  assert.equal(findUnwritable(Buffer.from('\0')), null)
})

test('F09 a value may be as deep as a body can be', () => {
  let deep: unknown = 'a\0'
  for (let i = 0; i < 100_000; i++) deep = [deep]
  assert.notEqual(findUnwritable(deep), null)
})
