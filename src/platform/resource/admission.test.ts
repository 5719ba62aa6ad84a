import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decide, type Standing } from './admission.ts'

const standing: Standing = { guaranteed: 2, ceiling: 4, mine: 0, capacity: 10, all: 0, committed: 2 }

test('a subscriber is served up to its ceiling, and not one more (R05)', () => {
  for (let mine = 0; mine < 4; mine++) {
    assert.equal(decide({ ...standing, mine, all: mine, committed: Math.max(2, mine) }, 1, false), null)
  }
  const over = decide({ ...standing, mine: 4, all: 4, committed: 4 }, 1, false)
  assert.deepEqual(over, { limitedBy: 'ceiling', limit: 4, inUse: 4 })
})

test("above its guarantee a subscriber gets only what the others' guarantees leave", () => {
  const full = { ...standing, mine: 2, all: 2, committed: 10 }
  assert.deepEqual(decide(full, 1, false), { limitedBy: 'pool', limit: 10, inUse: 2 })
  assert.equal(decide({ ...full, mine: 1 }, 1, false), null, 'the guarantee itself is served')
})

test('a request that lies half under and half above the guarantee needs room for the part above', () => {
  assert.equal(decide({ ...standing, mine: 1, all: 9, committed: 9 }, 1, false), null)
  assert.equal(decide({ ...standing, mine: 1, all: 3, committed: 10 }, 2, false)?.limitedBy, 'pool')
})

test('a pool that was made smaller than what is in use grants nothing, guarantee or not', () => {
  assert.equal(decide({ ...standing, capacity: 3, all: 3 }, 1, false)?.limitedBy, 'pool')
})

test("a trunk's reserve is kept for emergency calls, which are never refused", () => {
  const trunk = { limit: 5, reserve: 2, all: 3, emergency: 0 }
  assert.deepEqual(decide({ ...standing, trunk }, 1, false), { limitedBy: 'trunk', limit: 3, inUse: 3 })
  assert.equal(decide({ ...standing, trunk }, 1, true), null)
  assert.equal(decide({ ...standing, ceiling: 0, guaranteed: 0, capacity: 0, trunk: { ...trunk, all: 5 } }, 1, true), null)
})

test('emergency calls on the reserve do not shut ordinary calls out of the rest', () => {
  assert.equal(decide({ ...standing, trunk: { limit: 5, reserve: 2, all: 4, emergency: 2 } }, 1, false), null)
})
