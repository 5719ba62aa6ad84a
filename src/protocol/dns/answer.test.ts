import assert from 'node:assert/strict'
import { test } from 'node:test'
import dnsPacket from 'dns-packet'
import fc from 'fast-check'
import { type Question, readAnswer } from './answer.ts'

const NAME = 'carrier.example'
const DATA: Record<string, unknown> = {
  A: '192.0.2.1',
  AAAA: '2001:db8::1',
  SRV: { priority: 1, weight: 2, port: 5060, target: 's1.carrier.example' },
  NAPTR: { order: 1, preference: 2, flags: 's', services: 'SIP+D2U', regexp: '', replacement: '_sip._udp.carrier.example' },
}
const TYPES = ['A', 'AAAA', 'SRV', 'NAPTR'] as const

function response({ id, name, type }: Question): Buffer {
  const answers = [
    { type: 'CNAME', name, ttl: 60, data: 'edge.example' },
    { type, name: 'edge.example', ttl: 60, data: DATA[type] },
    { type, name: 'edge.example', ttl: 60, data: DATA[type] },
  ] as dnsPacket.Answer[]
  return dnsPacket.encode({ type: 'response', id, questions: [{ type, name }], answers })
}

test('whatever octets come, they are an answer or none, and soon', () => {
  const damage = fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 12 })
  const property = fc.property(fc.constantFrom(...TYPES), damage, fc.nat({ max: 200 }), (type, octets, cut) => {
    const question: Question = { id: 7, name: NAME, type }
    const bytes = Buffer.from(response(question))
    for (const [at, value] of octets) bytes[at % bytes.length] = value
    const read = readAnswer(bytes.subarray(0, Math.max(0, bytes.length - (cut > 100 ? cut - 100 : 0))), question)
    assert.ok(read === null || ['records', 'cut', 'refused'].includes(read.kind))
    if (read?.kind === 'records') assert.ok(read.ttlSeconds >= 0 && Number.isFinite(read.ttlSeconds))
  })
  const begun = performance.now()
  fc.assert(property, { numRuns: 4000, seed: 3263 })
  assert.ok(performance.now() - begun < 60_000)
})

test('noise is no answer', () => {
  const noise = fc.property(fc.uint8Array({ maxLength: 600 }), fc.constantFrom(...TYPES), (bytes, type) => {
    readAnswer(bytes, { id: ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0), name: NAME, type })
  })
  fc.assert(noise, { numRuns: 4000, seed: 1035 })
})
