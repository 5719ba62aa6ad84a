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

test('a tick that throws ends the process, which says why', () => {
  const program = `
    import { settle } from ${JSON.stringify(import.meta.resolve('./readable.ts'))}
    setImmediate(() => {
      process.nextTick(() => { throw new Error('a fault') })
      settle()
      console.log('it goes on')
    })`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  assert.equal(status, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /a fault/)
})
