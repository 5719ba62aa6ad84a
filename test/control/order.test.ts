import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newId, TielineError } from '#lib/index.ts'
import { type Bench, type InstalledBody, installed, startBench } from './bench.ts'

let bench: Bench
let acme: InstalledBody
let globex: InstalledBody

before(async () => {
  bench = await startBench()
  acme = await installed(bench, 'acme', '+3225550101')
  globex = await installed(bench, 'globex', '+3225550102')
})
after(() => bench?.[Symbol.asyncDispose]())

test('T02 R08 hold, retrieve, transfer, park, pick up and kill by API: for the operator and the call’s own subscriber, checked, with the switch’s word', async () => {
  const call = newId('call')
  const party = { number: '+32470123456' }
  bench.fakes.calls.push({
    ...{
      id: call,
      subscriber: acme.subscriber.id as never,
      state: 'joined',
      from: party,
      to: party,
      startedAt: '2026-11-23T00:00:00.000Z',
    },
    legs: [],
  })
  const post = (verb: string, body: object, key?: string, id: string = call) =>
    bench.api<{ transferred?: boolean; detail?: string }>('POST', `/v1/calls/${id}/${verb}`, { body, ...(key ? { key } : {}) })
  assert.equal((await post('hold', { party: 'caller', music: { signal: 'ringback' } })).status, 200)
  assert.equal((await post('retrieve', {}, acme.apiKey)).status, 200)
  assert.equal((await post('park', { slot: '*701', timeoutSeconds: 30 }, acme.apiKey)).status, 200)
  bench.fakes.order = () => ({ transferred: true })
  const transferred = await post('transfer', { target: { pbx: '102' } }, acme.apiKey)
  assert.deepEqual([transferred.status, transferred.body.transferred], [200, true])
  bench.fakes.order = () => ({ pickedUp: true })
  const leg = newId('leg')
  assert.deepEqual((await post('pickup', { by: { user: '102' }, leg }, acme.apiKey)).body, { pickedUp: true })
  assert.deepEqual(
    bench.fakes.ordered.map(({ order, by }) => [order.verb, order.params, by]),
    [
      ['hold', { party: 'caller', music: { signal: 'ringback' } }, 'operator'],
      ['retrieve', {}, 'subscriber'],
      ['park', { slot: '*701', timeoutSeconds: 30 }, 'subscriber'],
      ['transfer', { target: { pbx: '102' } }, 'subscriber'],
      ['pickup', { by: { user: '102' }, leg }, 'subscriber'],
    ],
  )
  for (const verb of ['hold', 'retrieve', 'kill']) {
    assert.equal((await post(verb, {}, globex.apiKey)).status, 404, verb)
    assert.equal((await post(verb, {}, acme.apiKey, newId('call'))).status, 404, verb)
  }
  assert.equal((await post('pickup', { by: { user: '102' } }, globex.apiKey)).status, 404)
  for (const [verb, body] of [
    ['hold', { party: 'nobody' }],
    ['park', {}],
    ['transfer', { target: { pbx: '1', number: '2' } }],
    ['transfer', {}],
    ['pickup', {}],
    ['pickup', { by: { leg: '101' } }],
  ] as const)
    assert.equal((await post(verb, body)).status, 400, `${verb} ${JSON.stringify(body)}`)
  bench.fakes.order = () => {
    throw new TielineError('only a leg that is joined can be held', {
      code: 'invalid-argument',
      fault: 'subscriber',
      retry: false,
      http: 400,
    })
  }
  const refused = await post('hold', {})
  assert.deepEqual([refused.status, refused.body.detail], [400, 'only a leg that is joined can be held'])
  assert.equal((await post('kill', {}, acme.apiKey)).status, 204)
  assert.deepEqual(bench.fakes.killed, [call])
})

test('click to dial by API: for a subscriber’s own, checked, and with the same id or the same key the same call', async () => {
  const make = (body: object, key: string, id: string = acme.subscriber.id, idempotencyKey?: string) =>
    bench.api<{ id: string }>('POST', `/v1/subscribers/${id}/calls`, { body, key, ...(idempotencyKey ? { idempotencyKey } : {}) })
  const wanted = { from: { pbx: '101' }, to: { number: '+3226660000' }, callerId: '+3225550101', timeoutSeconds: 20 }
  const once = 'click-1'
  const made = await make(wanted, acme.apiKey, acme.subscriber.id, once)
  assert.equal(made.status, 201)
  assert.deepEqual(bench.fakes.made, [{ ...wanted, call: made.body.id, by: 'subscriber', subscriber: acme.subscriber.id }])
  assert.equal((await make(wanted, acme.apiKey, acme.subscriber.id, once)).body.id, made.body.id)
  assert.equal(bench.fakes.made.length, 1)
  const id = newId('call')
  assert.equal((await make({ ...wanted, to: 'agent', id }, acme.apiKey)).body.id, id)
  assert.equal((await make(wanted, globex.apiKey)).status, 404)
  for (const wrong of [{ ...wanted, to: 'somebody' }, { from: { pbx: '101' } }, { ...wanted, from: {} }, { ...wanted, x: 1 }])
    assert.equal((await make(wrong, acme.apiKey)).status, 400, JSON.stringify(wrong))
})
