import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Log, silentLog, TurnedClock } from '#lib/index.ts'
import { Child } from './child.ts'
import { logSink } from './log-sink.ts'

// A child of root's is started through setpriv and mount namespaces: without root there is nothing to try.
const asRoot = { skip: process.getuid?.() !== 0 && 'needs root' }

function childOf(command: string[], clock: TurnedClock, stopMs?: number) {
  const pauses: number[] = []
  const log: Log = { ...silentLog, error: (fields) => void pauses.push((fields as { pauseMs: number }).pauseMs) }
  const plan = { name: 'tried', uid: 65534, command, confinement: { user: 'nobody', group: '65534' }, directory: '/' }
  const sink = logSink({ write() {}, pretty: false, level: 'info', clock })
  return { pauses, child: new Child({ ...plan, ...(stopMs ? { stopMs } : {}) }, { clock, log, sink }) }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('not in time')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test('a process that keeps dying is started again after ever longer pauses, up to ten seconds', asRoot, async () => {
  const clock = new TurnedClock()
  const { child, pauses } = childOf(['false'], clock)
  child.start()
  for (let deaths = 1; deaths <= 10; deaths++) {
    await until(() => pauses.length === deaths)
    clock.turn(pauses.at(-1)!)
  }
  assert.deepEqual(pauses.slice(0, 10), [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
  await child.stop()
  clock.turn(60_000)
  assert.equal(child.process, null, 'stopped is stopped')
})

test('a process that does not end when asked is killed after its time', asRoot, async () => {
  const clock = new TurnedClock()
  const { child, pauses } = childOf(['sh', '-c', 'trap "" TERM; echo; while :; do sleep 0.05; done'], clock, 300)
  const printed = new Promise((resolve) => {
    child.start()
    child.process?.stdout?.once('data', resolve)
  })
  await printed
  const stopped = child.stop()
  clock.turn(299)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.notEqual(child.process, null)
  clock.turn(1)
  await stopped
  assert.equal(child.process, null)
  assert.deepEqual(pauses, [])
})
