import assert from 'node:assert/strict'
import { connect as connectTcp, type Socket } from 'node:net'
import { test } from 'node:test'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { newId } from '#lib/index.ts'
import { createSealer } from '#platform/subscriber/index.ts'
import type { TrunkConfig } from '#platform/words/index.ts'
import { sleep, until } from '../peer/clock.ts'
import { RawEnd, rawRequest } from '../peer/sip/raw.ts'
import { PeerConnection, StreamPeer } from '../peer/sip/stream-peer.ts'
import { createTestCa } from './agent-ca.ts'
import { DID, World } from './harness.ts'
import { dial, invite, place, reach } from './stream-caller.ts'
import { TURNED, turn } from './turned-clock.ts'

test('S41 RFC 3261 §18.2.2 whose connection is gone before its answer has it at the port that its Via names, by a new one', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 600 }]
  const listening = await StreamPeer.open(`${world.net}.2`, 5090)
  world.defer(() => listening.close())
  const connection = await dial(world)
  const message = invite(world)
  message.headers = message.headers.map(([name, value]) => [name, name === 'Via' ? value.replace(':9;', ':5090;') : value])
  connection.send(message)
  await until('it to ring', () => connection.responses('INVITE').includes(180), 3000)
  connection.socket.resetAndDestroy()
  const answered = () => listening.connections.flatMap((each) => each.responses('INVITE'))
  await until('its answer', () => answered().includes(200), 4000)
  for (const { id } of await world.link.call('call.list', {})) await world.link.call('call.kill', { call: id })
})

test('S43 two trunks with one server and a certificate each: two connections, each by its own, and no call goes by the other’s', async () => {
  const carriers = await createTestCa()
  await using world = await World.open({ sipTls: await carriers.switch() })
  const own = await carriers.switch()
  const server = createTlsServer({
    ...{ cert: own.certificate, key: own.key, ca: carriers.certificate },
    ...{ requestCert: true, rejectUnauthorized: true },
  })
  const shown: string[] = []
  server.on('secureConnection', (socket) => void shown.push(socket.getPeerCertificate().fingerprint256))
  const peer = await StreamPeer.open(`${world.net}.3`, 5061, server, true)
  world.defer(() => peer.close())
  const trunk = async (name: string): Promise<TrunkConfig> => {
    const issued = await carriers.agent(newId('sub'))
    const key = createSealer(world.sealingKey).seal(issued.key)
    return {
      ...{ id: newId('trk'), name, emergencyReserve: 0, media: 'direct' },
      gateways: [{ address: `${world.net}.3`, port: 5061, transport: 'tls' }],
      tls: { ca: carriers.certificate, certificate: issued.certificate, key, serverName: 'switch.tieline' },
    }
  }
  const trunks = [world.snapshot.trunks[0]!, await trunk('one'), await trunk('two')]
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
  const invites = () => peer.connections.map((connection) => connection.requests('INVITE').length)
  for (const [name, expected] of [
    ['one', [1]],
    ['two', [1, 1]],
    ['one', [2, 1]],
    ['two', [2, 2]],
  ] as const) {
    await world.change({ defaultRoute: { trunk: name, number: '+3225559000' } })
    const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
    await until('an answer', () => call.phase === 'up', 4000)
    call.hangup()
    await world.quiet()
    assert.deepEqual(invites(), expected)
  }
  assert.equal(new Set(shown).size, 2)
})

test('R07 a thousand idle connections of one source are held to its share, those of strangers to none, and a call by TLS comes in beside them', async () => {
  const own = await (await createTestCa()).switch()
  await using world = await World.open({ sipTls: own, ...TURNED })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const idle: Socket[] = []
  world.defer(() => idle.forEach((socket) => void socket.destroy()))
  const open = (last: number, count: number) => {
    for (let i = 0; i < count; i++) {
      const socket = connectTcp({ host: world.node.address, port: 5060, localAddress: `${world.net}.${last}` })
      socket.on('error', () => {})
      idle.push(socket)
    }
  }
  for (let last = 101; last < 111; last++) open(last, 40)
  open(3, 600)
  await until('the ones too many to be closed', () => idle.filter(({ closed }) => closed).length >= 1000 - 64, 8000)
  const connect = { host: world.node.address, port: 5061, localAddress: `${world.net}.2`, rejectUnauthorized: false }
  const socket = connectTls(connect)
  world.defer(() => void socket.destroy())
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  const call = await place(world, new PeerConnection(socket), invite(world, 'TLS'))
  assert.equal(call.answer.status, 200)
  assert.ok(idle.some(({ closed }) => !closed))
  // Who has said nothing within 10 s is let go of.
  await turn(world, 13)
  await until('all idle ones to be closed', () => idle.every(({ closed }) => closed), 4000)
  assert.equal(socket.closed, false)
  call.hangup()
  await world.quiet()
})

test('F07 a message that dribbles, or whose head never ends, is waited for 10 s and no longer; calls of others do not notice', async () => {
  await using world = await World.open(TURNED)
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const legit = await dial(world)
  const up = await place(world, legit)
  const begun = await Promise.all(Array.from({ length: 20 }, () => dial(world)))
  // Each has said something whole before: it is no mute one.
  for (const connection of begun) connection.send({ ...invite(world), method: 'OPTIONS', body: '' })
  await until('answers', () => begun.every(({ messages }) => messages.length > 0), 4000)
  const head = 'OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKx\r\n'
  for (let i = 0; i < head.length; i++) {
    for (const { socket } of begun) socket.write(head[i]!)
    if (i % 20 === 0) await sleep(5)
  }
  await sleep(50)
  await turn(world, 8)
  assert.ok(begun.every(({ closed }) => !closed))
  // A little more of it makes it no younger.
  for (const { socket } of begun) socket.write('X: ')
  await turn(world, 5)
  await until('all to be closed', () => begun.every(({ closed }) => closed), 4000)
  assert.equal(legit.closed, false)
  up.hangup()
  await until('the BYE to be answered', () => legit.responses('BYE').includes(200), 2000)
  await world.quiet()
})

test('RFC 5626 §4.4.1 an idle connection of ours is kept open by pings; over UDP what is a ping, or STUN, is neither answered nor a fault', async () => {
  await using world = await World.open(TURNED)
  await reach(world, { transport: 'tcp' })
  const peer = await StreamPeer.open(`${world.net}.3`, 5060)
  world.defer(() => peer.close())
  const connection = await dial(world)
  const call = await place(world, connection)
  assert.equal(call.answer.status, 200)
  const [outgoing] = peer.connections
  for (let i = 0; i < 4; i++) {
    await turn(world, 35)
    await until('a ping', () => outgoing!.pongs >= 2 * (i + 1), 4000)
  }
  assert.equal(outgoing!.closed, false)
  call.hangup()
  await world.quiet()
  await using trunk = await RawEnd.open(`${world.net}.2`)
  await using site = await RawEnd.open(`${world.net}.75`)
  const stun = Buffer.from('000100002112a442000102030405060708090a0b', 'hex')
  for (const [end, to] of [
    [trunk, world.node],
    [site, world.siteSwitch],
  ] as const) {
    for (const datagram of ['\r\n\r\n', '\r\n', '\0', stun]) end.send(datagram, to)
    await sleep(100)
    assert.deepEqual(end.heard, [])
    assert.equal(await end.ask(rawRequest('OPTIONS', { from: end.at, to, user: DID, n: 1 }), to), 200)
  }
})
