import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createCgroup } from './cgroup.ts'

const LIMITS = { memoryMebibytes: 64, cpuShare: 0.5, maxProcesses: 32 }

function root(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'cgroup-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}
const read = (...path: string[]) => readFileSync(join(...path), 'utf8')

test('version 2: the controllers are passed on to each level, and the limits written', (t) => {
  const r = root(t)
  writeFileSync(join(r, 'cgroup.controllers'), 'cpu memory pids')
  const group = createCgroup('tieline-x/acme-1', LIMITS, r)
  assert.deepEqual(group.unlimited, [])
  assert.equal(read(r, 'tieline-x/acme-1/memory.max'), '67108864')
  assert.equal(read(r, 'tieline-x/acme-1/cpu.max'), '50000 100000')
  assert.equal(read(r, 'tieline-x/acme-1/pids.max'), '32')
  assert.deepEqual(group.procs, [join(r, 'tieline-x/acme-1/cgroup.procs')])
  assert.equal(read(r, 'cgroup.subtree_control'), '+pids')
  assert.equal(read(r, 'tieline-x/cgroup.subtree_control'), '+pids')
  writeFileSync(join(r, 'tieline-x/acme-1/memory.events'), 'low 0\noom 4\noom_kill 3\n')
  assert.equal(group.oomKills(), 3)
})

test('version 1: a group in each hierarchy', (t) => {
  const r = root(t)
  for (const controller of ['memory', 'cpu', 'pids']) mkdirSync(join(r, controller))
  const group = createCgroup('tieline-x/acme-1', LIMITS, r)
  assert.equal(group.procs.length, 3)
  assert.deepEqual(group.unlimited, [])
  assert.equal(read(r, 'cpu/tieline-x/acme-1/cpu.cfs_quota_us'), '50000')
  assert.equal(group.oomKills(), 0)
})

test('where a limit cannot be set, it says which, and the rest holds', (t) => {
  const r = root(t)
  for (const controller of ['memory', 'cpu']) mkdirSync(join(r, controller))
  writeFileSync(join(r, 'pids'), 'no directory')
  const group = createCgroup('tieline-x/acme-1', LIMITS, r)
  assert.equal(group.procs.length, 2)
  assert.match(group.unlimited.join(), /^pids: /)
})

test('the last group of an installation takes the installation’s along', (t) => {
  const r = root(t)
  writeFileSync(join(r, 'cgroup.controllers'), '')
  const one = createCgroup('tieline-x/acme-1', LIMITS, r)
  const two = createCgroup('tieline-x/globex-1', LIMITS, r)
  // In the kernel's file system a group's own files do not keep it from being removed.
  for (const g of ['', '/acme-1', '/globex-1']) {
    for (const f of ['memory.max', 'cpu.max', 'pids.max', 'cgroup.subtree_control']) {
      if (existsSync(join(r, `tieline-x${g}`, f))) unlinkSync(join(r, `tieline-x${g}`, f))
    }
  }
  assert.ok(one.remove())
  assert.ok(existsSync(join(r, 'tieline-x')))
  assert.ok(two.remove() && two.remove())
  assert.ok(!existsSync(join(r, 'tieline-x')))
})
