import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { settle } from './readable.ts'

test('what promises and ticks wait to do is done at once, and what that leads to', async () => {
  const seen: string[] = []
  const callback = () => {
    process.nextTick(() => seen.push('tick'))
    void Promise.resolve()
      .then(() => process.nextTick(() => seen.push('later tick')))
      .then(() => seen.push('promise'))
    void Promise.reject(new Error('nobody waits')).catch(() => seen.push('caught'))
    settle()
    return [...seen]
  }
  const done = await new Promise<string[]>((resolve) => setImmediate(() => resolve(callback())))
  assert.deepEqual(done, ['tick', 'caught', 'promise', 'later tick'])
})

test('what is thrown by whoever reads, or by a tick that this leads to, ends the process, which says why', () => {
  for (const read of ["throw new Error('a fault')", "process.nextTick(() => { throw new Error('a fault') }), settle()"]) {
    const program = `
      import { Readable, settle } from ${JSON.stringify(import.meta.resolve('./readable.ts'))}
      globalThis.readable = new Readable(0, () => { ${read} })
      setTimeout(() => console.log('it goes on'), 5000)`
    const args = ['--input-type=module', '-e', program]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', input: 'there' })
    assert.deepEqual([status, stdout], [1, ''])
    assert.match(stderr, /a fault/)
  }
})
