import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { rfc3339 } from './time.ts'

test('moments are written as toISOString writes them, in whatever order they come', () => {
  const text = rfc3339()
  const somewhere = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) })
  const near = fc.integer({ min: 0, max: 3000 }).map((ms) => Date.UTC(2026, 10, 27) + ms)
  const moments = fc.array(fc.oneof(near, near, somewhere, fc.double({ min: 0, max: 4e12, noNaN: true })))
  fc.assert(
    fc.property(moments, (walls) => {
      for (const wall of walls) assert.equal(text(wall), new Date(wall).toISOString())
    }),
    { seed: 7 },
  )
})
