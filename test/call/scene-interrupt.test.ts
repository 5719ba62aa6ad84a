import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '../peer/index.ts'
import { leftOf } from '../world/index.ts'

const DEMO = fileURLToPath(new URL('../../demo/main.ts', import.meta.url))

/** The demonstration as a terminal starts it. */
function play() {
  const child = spawn(process.execPath, [DEMO, '--scene', '1'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      said += chunk
    })
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  return {
    child,
    exited,
    said: () => said,
    id: () => /world (w\w{4}):/.exec(said)?.[1] ?? '',
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

test('T10 after Ctrl-C in the middle of a call nothing of the demonstration is left, and it says so', async () => {
  await using demo = play()
  await until('the calls', () => demo.said().includes('at the same moment'), 90_000)
  assert.ok(leftOf(demo.id()).length > 20, 'there was something')
  demo.child.kill('SIGINT')
  const [code] = await demo.exited
  assert.equal(code, 130)
  assert.match(demo.said(), /nothing is left/)
  assert.deepEqual(leftOf(demo.id()), [])
})

test('T10 a demonstration that is killed while the platform starts is swept by its reaper', async () => {
  await using demo = play()
  await until('the world', () => demo.id() !== '', 30_000)
  await until('the platform', () => leftOf(demo.id()).some((thing) => thing.includes('main/switch.ts')), 60_000, 50)
  demo.child.kill('SIGKILL')
  await demo.exited
  await until('the sweep', () => leftOf(demo.id()).length === 0, 20_000, 50)
})
