import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { removeOrphans } from './postgres.ts'

test('what a start that was killed has left of a cluster is removed by the next; one that is at work is left alone', (t) => {
  const cache = mkdtempSync(join(tmpdir(), 'clusters-'))
  t.after(() => rmSync(cache, { recursive: true }))
  const current = 'tieline-cluster-18.4.0-beta.17'
  const stay = [current, `${current}.${process.pid}-aB3dE9`, 'tieline-compile']
  const gone = [`${current}-aB3dE9`, `${current}.4194305-aB3dE9`, 'tieline-cluster-17.1.0', 'tieline-cluster-17.1.0.1-aB3dE9']
  for (const name of [...stay, ...gone]) mkdirSync(join(cache, name, 'data'), { recursive: true })
  removeOrphans(cache, current)
  assert.deepEqual(readdirSync(cache), stay.toSorted())
  removeOrphans(join(cache, 'nowhere'), current)
})
