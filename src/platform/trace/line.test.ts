import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Id, newId } from '#lib/index.ts'
import { CallLines, HEAD, type LineOwner, MESSAGE_IN, MESSAGE_OUT, RECORD, WaitingLines } from './line.ts'

const CALLS = [newId('call'), newId('call'), newId('call')]

/** Two writes of lines of three calls by turns; of each line its call is its body. */
function written(): Buffer {
  const pieces: Buffer[] = []
  const lines = new WaitingLines()
  for (let write = 0; write < 2; write++) {
    const owners = CALLS.map((): LineOwner => ({ batch: null, number: 0 }))
    // In another order, so that a number stands for another call than before.
    const order = CALLS.map((_, i) => (i + write) % CALLS.length)
    for (const i of order) lines.introduce(owners[i]!, `${CALLS[i]} leg sub`)
    for (const kind of [MESSAGE_IN, MESSAGE_OUT, RECORD]) {
      for (const i of order) lines.add(kind, 1000 + kind, owners[i]!, `${CALLS[i]} ${kind}`)
    }
    pieces.push(Buffer.from(lines.bytes))
    lines.clear()
  }
  return Buffer.concat(pieces)
}

function shown(call: Id<'call'>, bytes: Buffer): string[] {
  const found: string[] = []
  const lines = new CallLines(call, ({ kind, head, body }) => {
    assert.equal(head, `${call} leg sub`)
    found.push(`${kind} ${body}`)
  })
  lines.look(bytes)
  return found
}

/** Where lines begin. */
function begins(bytes: Buffer): number[] {
  const found: number[] = []
  for (let at = 0; at < bytes.length; at += (bytes.readUInt32LE(at) + 7) & ~7) found.push(at)
  return found
}

const linesOf = (call: string) => [1, 2, 3, 1, 2, 3].map((kind) => `${kind} ${call} ${kind}`)

test('a bit that the disk has turned over in what a line says of itself gives no line to another call, nor another meaning', () => {
  const bytes = written()
  for (const call of CALLS) assert.deepEqual(shown(call, bytes), linesOf(call))
  let missing = 0
  for (const begin of begins(bytes)) {
    for (let bit = 0; bit < 64; bit++) {
      const damaged = Buffer.from(bytes)
      damaged[begin + (bit >> 3)]! ^= 1 << (bit & 7)
      for (const call of CALLS) {
        const left = linesOf(call)
        for (const line of shown(call, damaged)) {
          const at = left.indexOf(line)
          assert.ok(at >= 0, `bit ${bit} of the line at ${begin}: ${line} of ${call}`)
          left.splice(at, 1)
        }
        missing += left.length
      }
    }
  }
  assert.ok(missing > 0)
})

test('lines of a release that wrote no check are read as they are', () => {
  const bytes = written()
  for (const begin of begins(bytes)) bytes[begin + 4]! &= 3
  assert.equal(bytes[4], HEAD)
  for (const call of CALLS) assert.deepEqual(shown(call, bytes), linesOf(call))
})
