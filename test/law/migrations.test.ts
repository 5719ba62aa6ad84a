import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'

const files = readdirSync(new URL('../../src/store/migrations', import.meta.url)).sort()

/** By an oversight, and databases in the world have their names. */
const TWICE = ['0002_billing-plan.ts', '0002_billing.sql', '0016_toll.ts', '0016_trunk-choice.sql']

test('a migration has its number for itself, one above the one before', () => {
  const known = new Set(TWICE)
  assert.deepEqual(
    files.filter((file) => known.has(file)),
    TWICE,
    'what databases know by its name keeps it',
  )
  const numbers = [...new Set(files.map((file) => (known.has(file) ? file.slice(0, 4) : file)))].map((file) => file.slice(0, 4))
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => String(i + 1).padStart(4, '0')),
  )
})
