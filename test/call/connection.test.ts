import assert from 'node:assert/strict'
import { connect as connectTcp, type Socket } from 'node:net'
import { test } from 'node:test'
import { connect as connectTls, createServer as createTlsServer, type SecureVersion } from 'node:tls'
import { createSealer } from '#platform/subscriber/index.ts'
import { now, sleep, until } from '../peer/clock.ts'
import type { Message } from '../peer/sip/message.ts'
import { headerOf } from '../peer/sip/message.ts'
import { PeerConnection, StreamPeer } from '../peer/sip/stream-peer.ts'
import { createTestCa } from './agent-ca.ts'
import { DID, World } from './harness.ts'
import { dial, invite, place, reach } from './stream-caller.ts'

test('S42 all answers, and what we send inside the dialog, take the connection that the call came by', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 20 }]
  const connection = await dial(world)
  const { answer } = await place(world, connection)
  assert.equal(answer.status, 200)
  assert.match(headerOf(answer, 'contact'), /;transport=tcp>/)
  assert.deepEqual(connection.responses('INVITE').slice(0, 2), [100, 180])
  world.second.calls[0]!.hangup()
  const bye = await until('BYE by the same connection', () => connection.requests('BYE')[0], 2000)
  assert.match(headerOf(bye, 'via'), /^SIP\/2\.0\/TCP /)
  connection.send({ status: 200, reason: 'OK', headers: bye.headers.filter(([n]) => n !== 'Content-Length'), body: '' })
  await world.quiet()
})

test('S41 a connection that died without a word is replaced, and the request delivered within 2 s', async () => {
  await using world = await World.open()
  await reach(world, { transport: 'tcp' })
  const peer = await StreamPeer.open(`${world.net}.3`, 5060)
  world.defer(() => peer.close())
  const connection = await dial(world)
  const first = await place(world, connection)
  first.hangup()
  await world.quiet()
  assert.equal(peer.connections.length, 1)
  const [used] = peer.connections
  // Reset by the far end just before the next request.
  used!.socket.resetAndDestroy()
  const second = await place(world, connection)
  assert.equal(second.answer.status, 200)
  second.hangup()
  await world.quiet()
  assert.equal(peer.connections.length, 2)
  const mute = peer.connections[1]!
  // Alive for TCP, dead for SIP: nothing that comes is heard any more.
  mute.onMessage = () => {}
  await sleep(1000)
  const began = now()
  const third = await place(world, connection)
  assert.equal(third.answer.status, 200)
  assert.ok(now() - began < 3 * 2000, `it took ${Math.round(now() - began)} ms`)
  assert.equal(peer.connections.length, 3)
  // The second INVITE, or an OPTIONS that asked before it: either was not heard, and told that the connection is dead.
  assert.ok(mute.requests('INVITE').length + mute.requests('OPTIONS').length >= 2, 'what was not heard was sent again')
  third.hangup()
  await world.quiet()
})

test('S38 a large INVITE goes by TCP where the carrier takes it, by UDP in fragments where not; the next small one by UDP', async () => {
  await using world = await World.open({ media: 'direct' })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const peer = await StreamPeer.open(`${world.net}.3`, 5060)
  world.defer(() => peer.close())
  const connection = await dial(world)
  const large = () => {
    const message = invite(world)
    const padding = Array.from({ length: 80 }, (_, i) => `a=padding:${i} ${'x'.repeat(30)}`)
    message.body += `${padding.join('\r\n')}\r\n`
    return message
  }
  const run = async (message: Message) => {
    const call = await place(world, connection, message)
    assert.equal(call.answer.status, 200)
    call.hangup()
    await world.quiet()
  }
  await run(large())
  assert.deepEqual([world.second.calls.length, peer.requests('INVITE').length], [1, 0], 'UDP alone: in fragments')
  await reach(world, { transport: 'udp+tcp' })
  await run(large())
  assert.deepEqual([world.second.calls.length, peer.requests('INVITE').length], [1, 1])
  assert.match(headerOf(peer.requests('INVITE')[0]!, 'via'), /^SIP\/2\.0\/TCP /)
  await run(invite(world))
  assert.deepEqual([world.second.calls.length, peer.requests('INVITE').length], [2, 1], 'small again: UDP')
})

