import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newId } from '#lib/index.ts'
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

test('O03 T02 a trace is for the operator whole, for its subscriber without the carrier’s addresses, for others not there', async () => {
  const call = newId('call')
  const subscriber = acme.subscriber.id as never
  const message = 'INVITE sip:+3225550101@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7\r\nCall-ID: a@198.51.100.7\r\n\r\n'
  const sip = { at: '2026-11-23T00:00:00.000Z', kind: 'sip', direction: 'in', transport: 'udp', message } as const
  bench.fakes.trace = {
    ...{ call, subscriber, dropped: 0 },
    entries: [{ ...sip, realm: 'node', local: '192.0.2.1:5060', peer: '198.51.100.7:5060' }],
  }
  const ask = (key?: string, id: string = call) => bench.api('GET', `/v1/calls/${id}/trace`, key ? { key } : {})
  assert.deepEqual((await ask()).body, bench.fakes.trace)
  const own = await ask(acme.apiKey)
  assert.equal(own.status, 200)
  assert.match(JSON.stringify(own.body), /INVITE sip:\+3225550101@/)
  assert.doesNotMatch(JSON.stringify(own.body), /198\.51\.100|192\.0\.2/)
  assert.equal((await ask(globex.apiKey)).status, 404)
  assert.equal((await ask(acme.apiKey, newId('call'))).status, 404)
  assert.equal((await ask(acme.apiKey, 'nonsense')).status, 404)
})
