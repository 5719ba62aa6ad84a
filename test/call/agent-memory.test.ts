import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Lease } from '#platform/words/index.ts'
import { agentWorld, type Test, until } from './agent-world.ts'

const REPLY = `
import { agent } from '@tieline/agent'
export default agent({ async call(call) { await call.dial({ pbx: '101' }) } })`

/** An agent, and the leases of the memory that its sandboxes hold. */
async function place(t: Test) {
  const w = await agentWorld(t)
  const held = () => [...w.registry.held()].map(({ agent, count }) => [agent, count])
  const released = () => w.records.flatMap((record) => (record.type === 'lease.released' ? [record.lease] : []))
  const reasons = () => released().map(({ reason }: Lease) => reason)
  return { ...w, held, released, reasons, ...w.supervise() }
}

test('memory is leased before a sandbox is started; an agent that dies and comes back keeps its lease', async (t) => {
  const w = await place(t)
  const version = w.bundle(REPLY)
  w.supervisor.apply(w.desired(version))
  await until('the agent', () => w.supervisor.status.state === 'ready')
  assert.deepEqual(w.held(), [[version.id, 128]])
  const [first] = [...w.registry.held()]
  for (let i = 0; i < 3; i++) {
    const { pid } = w.supervisor.status
    process.kill(pid!, 'SIGKILL')
    await until('it to come back', () => w.supervisor.status.state === 'ready' && w.supervisor.status.pid !== pid)
  }
  assert.deepEqual([...w.registry.held()], [first])
  assert.deepEqual(w.reasons(), [])
  // While it backs off nothing of it runs, and it is held still: it will be needed at once.
  w.supervisor.apply(w.desired(w.bundle('process.exit(3)')))
  await until('the new one to fail', () => w.supervisor.status.state === 'backing-off')
  await until('the old one to be gone', () => w.held().length <= 2)
  w.supervisor.apply(w.desired(null))
  await until('all to be given back', () => w.held().length === 0)
  assert.ok(w.reasons().every((reason) => reason === 'stopped' || reason === 'ended'))
})

test('what an agent has had until it could not be started again was used', async (t) => {
  const w = await place(t)
  const version = w.bundle(REPLY)
  w.supervisor.apply(w.desired(version))
  await until('the agent', () => w.supervisor.status.state === 'ready')
  const etc = join(w.directory, 'etc')
  rmSync(etc, { recursive: true })
  writeFileSync(etc, 'in the way')
  process.kill(w.supervisor.status.pid!, 'SIGKILL')
  await until('it to fail', () => w.supervisor.status.reason.startsWith('could not be started'))
  const [lease] = w.released()
  assert.equal(lease!.reason, 'ended')
  assert.ok(lease!.released!.mono > lease!.taken.mono)
  rmSync(etc)
  await until('it to come back', () => w.supervisor.status.state === 'ready')
  assert.equal(w.held().length, 1)
})

test('another size is another lease: the new one is taken, and the old one given back when its sandbox is gone', async (t) => {
  const w = await place(t)
  const version = w.bundle(REPLY)
  w.supervisor.apply(w.desired(version))
  await until('the agent', () => w.supervisor.status.state === 'ready')
  const before = w.supervisor.status.pid
  w.supervisor.apply(w.desired(version, { memoryMebibytes: 192 }))
  await until('the other', () => w.supervisor.status.state === 'ready' && w.supervisor.status.pid !== before)
  await until('the first to be gone', () => w.held().length === 1)
  assert.deepEqual(w.held(), [[version.id, 192]])
  assert.deepEqual(w.reasons(), ['replaced'])
  // Once both were held at once, since both were there.
  const most = w.records.findIndex(({ type }) => type === 'lease.released')
  assert.equal(w.records.slice(0, most).filter(({ type }) => type === 'lease.taken').length, 2)
})

test('where the node has no room for a second sandbox, what runs goes on, and says why; with room it follows', async (t) => {
  const w = await place(t)
  const [one, two, three] = [w.bundle(REPLY), w.bundle(REPLY), w.bundle(REPLY)]
  w.configure(200)
  w.supervisor.apply(w.desired(one))
  await until('the agent', () => w.supervisor.status.state === 'ready')
  const { pid } = w.supervisor.status
  w.supervisor.apply(w.desired(two))
  await until('the refusal', () => w.supervisor.status.reason !== '')
  const { state, reason, version } = w.supervisor.status
  assert.deepEqual([state, version], ['ready', one.id])
  assert.match(reason, /no agent.memory left: the node's pool is 200, 128 in use, 128 more asked for; what ran before goes on/)
  assert.equal(w.supervisor.status.pid, pid)
  const offer = w.offer()
  assert.deepEqual(await w.gateway.offer(w.acme, 'offered', offer), { outcome: 'returned' })
  w.gateway.ended(w.acme, offer.call, { by: 'caller', reason: 'hangup', text: 'It is over.' })
  const told = w.records.flatMap((record) => (record.type === 'event' ? [record.event] : []))
  assert.deepEqual(
    told.map(({ type, data }) => [type, data.agent]),
    [['resource.refused', two.id]],
  )
  // One that is tried beside it fails by the same.
  w.supervisor.apply(w.desired(one, { candidate: three }))
  await until('the verdict', () => w.supervisor.status.candidate?.verdict === 'failed')
  assert.match(w.supervisor.status.candidate!.reason, /could not be started: no agent.memory left/)
  assert.equal(w.supervisor.status.pid, pid)
  // Whoever thinks better of it has what there was: nothing is asked for any more, and nothing started anew.
  w.supervisor.apply(w.desired(two))
  await until('the refusal', () => w.supervisor.status.reason !== '')
  w.supervisor.apply(w.desired(one))
  assert.deepEqual([w.supervisor.status.state, w.supervisor.status.reason], ['ready', ''])
  w.configure(1000)
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.deepEqual([w.supervisor.status.pid, w.supervisor.status.state, w.held()], [pid, 'ready', [[one.id, 128]]])
  w.supervisor.apply(w.desired(two))
  await until('the second', () => w.supervisor.status.version === two.id && w.supervisor.status.state === 'ready')
  await until('the first to be gone', () => w.held().length === 1)
  assert.deepEqual(w.held(), [[two.id, 128]])
})

test('a version that is tried holds its own; what has failed gives it back, what has proven itself goes on with it', async (t) => {
  const w = await place(t)
  const [one, bad, good] = [w.bundle(REPLY), w.bundle('process.exit(3)'), w.bundle(REPLY)]
  w.supervisor.apply(w.desired(one))
  await until('the agent', () => w.supervisor.status.state === 'ready')
  w.supervisor.apply(w.desired(one, { candidate: bad }))
  await until('the verdict', () => w.supervisor.status.candidate?.verdict === 'failed')
  await until('its memory to be free', () => w.held().length === 1)
  // It was started twice, with one lease.
  assert.equal(w.records.filter(({ type }) => type === 'lease.taken').length, 2)
  w.supervisor.apply(w.desired(one, { candidate: good }))
  await until('it to prove itself', () => w.supervisor.status.candidate?.verdict === 'proven')
  const [lease] = [...w.registry.held()].filter(({ agent }) => agent === good.id)
  w.supervisor.apply(w.desired(good))
  await until('the first to be gone', () => w.held().length === 1)
  assert.deepEqual([...w.registry.held()], [lease])
  await w.supervisor.close()
  assert.deepEqual(w.held(), [])
})