test('F07 what is no SIP closes its connection, and a call on another goes on; R07 idle ones are limited', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const legit = await dial(world)
  const up = await place(world, legit)
  const head =
    'OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n'
  const cases: [text: string, status: number | null][] = [
    [`${head}Content-Length: 2147483648\r\n\r\n`, 400],
    [`${head}Content-Length: -5\r\n\r\n`, 400],
    [`${head}\r\n`, null],
    ['x'.repeat(70_000), null],
  ]
  for (const [text, status] of cases) {
    const bad = await dial(world)
    bad.socket.write(text)
    await until('the connection to be closed', () => bad.closed, 2000)
    assert.deepEqual(
      bad.messages.map((m) => m.status),
      status === null ? [] : [status],
    )
  }
  const idle: Socket[] = []
  for (let i = 0; i < 200; i++) {
    const socket = connectTcp({ host: world.node.address, port: 5060, localAddress: `${world.net}.2` })
    socket.on('error', () => {})
    idle.push(socket)
  }
  world.defer(() => idle.forEach((socket) => void socket.destroy()))
  await until('the ones too many to be closed', () => idle.filter((s) => s.closed).length >= 200 - 64, 4000)
  up.hangup()
  await until('the BYE to be answered', () => legit.responses('BYE').includes(200), 2000)
  const stranger = connectTcp({ host: world.node.address, port: 5060, localAddress: `${world.net}.9` })
  stranger.on('error', () => {})
  await until('a stranger to be closed', () => stranger.closed, 2000)
  await world.quiet()
})

test('RFC 5626: a ping is answered with a pong', async () => {
  await using world = await World.open()
  const { socket } = await dial(world)
  let got = ''
  socket.on('data', (chunk) => (got += chunk))
  socket.write('\r\n\r\n')
  await until('a pong', () => got === '\r\n', 2000)
})

test('TLS: a carrier with a CA of its own is held to it, in both directions, and heard in the clear no more', async () => {
  const carriers = await createTestCa()
  const strangers = await createTestCa()
  const own = await carriers.switch()
  await using world = await World.open({ sipTls: own })
  const shown = await carriers.agent(world.acme)
  const sealed = createSealer(world.sealingKey).seal(shown.key)
  const tls = { ca: carriers.certificate, certificate: shown.certificate, key: sealed, serverName: 'switch.tieline' }
  const tlsServer = (cert: { certificate: string; key: string }) =>
    createTlsServer({
      cert: cert.certificate,
      key: cert.key,
      ca: carriers.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    })
  const good = await StreamPeer.open(`${world.net}.3`, 5061, tlsServer(await carriers.switch()), true)
  world.defer(() => good.close())
  await reach(world, { transport: 'tls', port: 5061 }, tls)
  const clear = connectTcp({ host: world.node.address, port: 5060, localAddress: `${world.net}.3` })
  clear.on('error', () => {})
  world.defer(() => void clear.destroy())
  await until('what is not TLS to be turned away', () => clear.closed, 2000)
  const client = (certificate: { certificate: string; key: string } | null, maxVersion: SecureVersion = 'TLSv1.3') =>
    connectTls({
      maxVersion,
      ...{ host: world.node.address, port: 5061, localAddress: `${world.net}.2`, ca: carriers.certificate },
      ...{ servername: 'switch.tieline', ...(certificate ? { cert: certificate.certificate, key: certificate.key } : {}) },
    })
  for (const wrong of [null, await strangers.agent(world.acme)]) {
    const socket = client(wrong)
    socket.on('error', () => {})
    world.defer(() => void socket.destroy())
    await until('a stranger to be turned away', () => socket.closed, 3000)
  }
  const older = client(await carriers.agent(world.acme), 'TLSv1.2')
  world.defer(() => void older.destroy())
  let pong = ''
  older.on('data', (chunk) => (pong += chunk))
  older.write('\r\n\r\n')
  await until('a pong', () => pong === '\r\n', 2000)
  assert.equal(older.getProtocol(), 'TLSv1.2')
  const socket = client(await carriers.agent(world.acme))
  world.defer(() => void socket.destroy())
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  assert.equal(socket.getProtocol(), 'TLSv1.3')
  const connection = new PeerConnection(socket)
  const call = await place(world, connection, invite(world, 'TLS'))
  assert.equal(call.answer.status, 200)
  assert.match(headerOf(good.requests('INVITE')[0]!, 'via'), /^SIP\/2\.0\/TLS [\d.]+:5061/)
  assert.match(headerOf(call.answer, 'contact'), /:5061;transport=tls>/)
  call.hangup()
  await world.quiet()
  // A gateway that shows another CA's certificate is none.
  for (const { socket } of good.connections) socket.destroy()
  // Nor is a call possible to one that demands a certificate of ours where there is none, and it is told why.
  await reach(world, { transport: 'tls', port: 5061 }, { ca: carriers.certificate, serverName: 'switch.tieline' })
  const unshown = await place(world, connection, invite(world, 'TLS'))
  assert.equal(unshown.answer.status, 504)
  const failed = (await world.events()).findLast(({ type }) => type === 'leg.failed')
  assert.match(failed!.cause!.text!, /it demands a certificate of ours, and there is none/)
  const states = await world.link.call('trunk.state', {})
  const troubles = states.flatMap(({ gateways }) => gateways.map(({ trouble }) => trouble ?? ''))
  assert.ok(
    troubles.some((trouble) => /demands a certificate/.test(trouble)),
    troubles.join('; '),
  )
  await reach(world, { transport: 'tls', port: 5061 }, tls)
  good.close()
  const false_ = await StreamPeer.open(`${world.net}.3`, 5061, tlsServer(await strangers.switch()), true)
  world.defer(() => false_.close())
  const refused = await place(world, connection, invite(world, 'TLS'))
  assert.equal(refused.answer.status, 504)
  assert.equal(false_.requests('INVITE').length, 0)
  await world.quiet()
})

