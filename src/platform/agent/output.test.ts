import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { TurnedClock } from '#lib/index.ts'
import { AgentOutput } from './output.ts'

function output(t: TestContext, over: object = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'output-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const clock = new TurnedClock(Date.UTC(2026, 10, 23))
  const file = join(directory, 'agents', 'acme.log')
  return { clock, file, directory, output: new AgentOutput({ file, clock, ...over }) }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

test('what an agent prints is kept by lines with the time, also its last words without a line end', async (t) => {
  const o = output(t)
  const stream = new PassThrough()
  o.output.follow(stream)
  stream.write('one\ntw')
  await turn()
  o.clock.turn(1500)
  stream.end('o\nlast words')
  await turn()
  await turn()
  assert.deepEqual(o.output.tail(10), [
    '2026-11-23T00:00:00.000Z one',
    '2026-11-23T00:00:01.500Z two',
    '2026-11-23T00:00:01.500Z last words',
  ])
  assert.deepEqual(o.output.tail(1), ['2026-11-23T00:00:01.500Z last words'])
})

test('two files of a bounded size are kept, and the tail reaches over both', (t) => {
  const o = output(t, { maxFileBytes: 1000, bytesPerSecond: 1e9 })
  for (let i = 0; i < 200; i++) o.output.write([`line ${i}`])
  const files = readdirSync(join(o.directory, 'agents'))
  assert.deepEqual(files.sort(), ['acme.log', 'acme.log.1'])
  for (const f of files) assert.ok(statSync(join(o.directory, 'agents', f)).size <= 1000)
  const newest = o.output.tail(20).map((line) => line.slice(25))
  assert.deepEqual(
    newest,
    Array.from({ length: 20 }, (_, i) => `line ${180 + i}`),
  )
})

test('an agent that says too much has lines dropped, and the log says how many', (t) => {
  const told: string[] = []
  const o = output(t, { bytesPerSecond: 100, onKept: (lines: string[]) => void told.push(...lines) })
  for (let i = 0; i < 100; i++) o.output.write(['x'.repeat(75)])
  assert.equal(o.output.tail(1000).length, 3)
  assert.equal(told.length, 3, 'whoever listens is told no more')
  o.clock.turn(2000)
  o.output.write(['again'])
  assert.deepEqual(
    o.output.tail(2).map((line) => line.slice(25)),
    ['(97 lines dropped: too much output)', 'again'],
  )
})

test('an agent that floods its output is made to wait', async (t) => {
  const o = output(t)
  const stream = new PassThrough({ highWaterMark: 8 << 20 })
  o.output.follow(stream)
  stream.write(`${'x'.repeat(3 << 20)}\n`)
  await turn()
  assert.ok(stream.isPaused())
  o.clock.turn(1000)
  assert.ok(!stream.isPaused())
})
