import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { RawEnd, rawRequest } from '../peer/sip/raw.ts'
import { DID, World } from './harness.ts'

test('O06 the figures of the switch are what is there: calls, legs, messages by code, repeats, pools, journal', async () => {
  await using world = await World.open()
  const figure = async (name: string, labels: Record<string, string> = {}) => {
    const metric = (await world.link.call('metrics', {})).find((candidate) => candidate.name === name)
    assert.ok(metric, `there is no ${name}`)
    const fits = (sample: { labels?: Record<string, string> }) =>
      Object.entries(labels).every(([label, text]) => sample.labels?.[label] === text)
    return metric.samples.filter(fits).reduce((sum, { value }) => sum + value, 0)
  }
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const calls = await Promise.all(
    [1, 2, 3].map((n) => world.carrier.place({ to: world.node, from: `+3247012345${n}`, number: DID })),
  )
  await until('answers', () => calls.every((call) => call.phase === 'up'), 5000)
  assert.equal(await figure('tieline_calls', { subscriber: 'acme', state: 'joined' }), 3)
  assert.deepEqual(
    [await figure('tieline_legs', { direction: 'in' }), await figure('tieline_legs', { direction: 'out' })],
    [3, 3],
  )
  assert.equal(await figure('tieline_sip_dialogs'), 6)
  assert.ok((await figure('tieline_sip_transactions')) >= 6, 'of INVITEs, which linger for repeats')
  const lag = await figure('tieline_event_loop_lag_seconds')
  assert.ok(lag >= 0 && lag < 5, `${lag} s`)
  const [used] = (await world.link.call('resource.list', {})).filter(({ kind }) => kind === 'trunk.in')
  assert.equal(used!.inUse, 3)
  assert.equal(await figure('tieline_resource_in_use', { kind: 'trunk.in' }), 3)
  assert.equal(await figure('tieline_resource_capacity', { kind: 'trunk.in' }), used!.capacity)
  assert.ok((await figure('tieline_sip_responses_total', { direction: 'out', code: '200' })) >= 3)
  assert.equal(await figure('tieline_journal_lost_records_total'), 0)
  assert.ok((await figure('tieline_journal_unshipped_records')) > 0, 'nobody ships here')
  const repeats = await figure('tieline_sip_retransmissions_total', { direction: 'in' })
  await using raw = await RawEnd.open(`${world.net}.2`)
  const options = rawRequest('OPTIONS', { from: raw.at, to: world.node, user: DID, n: 1 })
  assert.deepEqual([await raw.ask(options, world.node), await raw.ask(options, world.node)], [200, 200])
  assert.equal(await figure('tieline_sip_retransmissions_total', { direction: 'in' }), repeats + 1)
  assert.ok((await figure('tieline_sip_retransmissions_total', { direction: 'out' })) >= 1, 'its answer was sent again')
  raw.send(rawRequest('XYZZY', { from: raw.at, to: world.node, user: DID, n: 2 }), world.node)
  await until('the unknown method', async () => (await figure('tieline_sip_requests_total', { method: 'other' })) === 1, 2000)
  for (const call of calls) call.hangup()
  await world.quiet()
  assert.deepEqual([await figure('tieline_calls'), await figure('tieline_legs')], [0, 0])
})
