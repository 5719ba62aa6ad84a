import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LineBuffer, lineAt } from './line.ts'

function add(lines: LineBuffer, position: number, text: string): boolean {
  const began = lines.begin(position)
  lines.octets.text(text)
  return began
}

/** The records of each line with their first position, or that it is damaged. */
function read(lines: LineBuffer): unknown[] {
  const bytes = Buffer.from(lines.bytes().subarray(0, lines.length))
  const found: unknown[] = []
  for (let line = lineAt(bytes, 0); line; line = lineAt(bytes, line.end)) {
    found.push('damaged' in line ? 'damaged' : [line.position, ...line.records.map(({ text }) => text)])
  }
  return found
}

test('a record that is taken back leaves those before it whole, and the next one begins a line', () => {
  const lines = new LineBuffer()
  add(lines, 7, '{"a":1}')
  const joined = lines.length
  add(lines, 8, '{"b":2}')
  assert.equal(lines.takeBack(joined), false)
  assert.equal(add(lines, 9, '{"ü":3}'), true)
  const closed = lines.length
  assert.equal(add(lines, 0, '{"own":4}'), true)
  assert.equal(lines.takeBack(closed), true)
  assert.deepEqual(read(lines), [
    [7, '{"a":1}'],
    [9, '{"ü":3}'],
  ])
  const empty = new LineBuffer()
  add(empty, 1, '{}')
  assert.equal(empty.takeBack(0), true)
  assert.equal(empty.length, 0)
})

test('the digits of positions and moments are those of the number', () => {
  for (const n of [
    0,
    9,
    10,
    999_999,
    1_000_000,
    1_795_828_277_962,
    28_733_252_443_921,
    999_999_999_999_999,
    Number.MAX_SAFE_INTEGER,
    0.5,
  ]) {
    const lines = new LineBuffer()
    lines.octets.number(n)
    assert.equal(lines.octets.bytes.toString('latin1', 0, lines.length), String(n))
  }
})
