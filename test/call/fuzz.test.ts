import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzed, openFuzzWorld } from './fuzz.ts'

test('F12 mutations of its own traffic end no process, and calls go on beside them (npm run bench -- fuzz --minutes 60 for more)', async () => {
  await using world = await openFuzzWorld()
  const result = await fuzzed(world, { ms: 4000, perSecond: 500, seed: 7 })
  assert.deepEqual(result.ended, [])
  assert.ok(result.datagrams > 200 && result.streams > 10 && result.packets > 500, JSON.stringify(result))
  assert.ok(result.calls > 2 && result.unanswered === 0, JSON.stringify(result))
  await world.quiet(40_000)
})
