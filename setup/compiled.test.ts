import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { forgetGone } from './compiled.mjs'

test('compiled code goes with the first module that has gone, and stays while modules only change or come', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'compiled-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const cache = join(directory, 'cache')
  const list = join(directory, 'modules', 'list')
  /** Whether what was compiled before is there afterwards. */
  const kept = (...files: string[]) => {
    mkdirSync(cache, { recursive: true })
    writeFileSync(join(cache, 'code'), '')
    forgetGone({ cache, list, files })
    return existsSync(join(cache, 'code'))
  }
  assert.equal(kept('a', 'b'), false, 'of a tree that nobody knows')
  assert.equal(kept('a', 'b'), true)
  assert.equal(kept('a', 'b', 'c'), true)
  assert.equal(kept('a', 'c'), false)
  assert.equal(kept('a', 'c'), true)
})
