import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { allocation, endpoint, route } from './parse.ts'

describe('words of the command line', () => {
  it('are read as routes', () => {
    assert.deepEqual(route('pbx:100@trunk'), { pbx: '100', via: 'trunk' })
    assert.deepEqual(route('user:desk'), { user: 'desk' })
    assert.deepEqual(route('number:+3225550199'), { number: '+3225550199' })
    assert.deepEqual(route('sip:100@pbx.office.lan'), { sip: 'sip:100@pbx.office.lan' })
    for (const wrong of ['100', 'pbx:', 'fax:1']) assert.throws(() => route(wrong), { exitCode: 2 })
  })

  it('are read as allocations', () => {
    assert.deepEqual(allocation('trunk.in=2:10'), { kind: 'trunk.in', guaranteed: 2, ceiling: 10 })
    assert.deepEqual(allocation('trunk.in=10'), { kind: 'trunk.in', guaranteed: 0, ceiling: 10 })
    for (const wrong of ['trunk.in', 'trunk.in=a', '=1', 'trunk.in=-1:2']) assert.throws(() => allocation(wrong), { exitCode: 2 })
  })

  it('are read as endpoints', () => {
    assert.deepEqual(endpoint('203.0.113.10:5070'), { address: '203.0.113.10', port: 5070 })
    assert.deepEqual(endpoint('pbx.office.lan'), { address: 'pbx.office.lan' })
    assert.deepEqual(endpoint('[2001:db8::1]:5060'), { address: '2001:db8::1', port: 5060 })
    assert.deepEqual(endpoint('2001:db8::1'), { address: '2001:db8::1' })
  })
})
