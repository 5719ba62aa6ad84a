import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import { now, sleep, until } from '../peer/clock.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { headerOf, headersOf } from '../peer/sip/message.ts'
import { register } from '../peer/sip/register.ts'
import { StreamPeer } from '../peer/sip/stream-peer.ts'
import { StreamTelephone } from '../peer/sip/stream-telephone.ts'
import { DID, World } from './harness.ts'

const CALLER = '+32470123456'
const PASSWORD = 'circle of life'

async function open(): Promise<World> {
  const world = await World.open({ voice: true })
  const telephones = [{ name: '101', password: createSealer(world.sealingKey).seal(PASSWORD) }]
  await world.change({ telephones, defaultRoute: { user: '101' } })
  return world
}

/** A telephone of the site with one connection, by which it has registered. */
async function telephone(world: World, params?: string): Promise<StreamTelephone> {
  const made = await StreamTelephone.open({ address: `${world.net}.75`, to: world.siteSwitch })
  world.defer(() => made.close())
  const contact = made.contact('101')
  const own = { to: world.siteSwitch, user: '101', password: PASSWORD, expires: 60, contact }
  const answer = await register(made, { ...own, ...(params ? { params } : {}) })
  assert.equal(answer.status, 200)
  return made
}

const contacts = async (world: World) =>
  (await world.link.call('telephone.list', { subscriber: world.acme })).flatMap((t) => t.contacts.map(({ uri }) => uri))

test('S41 S42 a telephone that registered over TCP is called by its own connection, and is nowhere once that is lost', async () => {
  await using world = await open()
  const phone = await telephone(world)
  phone.connection.socket.write('\r\n\r\n')
  await until('an answer to its ping', () => phone.connection.pongs === 1, 1000)
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => call.phase === 'up', 3000)
  const [invite] = phone.connection.requests('INVITE')
  assert.match(headerOf(invite!, 'via'), /^SIP\/2\.0\/TCP /)
  call.hangup()
  await until('BYE by the same connection', () => phone.connection.requests('BYE')[0], 2000)
  await world.quiet()
  assert.equal((await contacts(world)).length, 1)

  // It goes, and another program has its address and port.
  phone.connection.socket.resetAndDestroy()
  const began = now()
  await until('it to be nowhere', async () => (await contacts(world)).length === 0, 1500)
  const stranger = await StreamPeer.open(phone.address, phone.port)
  world.defer(() => stranger.close())
  const missed = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('a refusal', () => missed.phase === 'ended', 3000)
  assert.equal(missed.report().final?.status, 480)
  assert.ok(now() - began < 4500)
  assert.equal(stranger.connections.length, 0)
  await world.quiet()
})

test('S41 a telephone whose connection died without a word fails a call within a moment, and is nowhere then', async () => {
  await using world = await open()
  const phone = await telephone(world)
  await sleep(1000)
  phone.connection.onMessage = () => {}
  const stranger = await StreamPeer.open(phone.address, 5060)
  world.defer(() => stranger.close())
  const began = now()
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('a refusal', () => call.phase === 'ended', 6000)
  assert.ok(now() - began < 3 * 2000, `${Math.round(now() - began)} ms`)
  assert.deepEqual(await contacts(world), [])
  assert.equal(stranger.connections.length, 0)
  await world.quiet()
})

test('RFC 5626 a telephone that comes back by another connection is the same one, in a call too; a restart waits for it', async () => {
  await using world = await open()
  const mark = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>";reg-id=1'
  const first = await telephone(world, mark)
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => call.phase === 'up', 3000)
  const [invite] = first.connection.requests('INVITE')
  const second = await telephone(world, mark)
  assert.deepEqual(await contacts(world), [second.contact('101').slice(1, -1)])
  first.close()
  // A sign of life inside the dialog, by the new connection: from there on it is reached by that.
  const swap = (name: string) => headerOf(invite!, name)
  const info = {
    method: 'OPTIONS',
    uri: /<([^>]+)>/.exec(headerOf(invite!, 'contact'))![1]!,
    headers: [
      second.via('z9hG4bKback'),
      ['From', `${swap('to')};tag=stream`],
      ['To', swap('from')],
      ['Call-ID', swap('call-id')],
      ['CSeq', '7 OPTIONS'],
      ['Max-Forwards', '70'],
    ] as [string, string][],
    body: '',
  }
  assert.equal((await second.ask(info, world.siteSwitch, 'z9hG4bKback')).status, 200)
  call.hangup()
  await until('BYE by the new connection', () => second.connection.requests('BYE')[0], 2000)
  await world.quiet()

  await world.kill('switch')
  await world.startSwitch()
  assert.deepEqual(await contacts(world), [])
  const third = await telephone(world, mark)
  const again = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => again.phase === 'up', 3000)
  assert.equal(third.connection.requests('INVITE').length, 1)
  assert.match(headersOf(third.connection.messages.find((m) => m.status === 200)!, 'contact')[0]!, /reg-id=1;expires=60$/)
  again.hangup()
  await world.quiet()
})

test('S42 a switch that is started again: a telephone’s other contact rings meanwhile, and its connection does as soon as it has come back', async () => {
  await using world = await open()
  const desk = await FarEnd.open({ address: `${world.net}.76`, port: 5060, name: 'desk', watched: [] })
  world.defer(() => desk.close())
  desk.rules = [{ user: '101', does: 'answer', ringMs: 300 }]
  const own = { to: world.siteSwitch, user: '101', password: PASSWORD, expires: 60 }
  assert.equal((await register(desk.socket, own)).status, 200)
  await telephone(world)
  assert.equal((await contacts(world)).length, 2)
  const answered = async () => {
    const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
    await until('an answer', () => call.phase === 'up', 3000)
    call.hangup()
    await world.quiet()
  }
  await world.kill('switch')
  await world.startSwitch()
  await answered()
  assert.equal(desk.calls.length, 1, 'the one that needs no connection')
  // It finds nobody, connects all the same, and has its answer from the switch that comes.
  await world.kill('switch')
  const back = await StreamTelephone.open({ address: `${world.net}.77`, to: world.siteSwitch })
  world.defer(() => back.close())
  const registered = register(back, { ...own, contact: back.contact('101') })
  await world.startSwitch()
  assert.equal((await registered).status, 200)
  await answered()
  assert.equal(back.connection.requests('INVITE').length, 1)
  await until('the other one to ring, too', () => desk.calls.length === 2, 1000)
  assert.equal(desk.calls[1]!.phase, 'ended')
})
