import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '../peer/index.ts'
import { leftOf, PUBLIC, World } from '../world/index.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
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

test('T10 SIGTERM to `npm start` reaches the platform: npm ends when nothing of it is left', async () => {
  await using world = await World.open({ offices: [], watched: [], captures: false })
  const config = join(world.directory, 'tieline.yaml')
  const [sip, state] = [{ address: PUBLIC.node }, join(world.directory, 'state')]
  writeFileSync(config, JSON.stringify({ instance: world.id, state, sip, media: sip, voice: { processes: 1 } }))
  const npm = world.node.spawn(['npm', 'start', '--', '--config', config], { cwd: ROOT })
  let said = ''
  for (const stream of [npm.stdout!, npm.stderr!])
    stream.on('data', (chunk) => {
      said += chunk
    })
  const exited = once(npm, 'exit')
  await until('the platform', () => /what should be is published/.test(said) && /the switch is ready/.test(said), 90_000)
  npm.kill('SIGTERM')
  await exited
  assert.match(said, /Tieline stops/)
  const running = leftOf(world.id).filter((thing) => /main\/|postgres/.test(thing))
  assert.deepEqual(running, [])
})

test('T10 a demonstration that is killed while the platform starts is swept by its reaper', async () => {
  await using demo = play()
  await until('the world', () => demo.id() !== '', 30_000)
  await until('the platform', () => leftOf(demo.id()).some((thing) => thing.includes('main/switch.ts')), 60_000, 50)
  demo.child.kill('SIGKILL')
  await demo.exited
  await until('the sweep', () => leftOf(demo.id()).length === 0, 20_000, 50)
})
