import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import type { Replaces } from '#protocol/sip/index.ts'
import type { Exchange } from './exchange.ts'
import { mayReplace, replacedLeg, ringingCall } from './replaced.ts'

const [acme, globex] = [newId('sub'), newId('sub')]
const [carrier, other] = [newId('trk'), newId('trk')]

function callOf(subscriber: typeof acme, ...legs: { realm: 'node' | typeof acme; trunk?: typeof carrier; callId: string }[]) {
  const made = legs.map(({ callId, ...facts }) => ({
    facts,
    session: { is: (replaces: Replaces) => replaces.callId === callId },
  }))
  return { id: newId('call'), subscriber: { id: subscriber }, legs: made }
}

const calls = [
  callOf(acme, { realm: 'node', trunk: carrier, callId: 'acme-trunk' }, { realm: acme, callId: 'acme-site' }),
  callOf(globex, { realm: 'node', trunk: carrier, callId: 'globex-trunk' }, { realm: globex, callId: 'globex-site' }),
]
const x = { calls: new Map(calls.map((call) => [call.id, call])) } as unknown as Exchange
const named = (callId: string): Replaces => ({ callId, toTag: '1', fromTag: '2', earlyOnly: false })

test('S29 a Replaces finds a dialog of the asker’s own subscriber and side, and no other, whatever it names', () => {
  const found = (asker: Parameters<typeof replacedLeg>[1]) =>
    ['acme-trunk', 'acme-site', 'globex-trunk', 'globex-site', 'nobody'].filter((name) => replacedLeg(x, asker, named(name)))
  assert.deepEqual(found({ realm: acme, subscriber: acme }), ['acme-site'])
  assert.deepEqual(found({ realm: globex, subscriber: globex }), ['globex-site'])
  assert.deepEqual(found({ realm: 'node', trunk: carrier, subscriber: acme }), ['acme-trunk'])
  assert.deepEqual(found({ realm: 'node', trunk: carrier, subscriber: globex }), ['globex-trunk'])
  assert.deepEqual(found({ realm: 'node', trunk: other, subscriber: acme }), [])
  assert.deepEqual(found({ realm: acme, subscriber: globex }), [])
})

test('S29 a Replaces finds what rings at the asker’s own side, with its tags as the far end or as the watcher of it names them', () => {
  const outgoing = {
    is: ({ callId, toTag, fromTag }: Replaces) => callId === 'rings' && toTag === 'ours' && fromTag === 'theirs',
  }
  const rings = (subscriber: typeof acme) => ({
    ...{ id: newId('call'), subscriber: { id: subscriber }, pickup: {} },
    legs: [{ facts: { realm: subscriber }, outgoing }],
  })
  const [own, others] = [rings(acme), rings(globex)]
  const ringing = { calls: new Map([others, own].map((call) => [call.id, call])) } as unknown as Exchange
  const found = (callId: string, toTag: string, fromTag: string) =>
    ringingCall(ringing, { realm: acme, subscriber: acme }, { callId, toTag, fromTag, earlyOnly: true })?.id
  assert.equal(found('rings', 'ours', 'theirs'), own.id)
  assert.equal(found('rings', 'theirs', 'ours'), own.id)
  assert.equal(found('rings', 'ours', 'ours'), undefined)
  assert.equal(found('other', 'ours', 'theirs'), undefined)
})

test('S29 an answered leg whose name others were told is replaced by its own telephone, or from the PBX where it is there', () => {
  const leg = (named: boolean, more = {}) => ({ named, facts: { party: { number: '101' }, ...more } }) as unknown as Leg
  const telephone = { telephone: true as const }
  const by = (number: string, more = {}) => ({ party: { number }, ...more })
  for (const more of [{}, telephone]) assert.ok(mayReplace(leg(false, more), by('102', telephone)), 'nobody was told')
  assert.equal(mayReplace(leg(true, telephone), by('101', telephone)), true)
  assert.equal(mayReplace(leg(true, telephone), by('102', telephone)), false)
  assert.equal(mayReplace(leg(true, telephone), by('101')), false, 'not proven')
  assert.equal(mayReplace(leg(true), by('102', telephone)), false)
  assert.equal(mayReplace(leg(true), by('102')), true)
})
