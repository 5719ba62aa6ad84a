import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import { createSealer } from '#platform/subscriber/index.ts'
import { until } from '../peer/clock.ts'
import { cseqOf, headerOf, type Message } from '../peer/sip/message.ts'
import { Password } from '../peer/sip/password.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { DID, World } from './harness.ts'
import { answeredEarly, ringing, TAKES_UPDATE } from './scripted-call.ts'

const CALLER = '+32470123456'

const credentials = (world: World, password = 'circle of life') => ({
  user: 'tl',
  password: createSealer(world.sealingKey).seal(password),
})

const stateOf = async (world: World, name: string) => {
  const id = world.snapshot.trunks.find((trunk) => trunk.name === name)?.id
  return (await world.link.call('trunk.state', {})).find((state) => state.trunk === id)
}

test('S44 S45 F05 a carrier that challenges INVITE and BYE is answered; nobody else ever sees the credentials', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const gate = new Password(world.second.socket, { user: 'tl', password: 'circle of life' })
  const invites = world.second.requests('INVITE')
  const strangers: string[] = []
  const { socket } = world.carrier
  const receive = socket.onRequest
  socket.onRequest = (message, from) => {
    strangers.push(...message.headers.map(([name]) => name))
    receive(message, from)
  }
  await world.changeTrunk('other', { credentials: credentials(world) })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => call.phase === 'up', 3000)
  assert.deepEqual(
    invites.map((m) => [headerOf(m, 'cseq'), headerOf(m, 'call-id') === headerOf(invites[0]!, 'call-id')]),
    [
      ['1 INVITE', true],
      ['2 INVITE', true],
    ],
  )
  call.hangup()
  await until('the BYE to be let in', () => gate.let.some((m) => m.method === 'BYE'), 3000)
  assert.equal(gate.refused, 0)
  // A call that the carrier ends: nothing of ours is in what the other trunk is sent.
  const again = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => again.phase === 'up', 3000)
  await until('the second', () => world.second.calls.some((c) => c.phase === 'up'), 3000)
  world.second.calls.find((c) => c.phase === 'up')!.hangup()
  await until('the end', () => again.phase === 'ended', 3000)
  assert.ok(!strangers.some((name) => /authorization/i.test(name)))
  await world.quiet()
})

test('F05 a PBX that asks for the trunk’s password by its realm, at INVITE, re-INVITE and BYE, is never told a word of it', async () => {
  await using world = await World.open({ voice: true, subscriber: { defaultRoute: { pbx: '101' } } })
  await world.changeTrunk('other', { credentials: credentials(world) })
  await world.changeTrunk('main', { credentials: credentials(world) })
  const challenge: [string, string][] = [
    ['Proxy-Authenticate', 'Digest realm="carrier", nonce="n1", qop="auth", algorithm=MD5'],
    ['WWW-Authenticate', 'Digest realm="carrier", nonce="n2", algorithm=MD5'],
  ]
  for (const status of [401, 407]) {
    const pbx = ScriptedLeg.await(world.pbx)
    const a = ScriptedLeg.place(world.carrier, world.node, DID, { sdp: {} })
    const invite = await pbx.next('INVITE')
    pbx.reply(invite, status, { headers: challenge })
    await pbx.next('ACK')
    const refused = await until('a refusal', () => a.heard.find((message) => (message.status ?? 0) >= 300), 4000)
    assert.ok(refused.status !== status, 'nor does the challenge cross')
    a.ack(refused)
    assert.equal(pbx.count('INVITE'), 1)
    assert.doesNotMatch(JSON.stringify(pbx.heard), /authorization/i)
  }
  const pbx = ScriptedLeg.await(world.pbx)
  const a = ScriptedLeg.place(world.carrier, world.node, DID, { sdp: {} })
  const invite = await pbx.next('INVITE')
  pbx.reply(invite, 200, { body: pbx.sdp() })
  await pbx.next('ACK')
  a.ack(await a.next('200 INVITE'))
  const joined = async () => (await world.link.call('call.list', {})).find(({ state }) => state === 'joined')
  const { id } = await until('the call', joined, 3000)
  const order = { verb: 'hold' as const, params: { party: 'dialled' } }
  const held = world.link.call('call.order', { call: id, order, by: 'operator' }).catch(() => {})
  pbx.reply(await pbx.next('INVITE'), 407, { headers: challenge })
  await pbx.next('ACK')
  await held
  a.ask('BYE')
  pbx.reply(await pbx.next('BYE'), 407, { headers: challenge })
  await world.quiet()
  assert.deepEqual([pbx.count('INVITE'), pbx.count('BYE')], [2, 1])
  assert.doesNotMatch(JSON.stringify(pbx.heard), /authorization/i)
})

