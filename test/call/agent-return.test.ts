import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agent } from '../../sdk/src/index.ts'
import { now, sleep } from '../peer/clock.ts'

test('however long the switch was away, its agent is back within a second: calls that it has kept wait for two', async () => {
  const tries: number[] = [now()]
  const session = agent({ call() {} }).start({
    connect() {
      tries.push(now())
      throw new Error('nobody listens')
    },
    facts: { version: 'agt_1', startedAt: 1 },
  })
  await sleep(4800)
  session.close()
  tries.push(now())
  const pauses = tries.slice(1).map((at, i) => Math.round(at - tries[i]!))
  assert.ok(Math.max(...pauses) < 1300, `${pauses} ms`)
  assert.ok(tries.length < 25, 'nor does it knock all the time')
})
