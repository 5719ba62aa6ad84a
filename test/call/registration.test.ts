import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import { sleep, until } from '../peer/clock.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { headerOf, type Message } from '../peer/sip/message.ts'
import { Password } from '../peer/sip/password.ts'
import { DID, World } from './harness.ts'
import { TURNED, turn } from './turned-clock.ts'

const SECONDS_AWAY = 600

/** What is asked meanwhile gets its answers. */
async function turnInSteps(world: World, seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left -= 5) {
    await turn(world, Math.min(5, left))
    await sleep(15)
  }
}

test('S57 a carrier that is away for ten minutes: its trunk is registered again within a minute of its return, after few questions and one challenge, and calls go there', async () => {
  await using world = await World.open({ ...TURNED, log: 'error' })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const gate = new Password(world.second.socket, { user: 'tl', password: 'circle of life' })
  const asked: Message[] = []
  world.second.socket.onHeard = (message) => void (message.method === 'REGISTER' && asked.push(message))
  /** How often it asked: the clock is turned faster than answers come, so that what is asked goes out several times. */
  const distinct = () => new Set(asked.map((message) => headerOf(message, 'cseq') + headerOf(message, 'call-id'))).size
  const credentials = { user: 'tl', password: createSealer(world.sealingKey).seal('circle of life') }
  await world.changeTrunk('other', { credentials, registerSeconds: 120, optionsSeconds: 30 })
  const state = async () => {
    const states = await world.link.call('trunk.state', {})
    return states.find(({ registration }) => registration !== null)?.registration?.state
  }
  await until('a registration', async () => (await state()) === 'registered', 4000)
  const receive = world.second.socket.onRequest
  world.second.socket.onRequest = () => {}
  await turnInSteps(world, SECONDS_AWAY)
  assert.equal(await state(), 'waiting')
  const meanwhile = distinct()
  assert.ok(meanwhile >= 5 && meanwhile < SECONDS_AWAY / 10, `it asked ${meanwhile} times in ten minutes`)
  const [before, asks] = [gate.registers.length, distinct()]
  gate.nonce = 'of the carrier that has started again'
  world.second.socket.onRequest = receive
  await turnInSteps(world, 60)
  assert.equal(await state(), 'registered')
  assert.ok(gate.registers.length - before <= 2, `${gate.registers.length - before} registrations`)
  assert.ok(distinct() - asks <= 4, `no loop of refusals: it asked ${distinct() - asks} times`)
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('an answer', () => call.phase === 'up', 4000)
  call.hangup()
  await world.quiet()
})

test('S57 RFC 3263 §4.3 a registrar that says 100 and then takes its time is waited for, and no other server is asked meanwhile', async () => {
  await using world = await World.open({ ...TURNED, log: 'error' })
  const { socket } = world.second
  const asked: Message[] = []
  const slow = socket.onRequest
  socket.onRequest = (message, from) => {
    if (message.method !== 'REGISTER') return slow(message, from)
    asked.push(message)
    socket.send(socket.response(message, 100, 'Trying', '', [], ''), from)
  }
  const spare = await FarEnd.open({ address: `${world.net}.40`, port: 5060, name: 'spare', watched: [] })
  world.defer(() => spare.close())
  const others: Message[] = []
  spare.socket.onHeard = (message) => void (message.method === 'REGISTER' && others.push(message))
  const credentials = { user: 'tl', password: createSealer(world.sealingKey).seal('circle of life') }
  const gateways = [3, 40].map((last) => ({ address: `${world.net}.${last}`, port: 5060 }))
  await world.changeTrunk('other', { credentials, registerSeconds: 3600, gateways })
  await until('its REGISTER', () => asked.length > 0, 4000)
  // Its 100 is there before the clock is turned.
  await sleep(100)
  await turnInSteps(world, 20)
  assert.equal(others.length, 0)
  socket.send(socket.response(asked.at(-1)!, 200, 'OK', 'reg', [['Expires', '3600']], ''), {
    address: world.node.address,
    port: 5060,
  })
  const state = async () =>
    (await world.link.call('trunk.state', {})).find(({ registration }) => registration)?.registration?.text
  await until('a registration', async () => /^registered at .*\.3:5060/.test((await state()) ?? ''), 3000)
  assert.equal(others.length, 0)
})
