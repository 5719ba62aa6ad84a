import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'

const RUNNER = join(import.meta.dirname, 'test-files.mjs')
const LASTING = `console.log(process.pid); require('node:test').test('lasts', () => new Promise((r) => setTimeout(r, 60_000)))`

/** Files of tests in a directory of their own, and what runs them one after the other. */
function filesOf(texts: Record<string, string>) {
  const directory = mkdtempSync(join(tmpdir(), 'tl-tests-'))
  const files = Object.entries(texts).map(([name, text]) => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  })
  const list = join(directory, 'failed')
  // A runner below a runner would run nothing.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(process.execPath, [RUNNER, list, '1', '60000', ...files], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  return {
    child,
    out: () => out,
    failed: () => readFileSync(list, 'utf8').trim().split('\n'),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

test('files run in the order in which they are given, and what has failed is named', async () => {
  const says = (name: string, body = '') => `require('node:test').test('${name}', () => { ${body} })`
  using run = filesOf({
    'z.test.cjs': says('first', 'throw new Error()'),
    'a.test.cjs': says('second'),
    'k.test.cjs': 'process.exit(3)',
  })
  const [code] = await once(run.child, 'close')
  assert.equal(code, 1)
  assert.ok(run.out().indexOf('first') < run.out().indexOf('second'), run.out())
  assert.deepEqual(
    run.failed().map((file) => basename(file)),
    ['z.test.cjs', 'k.test.cjs'],
  )
})

test('a signal ends the tests with their runner, which does not say that they have failed', async () => {
  using run = filesOf({ 'a.test.cjs': LASTING })
  for (let tries = 0; !/^\d+$/m.test(run.out()) && tries < 3000; tries++) await new Promise((resolve) => setTimeout(resolve, 10))
  const pid = Number(/^\d+$/m.exec(run.out())?.[0])
  run.child.kill('SIGTERM')
  const [code] = await once(run.child, 'close')
  assert.equal(code, 143)
  const state = () => {
    try {
      return /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    } catch {
      return 'gone'
    }
  }
  for (let tries = 0; !['Z', 'gone'].includes(state()!) && tries < 500; tries++) await new Promise((r) => setTimeout(r, 10))
  assert.ok(['Z', 'gone'].includes(state()!))
})
