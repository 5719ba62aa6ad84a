import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { changesBetween, type Id, newId } from '#lib/index.ts'
import type { JournalRecord } from '#platform/words/index.ts'
import { directoryOf, world } from './journal.fixture.ts'

/** A state with a leg, and the change that its leg `n` times has become of it. */
const stateOf = (n: number) => ({ facts: { from: 'x'.repeat(300) }, legs: [{ n, answered: null }] })

test('a call is found again as its last change has left it, over segments and restarts (R05)', async (t) => {
  const directory = directoryOf(t)
  const w = world(directory)
  const [call, over, later] = [newId('call'), newId('call'), newId('call')]
  const change = (of: Id<'call'>, n: number): JournalRecord => {
    return { type: 'call.changed', at: w.at(), call: of, number: 0, changes: changesBetween(stateOf(n - 1), stateOf(n)) }
  }
  const first = await w.open({ segmentBytes: 2000, syncMs: 1 })
  for (const id of [call, over]) first.append(w.state(id, stateOf(0)))
  for (let n = 1; n <= 3; n++) for (const id of [call, over]) first.append(change(id, n))
  first.append(w.state(over, null))
  first.flush()
  // What it was written in is shipped and goes; the call is written again with its changes, and changes on.
  for (let n = 0; n < 60; n++) {
    for (let i = 0; i < 5; i++) first.append(w.event())
    await first.sync()
    first.shipped(first.status().synced)
  }
  assert(
    !readdirSync(directory).some((name) => readFileSync(join(directory, name), 'utf8').includes(over)),
    'it was not written again',
  )
  first.append(change(call, 4))
  await first.close()
  const second = await w.open({ segmentBytes: 2000 })
  assert.deepEqual(second.replay().calls, [{ call, state: stateOf(4) }])
  // Another process says all of it first: until then a change of its own would be of something else.
  second.append(change(call, 5))
  second.append(w.state(later, stateOf(7)))
  second.append(change(later, 8))
  await second.close()
  const third = await w.open()
  assert.deepEqual(third.replay().calls, [
    { call, state: stateOf(4) },
    { call: later, state: stateOf(8) },
  ])
  await third.close()
})

test('a change that is damaged takes those behind it with it, and not the call', async (t) => {
  const directory = directoryOf(t)
  const w = world(directory)
  const call = newId('call')
  const first = await w.open()
  first.append(w.state(call, stateOf(0)))
  for (let n = 1; n <= 3; n++) {
    first.append({ type: 'call.changed', at: w.at(), call, number: 0, changes: changesBetween(stateOf(n - 1), stateOf(n)) })
    first.flush()
  }
  await first.close()
  const [name] = readdirSync(directory).filter((file) => file.endsWith('.journal'))
  const path = join(directory, name!)
  writeFileSync(path, readFileSync(path, 'utf8').replace('D3 [', 'D7 ['))
  const second = await w.open()
  assert.deepEqual(second.replay().calls, [{ call, state: stateOf(1) }])
  assert.equal(second.replay().damaged, 1)
  await second.close()
})

test('where the whole state is damaged, changes of it are not made to the one before', async (t) => {
  const directory = directoryOf(t)
  const w = world(directory)
  const call = newId('call')
  const first = await w.open()
  const add = (record: JournalRecord) => {
    first.append(record)
    first.flush()
  }
  const change = (before: unknown, after: unknown): JournalRecord => {
    return { type: 'call.changed', at: w.at(), call, number: 0, changes: changesBetween(before, after) }
  }
  add(w.state(call, { phase: 'setup', n: 1 }))
  add(change({ n: 1 }, { n: 2 }))
  add(w.state(call, { phase: 'joined', legs: { n: 2 } }))
  for (let n = 3; n <= 5; n++) add(change({ legs: { n: n - 1 } }, { legs: { n } }))
  await first.close()
  const [name] = readdirSync(directory).filter((file) => file.endsWith('.journal'))
  const path = join(directory, name!)
  writeFileSync(path, readFileSync(path, 'utf8').replace('joined', 'jOined'))
  const second = await w.open()
  assert.deepEqual(second.replay().calls, [{ call, state: { phase: 'setup', n: 2 } }])
  assert.equal(second.replay().damaged, 1)
  await second.close()
})