for (const algorithm of ['MD5', 'SHA-256'] as const) {
  test(`S44 S45 ${algorithm}: INVITE, re-INVITE, INFO and BYE are answered whenever they are challenged, by a new nonce, a stale one, or a known one with its count`, async () => {
    await using world = await World.open({ media: 'direct' })
    world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
    const gate = new Password(world.second.socket, { user: 'tl', password: 'circle of life', algorithm })
    await world.changeTrunk('other', { credentials: credentials(world) })
    const asked = ['INVITE', 'INFO', 'BYE'].map((method) => world.second.requests(method)) as [Message[], Message[], Message[]]
    // The one in hand is refused, and its nonce called stale: that is no wrong password.
    gate.stale = 1
    const a = ScriptedLeg.place(world.carrier, world.node, DID, { sdp: {} })
    a.ack(await a.next('200 INVITE'))
    const [invites, infos, byes] = asked
    assert.equal(invites.length, 3)
    const numbers = (messages: Message[]) => messages.map((m) => Number.parseInt(headerOf(m, 'cseq'), 10))
    assert.deepEqual(numbers(invites), [1, 2, 3])
    assert.equal(new Set(invites.map((m) => headerOf(m, 'call-id'))).size, 1)
    // The nonce is over, and nobody calls it stale.
    gate.nonce = 'second'
    a.ask('INVITE', { body: a.sdp({ version: 2 }) })
    a.ack(await a.next('200 INVITE'))
    assert.deepEqual(numbers(invites).slice(3), [4, 5])
    // It is known now, and counted.
    for (let i = 0; i < 2; i++) {
      a.ask('INFO', { headers: [['Content-Type', 'application/dtmf-relay']], body: `Signal=${i}\r\nDuration=160\r\n` })
      await a.next('200 INFO')
      await until('the key', () => infos.length === i + 1, 2000)
    }
    const counts = infos.map((m) => /nc=(\d+)/.exec(headerOf(m, 'proxy-authorization'))?.[1])
    assert.deepEqual(counts, ['00000002', '00000003'])
    gate.nonce = 'third'
    a.ask('BYE')
    await a.next('200 BYE')
    await until('the BYE to be let in', () => gate.let.some((m) => m.method === 'BYE'), 3000)
    assert.equal(byes.length, 2)
    await world.quiet()
  })
}

