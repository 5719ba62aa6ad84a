import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { newId } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { Alerting } from '#platform/words/index.ts'
import type { Attempt } from './attempt.ts'
import type { Call } from './call.ts'
import type { Exchange } from './exchange.ts'
import type { Patience } from './patience.ts'
import { alertingCall, answerOrPickup, isRelayed, Pickup } from './pickup.ts'
import type { Joiner } from './wish.ts'

const [acme, globex] = [newId('sub'), newId('sub')]

/** A call with one leg, which rings at the telephone 101 of its site. */
function ringingFor(subscriber: typeof acme, { emergency = false, phase = 'setup', pickup = true } = {}): Call {
  const leg = {
    id: newId('leg'),
    cause: null,
    outgoing: {},
    users: ['sales'],
    facts: { via: 'channel', party: { number: '101' } },
  }
  const call = {
    id: newId('call'),
    subscriber: { id: subscriber },
    legs: [leg],
    cause: null,
    pickup: null,
    phase,
    facts: { emergency },
  }
  if (pickup) new Pickup(call as unknown as Call)
  return call as unknown as Call
}

const holding = (...calls: Call[]) => ({ calls: new Map(calls.map((call) => [call.id, call])) }) as unknown as Exchange

test('T02 what rings is found by user, by call and by leg, for its own subscriber alone; the longest first', () => {
  const [first, second, others] = [ringingFor(acme), ringingFor(acme), ringingFor(globex)]
  const x = holding(others, first, second)
  const found = (what: Alerting) => alertingCall(x, acme, what).call
  for (const user of ['101', 'sales']) assert.equal(found({ user }), first)
  assert.equal(found({ call: second.id }), second)
  assert.equal(found({ leg: second.legs[0]!.id }), second)
  assert.equal(alertingCall(x, globex, { user: '101' }).call, others)
  for (const what of [{ call: others.id }, { leg: others.legs[0]!.id }, { call: newId('call') }])
    assert.throws(() => found(what), /there is no such call/)
  assert.throws(() => found({ user: '102' }), /nothing rings there/)
})

test('what is answered, does not ring, or goes to an emergency number is not picked up', () => {
  const refusal = (call: Call) => {
    try {
      alertingCall(holding(call), acme, { call: call.id })
      return null
    } catch (error) {
      return (error as Error).message
    }
  }
  assert.equal(refusal(ringingFor(acme, { pickup: false, phase: 'joined' })), 'it is answered')
  assert.equal(refusal(ringingFor(acme, { pickup: false, phase: 'verb' })), 'it does not ring')
  assert.match(refusal(ringingFor(acme, { emergency: true })) ?? '', /emergency/)
})

test('S18 the first who comes has it; the next one, and whoever is on the way, is told why not', async () => {
  const call = ringingFor(acme)
  const pickup = call.pickup!
  const told: string[] = []
  pickup.onOver(({ reason }) => told.push(reason))
  const joiner = { call: ringingFor(acme), leg: { id: newId('leg') } } as unknown as Parameters<Pickup['take']>[0]
  const came: unknown[] = []
  pickup.onCame((one) => void came.push(one))
  const taken = pickup.take(joiner)
  assert.deepEqual(came, [joiner])
  assert.equal((await pickup.take({ ...joiner })).reason, 'answered-elsewhere')
  pickup.failed(causeOf('switch', 'ceiling'))
  assert.equal((await taken).reason, 'ceiling', 'it could not be had, and rings on')
  const next = pickup.take(joiner)
  assert.deepEqual(came, [joiner, joiner])
  pickup[Symbol.dispose]()
  assert.deepEqual([call.pickup, told], [null, ['no-dialog']])
  assert.equal((await next).reason, 'no-dialog', 'whoever came was too late')
  assert.equal((await pickup.take(joiner)).reason, 'no-dialog')
})

test('the sound of a caller whom a pick-up has failed for stays where anybody who rings, or has answered meanwhile, needs it', () => {
  const caller = { cause: null, facts: { direction: 'in' }, isConnected: false }
  const over = causeOf('callee', 'busy')
  const relayed = (other: { cause: typeof over | null; isConnected: boolean }, kinds: string[]) => {
    const leg = { ...other, facts: { direction: 'out' } }
    const leasesOf = (one: object) => (one === leg ? kinds : ['voice.port']).map((kind) => ({ kind }))
    return isRelayed({ legs: [caller, leg], leasesOf } as unknown as Call, caller as unknown as Call['a'])
  }
  const [port, none] = [['trunk.out', 'voice.port'], ['trunk.out']]
  assert.equal(relayed({ cause: null, isConnected: false }, port), true, 'it rings')
  assert.equal(relayed({ cause: null, isConnected: true }, port), true, 'it has answered')
  assert.equal(relayed({ cause: null, isConnected: true }, none), false, 'its sound passes by us')
  assert.equal(relayed({ cause: over, isConnected: false }, port), false, 'it is over')
})

test('who comes while nobody looks, between one target and the next, is the first to be looked at', async () => {
  const call = ringingFor(acme)
  const pickup = call.pickup!
  const joiner = { call: ringingFor(acme, { pickup: false }), leg: {} } as unknown as Joiner
  const leg = {} as Leg
  const patience = { end() {} } as unknown as Patience
  const unanswered = { kind: 'failed' } as Attempt
  const first = await answerOrPickup(pickup, { searching: Promise.resolve(unanswered), patience, takeIn: () => assert.fail() })
  assert.equal(first, unanswered)
  void pickup.take(joiner)
  const searching = sleep(200).then(() => unanswered)
  assert.deepEqual(await answerOrPickup(pickup, { searching, patience, takeIn: async () => leg }), { kind: 'picked', leg })
})