test('a switch that restarts with a call up over TCP: connections die, and requests inside the dialog find a new one', async () => {
  await using world = await World.open({ voice: true })
  await reach(world, { transport: 'tcp' })
  const peer = await StreamPeer.open(`${world.net}.3`, 5060)
  world.defer(() => peer.close())
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('an answer', () => call.phase === 'up', 2000)
  await until('its ACK', () => peer.requests('ACK').length === 1, 2000)
  await world.kill('switch')
  await until('the connection to die with it', () => peer.connections[0]!.closed, 2000)
  await world.startSwitch()
  call.hangup()
  await until('BYE by a new connection', () => peer.connections[1]?.requests('BYE').length === 1, 3000)
  await world.quiet()
})

test('the site’s PBX by TCP: reached by a socket that was opened in its namespace, and heard at the switch’s own port', async () => {
  await using world = await World.open({ voice: true })
  const pbx = await StreamPeer.open(`${world.net}.74`, 5060)
  world.defer(() => pbx.close())
  const site = { pbx: { host: `${world.net}.74`, port: 5060, transport: 'tcp' as const } }
  await world.change({ site, defaultRoute: { pbx: '100', via: 'channel' } })
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('an answer', () => call.phase === 'up', 4000)
  const [arrived] = pbx.requests('INVITE')
  assert.match(arrived!.uri!, /^sip:100@[\d.]+:5060;transport=tcp$/)
  assert.match(headerOf(arrived!, 'via'), new RegExp(`^SIP/2\\.0/TCP ${world.siteSwitch.address.replaceAll('.', '\\.')}:5060`))
  call.hangup()
  await until('BYE to the PBX', () => pbx.requests('BYE').length === 1, 2000)
  assert.equal(pbx.connections.length, 1)
  await world.quiet()
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const socket = connectTcp({ host: world.siteSwitch.address, port: 5060, localAddress: `${world.net}.74` })
  world.defer(() => void socket.destroy())
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const outbound = invite(world)
  outbound.uri = `sip:+3225558888@${world.siteSwitch.address}`
  const placed = await place(world, new PeerConnection(socket), outbound)
  assert.equal(placed.answer.status, 200)
  placed.hangup()
  await world.quiet()
})