test('S45 S10 RFC 3311 an UPDATE of ours before the answer is challenged, also behind the answer: it is sent again with credentials, and its answer crosses', async () => {
  await using world = await World.open({ media: 'direct' })
  await world.changeTrunk('other', { credentials: credentials(world) })
  const call = await ringing(world, { headers: [['Supported', '100rel'], TAKES_UPDATE], sdp: { port: 30_100 } })
  const { a, b, invite } = call
  await answeredEarly(call, { headers: [TAKES_UPDATE], sdp: { port: 31_100 } })
  const challenge = (nonce: string): [string, string][] => [
    ['Proxy-Authenticate', `Digest realm="carrier", nonce="${nonce}", qop="auth", algorithm=MD5`],
  ]
  const authorized = (message: Message) => [
    cseqOf(message).number,
    /nonce="(\w+)"/.exec(headerOf(message, 'proxy-authorization'))?.[1],
  ]
  a.ask('UPDATE', { body: a.sdp({ port: 30_200, version: 2 }) })
  const first = await b.next('UPDATE')
  assert.deepEqual(authorized(first), [3, undefined], 'behind the PRACK')
  b.reply(first, 407, { headers: challenge('one') })
  const again = await b.next('UPDATE')
  assert.deepEqual(authorized(again), [4, 'one'])
  assert.equal(readSdp(again.body)?.port, 30_200)
  b.reply(again, 200, { body: b.sdp({ port: 31_200, version: 2 }) })
  assert.equal(readSdp((await a.next('200 UPDATE')).body)?.port, 31_200)
  // The answer overtakes the challenge.
  a.ask('UPDATE', { body: a.sdp({ port: 30_300, version: 3 }) })
  const crossed = await b.next('UPDATE')
  assert.deepEqual(authorized(crossed), [5, 'one'])
  b.reply(invite, 200)
  await b.next('ACK')
  b.reply(crossed, 407, { headers: challenge('two') })
  const late = await b.next('UPDATE')
  assert.deepEqual(authorized(late), [6, 'two'])
  b.reply(late, 200, { body: b.sdp({ port: 31_300, version: 3 }) })
  assert.equal(readSdp((await a.next('200 UPDATE')).body)?.port, 31_300)
  a.ack(await a.next('200 INVITE'))
  a.ask('BYE')
  const bye = await b.next('BYE')
  assert.deepEqual(authorized(bye), [7, 'two'])
  b.reply(bye, 200)
  await world.quiet()
})

test('S43 S44 F05 two trunks at one server of a carrier, each with an account of its own: a challenge is answered by the account of the trunk that the call goes over', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const sealed = (user: string) => ({ user, password: createSealer(world.sealingKey).seal(`of ${user}`) })
  const [main, other] = world.snapshot.trunks
  const trunks = ['first', 'second'].map((name) => ({ ...other!, id: newId('trk'), name, credentials: sealed(name) }))
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks: [main!, ...trunks] })
  const receive = world.second.socket.onRequest
  for (const name of ['first', 'second']) {
    world.second.socket.onRequest = receive
    const gate = new Password(world.second.socket, { user: name, password: `of ${name}` })
    await world.change({ defaultRoute: { trunk: name, number: '+3225559000' } })
    const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
    await until('a decision', () => call.phase !== 'setup', 4000)
    assert.deepEqual([call.phase, gate.refused], ['up', 0], name)
    call.hangup()
    await until('the BYE to be let in', () => gate.let.some((m) => m.method === 'BYE'), 3000)
    assert.equal(gate.refused, 0)
    await world.quiet()
  }
})

test('S44 a wrong password ends the call as forbidden, after one try', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const gate = new Password(world.second.socket, { user: 'tl', password: 'circle of life' })
  await world.changeTrunk('other', { credentials: credentials(world, 'wrong') })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('a refusal', () => call.phase === 'ended', 3000)
  assert.equal(call.report().final?.status, 403)
  assert.equal(gate.refused, 1)
  await world.quiet()
})

test('S37 S57 a trunk registers where its calls go, leaves when told to, and says how it is', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const gate = new Password(world.second.socket, { user: 'tl', password: 'circle of life' })
  await world.changeTrunk('other', { credentials: credentials(world), registerSeconds: 60 })
  await until('a registration', () => gate.registers.length === 1, 3000)
  const [register] = gate.registers
  assert.match(headerOf(register!, 'contact'), new RegExp(`<sip:tl@${world.node.address}:5060>`))
  assert.equal(headerOf(register!, 'expires'), '60')
  await until('its state', async () => (await stateOf(world, 'other'))?.registration?.state === 'registered', 2000)
  assert.match((await stateOf(world, 'other'))!.registration!.text, /^registered at .* for 60 s$/)
  // The same publication again changes nothing.
  await world.changeTrunk('other', {})
  assert.equal(gate.registers.length, 1)
  // Without registration it is taken back.
  const before = gate.registers.length
  const trunks = world.snapshot.trunks.map(({ registerSeconds: _, ...trunk }) => trunk)
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks })
  await until('the farewell', () => gate.registers.length > before, 3000)
  assert.equal(headerOf(gate.registers.at(-1)!, 'expires'), '0')
  assert.equal((await stateOf(world, 'other'))?.registration, null)
})

