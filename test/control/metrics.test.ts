import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Bench, type InstalledBody, installed, startBench, until } from './bench.ts'

let bench: Bench
let acme: InstalledBody

before(async () => {
  bench = await startBench()
  acme = await installed(bench, 'acme', '+3225550101')
})
after(() => bench?.[Symbol.asyncDispose]())

test('O06 figures are there for Prometheus, for the operator alone, and without the switch all the same', async () => {
  const subscriber = acme.subscriber.id as never
  bench.fakes.agents = [{ subscriber, state: 'ready', reason: '', version: null, pid: 7, restarts: 2 }]
  bench.fakes.metrics = [
    { name: 'tieline_calls', help: 'Calls', type: 'gauge', samples: [{ labels: { subscriber: 'a"b\\c' }, value: 3 }] },
  ]
  const ask = async () => {
    const answer = await fetch(`${bench.control.url}/v1/metrics`, { headers: { authorization: `Bearer ${bench.operatorKey}` } })
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    return await answer.text()
  }
  const text = await ask()
  for (const line of text.trimEnd().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? -?[\d.e+]+)$/)
  assert.match(text, /^tieline_calls\{subscriber="a\\"b\\\\c"\} 3$/m)
  assert.match(text, /^tieline_up\{part="switch"\} 1$/m)
  assert.match(text, /^tieline_agent_ready\{subscriber="acme"\} 1$/m)
  assert.match(text, /^tieline_agent_restarts_total\{subscriber="acme"\} 2$/m)
  assert.equal((await bench.api('GET', '/v1/metrics', { key: acme.apiKey })).status, 403)
  assert.equal((await bench.api('GET', '/v1/metrics', { key: null })).status, 401)
  await bench.stopLink('switch')
  const without = await ask()
  assert.match(without, /^tieline_up\{part="switch"\} 0$/m)
  assert.doesNotMatch(without, /tieline_calls/)
  await bench.startLink('switch')
  await until('the link', async () => (await bench.api('GET', '/v1/health', { key: null })).status === 200)
})

test('O01 a node that drains is not ready, and is again after resume', async () => {
  const health = async () => (await bench.api<{ draining: boolean }>('GET', '/v1/health', { key: null })).body.draining
  assert.equal((await bench.api('POST', '/v1/node/drain', { key: acme.apiKey, body: {} })).status, 403)
  assert.deepEqual((await bench.api('POST', '/v1/node/drain', { body: {} })).body, { draining: true, calls: 0 })
  assert.equal((await bench.api('GET', '/v1/health', { key: null })).status, 503)
  assert.equal(await health(), true)
  await bench.api('POST', '/v1/node/resume', { body: {} })
  assert.equal((await bench.api('GET', '/v1/health', { key: null })).status, 200)
})
