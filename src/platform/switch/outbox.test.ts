import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Outbox } from './outbox.ts'

test('what a turn sends leaves after one write of the journal, in order', async () => {
  const seen: string[] = []
  const outbox = new Outbox({ flush: () => seen.push('write') })
  for (const name of ['a', 'b', 'c']) outbox.post({ send: () => seen.push(name) })
  assert.deepEqual(seen, [], 'nothing leaves within the turn')
  await new Promise(setImmediate)
  assert.deepEqual(seen, ['write', 'a', 'b', 'c'])
})

test('a record without a message is written too, and what a delivery posts waits for the next write', async () => {
  const seen: string[] = []
  const outbox = new Outbox({ flush: () => seen.push('write') })
  outbox.wake()
  await new Promise(setImmediate)
  assert.deepEqual(seen, ['write'])
  outbox.post({ send: () => outbox.post({ send: () => seen.push('second') }) })
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  assert.deepEqual(seen, ['write', 'write', 'write', 'second'])
})