test('S34 S35 a dead gateway and one that says 503 are passed by; the dead one is tried last then; O07 no call drops', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  world.pbx.rules = [{ user: '*', does: 503 }]
  const at = (last: number) => ({ address: `${world.net}.${last}`, port: 5060 })
  // The site's PBX stands in for a gateway that cannot serve; nobody is at .9.
  await world.changeTrunk('other', { gateways: [at(9), at(74), at(3)] })
  const begun = performance.now()
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => call.phase === 'up', 5000)
  assert.ok(performance.now() - begun < 3000)
  const [refused] = world.pbx.calls
  assert.equal(refused?.report().timeline.filter(({ what }) => what === '< ACK').length, 1, 'the 503 is acknowledged')
  const state = await stateOf(world, 'other')
  assert.deepEqual(
    state?.gateways.map((gateway) => gateway.state),
    ['down', 'up', 'up'],
  )
  const second = performance.now()
  const next = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => next.phase === 'up', 3000)
  assert.ok(performance.now() - second < 1000, 'the dead one is not waited for again')
  await world.changeTrunk('other', { gateways: [at(3), at(9)], maxOut: 5 })
  assert.deepEqual([call.phase, next.phase], ['up', 'up'])
  // All that is left says 503 or nothing: the caller is told so, and not 503.
  await world.changeTrunk('other', { gateways: [at(74)] })
  const last = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('a refusal', () => last.phase === 'ended', 3000)
  assert.equal(last.report().final?.status, 500)
  call.hangup()
  next.hangup()
  await world.quiet()
})

test('S37 OPTIONS: a gateway that stops to answer is down after three, and back with its first answer', async () => {
  await using world = await World.open()
  const asked = world.second.requests('OPTIONS')
  await world.changeTrunk('other', { optionsSeconds: 1 })
  await until('OPTIONS', () => asked.length >= 1, 3000)
  const { socket } = world.second
  const receive = socket.onRequest
  socket.onRequest = () => {}
  await until('one to be lost', async () => (await stateOf(world, 'other'))?.gateways[0]?.lost === 1, 6000)
  assert.equal((await stateOf(world, 'other'))?.gateways[0]?.state, 'up', 'one changes nothing')
  await until('it to be down', async () => (await stateOf(world, 'other'))?.gateways[0]?.state === 'down', 15_000)
  assert.equal((await stateOf(world, 'other'))?.gateways[0]?.lost, 3)
  socket.onRequest = receive
  await until('it to be back', async () => (await stateOf(world, 'other'))?.gateways[0]?.state === 'up', 5000)
})

test('number rules: a carrier with national numbers, in and out; calls per second are held', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  await world.changeTrunk('main', { numbers: { in: [{ prefix: '0', replace: '+32' }], out: [] } })
  await world.changeTrunk('other', { numbers: { in: [], out: [{ prefix: '+32', replace: '0' }] }, callsPerSecond: 1 })
  const invites = world.second.requests('INVITE')
  const place = () => world.carrier.place({ to: world.node, from: '0470123456', number: DID.replace('+32', '0') })
  const calls = [await place(), await place()]
  await until('both to be decided', () => calls.every((call) => call.phase !== 'setup'), 3000)
  assert.match(invites[0]!.uri!, /^sip:025559000@/)
  assert.match(headerOf(invites[0]!, 'from'), /<sip:0470123456@/)
  assert.match(headerOf(invites[0]!, 'p-asserted-identity'), /<sip:0470123456@/)
  assert.deepEqual(calls.map((call) => call.phase).sort(), ['ended', 'up'])
  const told = calls.find((call) => call.phase === 'ended')!.report()
  assert.equal(told.final?.status, 486)
  assert.match(told.final?.headers.Reason ?? '', /cause=42/)
  const offered = (await world.events()).find((event) => event.type === 'call.offered')
  assert.equal((offered!.data.from as { number: string }).number, CALLER)
  for (const call of calls) call.hangup()
  await world.quiet()
})
