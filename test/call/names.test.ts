import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { createSealer } from '#platform/subscriber/index.ts'
import { sleep, until } from '../peer/clock.ts'
import { headerOf } from '../peer/sip/message.ts'
import { Password } from '../peer/sip/password.ts'
import { StreamPeer } from '../peer/sip/stream-peer.ts'
import { createTestCa } from './agent-ca.ts'
import { DID } from './harness.ts'
import { CALLER, NAME, NamesWorld } from './names-world.ts'
import { ringing } from './scripted-call.ts'
import { TURNED, turn } from './turned-clock.ts'

const asked = (names: NamesWorld) => names.dns.questions.map(({ type, name }) => `${type} ${name}`)

test('S34 S35 of three SRV targets one is dead and one says 503: the third has the call, and the dead one is not waited for again', async () => {
  await using names = await NamesWorld.open()
  const busy = await names.server(4)
  busy.rules = [{ user: '*', does: 503 }]
  const bogus = await names.server(5)
  names.srv([{ last: 9 }, { last: 4 }, { last: 3 }])
  names.dns.records[NAME] = names.address(5)
  const invites = names.world.second.requests('INVITE')
  await names.name()
  const first = await names.up()
  assert.ok(first.ms > 1400 && first.ms < 3000, `after ${Math.round(first.ms)} ms`)
  assert.equal(invites[0]!.uri, `sip:+3225559000@${NAME}`, 'the name stays what is asked for')
  assert.equal(busy.calls[0]?.report().timeline.filter(({ what }) => what === '< ACK').length, 1, 'the 503 is acknowledged')
  const second = await names.up()
  assert.ok(second.ms < 1000, `the dead one was waited for again: ${Math.round(second.ms)} ms`)
  assert.deepEqual(
    (await names.state()).gateways.map(({ name, address, state }) => [name, address.split('.').at(-1), state]),
    [
      [NAME, '3', 'up'],
      [NAME, '4', 'up'],
      [NAME, '9', 'down'],
    ],
  )
  // All say 503: the caller is told so as 500, and the address of the name itself is neither asked for nor called.
  names.world.second.rules = [{ user: '*', does: 503 }]
  names.srv([{ last: 4 }, { last: 3 }], { ttl: 1 })
  await names.name({}, { transport: 'udp' })
  assert.equal(await names.refused(), 500)
  assert.equal(bogus.calls.length, 0)
  assert.ok(!asked(names).includes(`A ${NAME}`))
  for (const { call } of [first, second]) call.hangup()
  await names.world.quiet()
})

test('S34 a server that was silent to a call is asked by OPTIONS soon, and has calls again when it answers', async () => {
  await using names = await NamesWorld.open()
  names.srv([{ last: 9 }, { last: 3 }])
  await names.name({ optionsSeconds: 60 })
  const { call } = await names.up()
  const back = await names.server(9)
  await until('it to be up again', async () => (await names.state()).gateways.every(({ state }) => state === 'up'), 8000)
  const again = await names.up()
  assert.equal(back.calls.length, 1)
  for (const one of [call, again.call]) one.hangup()
  await names.world.quiet()
})

test('S34 a server that refuses the connection is passed by at once, without any silence', async () => {
  await using names = await NamesWorld.open()
  const peer = await StreamPeer.open(names.address(6), 5060)
  names.world.defer(() => peer.close())
  names.srv([{ last: 9 }, { last: 6 }], {}, '_sip._tcp')
  await names.name({}, { transport: 'tcp' })
  const first = await names.up()
  assert.ok(first.ms < 1000, `after ${Math.round(first.ms)} ms`)
  assert.equal((await names.state()).gateways.find(({ address }) => address === names.address(9))?.state, 'down')
  first.call.hangup()
  await until('BYE', () => peer.requests('BYE').length === 1, 2000)
  await names.world.quiet()
})

test('S36 a name with an address and SRV: SRV; by TLS as _sips._tcp, and the certificate is for the name, not for the target', async () => {
  const carriers = await createTestCa()
  await using names = await NamesWorld.open({ sipTls: await carriers.switch() })
  const { world } = names
  const wrong = await StreamPeer.open(names.address(5), 5061, createTlsServer(keys(await carriers.server(`s5.${NAME}`))), true)
  world.defer(() => wrong.close())
  const right = await StreamPeer.open(names.address(6), 5071, createTlsServer(keys(await carriers.server(NAME))), true)
  world.defer(() => right.close())
  names.dns.records[NAME] = names.address(9)
  names.srv(
    [
      { last: 5, port: 5061 },
      { last: 6, port: 5071 },
    ],
    {},
    '_sips._tcp',
  )
  const shown = await carriers.agent(world.acme)
  const tls = { ca: carriers.certificate, certificate: shown.certificate, key: createSealer(world.sealingKey).seal(shown.key) }
  await names.name({ tls }, { transport: 'tls' })
  const { call } = await names.up(8000)
  assert.equal(wrong.requests('INVITE').length, 0, 'whoever shows the certificate of the target alone is not the carrier')
  const [invite] = right.requests('INVITE')
  assert.equal(invite!.uri, `sip:+3225559000@${NAME};transport=tls`)
  assert.ok(asked(names).includes(`SRV _sips._tcp.${NAME}`) && !asked(names).includes(`A ${NAME}`))
  call.hangup()
  await until('BYE by the same connection', () => right.requests('BYE').length === 1, 3000)
  assert.equal(right.connections.length, 1)
  await world.quiet()
})

const keys = ({ certificate, key }: { certificate: string; key: string }) => ({ cert: certificate, key })

test('S36 NAPTR says TCP, its SRV the port: the call goes there; a port that is given needs none of them', async () => {
  await using names = await NamesWorld.open()
  const peer = await StreamPeer.open(names.address(6), 5070)
  names.world.defer(() => peer.close())
  const naptr = (order: number, services: string, replacement: string) => ({ order, preference: 1, services, replacement })
  names.dns.records[NAME] = {
    A: [names.address(3)],
    NAPTR: [naptr(20, 'SIP+D2U', `_sip._udp.${NAME}`), naptr(10, 'SIP+D2T', `_sip._tcp.${NAME}`)],
  }
  names.srv([{ last: 3 }])
  names.srv([{ last: 6, port: 5070 }], {}, '_sip._tcp')
  await names.name()
  const { call } = await names.up()
  assert.equal(peer.requests('INVITE')[0]?.uri, `sip:+3225559000@${NAME}`)
  call.hangup()
  await until('BYE by TCP', () => peer.requests('BYE').length === 1, 2000)
  names.dns.questions.length = 0
  const invites = names.world.second.requests('INVITE')
  await names.name({}, { port: 5060 })
  const next = await names.up()
  assert.equal(invites[0]?.uri, `sip:+3225559000@${NAME}:5060`)
  assert.deepEqual(asked(names), [`A ${NAME}`])
  next.call.hangup()
  await names.world.quiet()
})

test('S37 REGISTER, OPTIONS and INVITE of a name go to the same server; when it falls silent, all go to the next one', async () => {
  await using names = await NamesWorld.open()
  const servers = [names.world.second, await names.server(4)]
  const gates = servers.map((server) => new Password(server.socket, { user: 'tl', password: 'circle of life' }))
  names.srv([
    { last: 3, priority: 0 },
    { last: 4, priority: 0 },
  ])
  const credentials = { user: 'tl', password: createSealer(names.world.sealingKey).seal('circle of life') }
  await names.name({ credentials, registerSeconds: 60, optionsSeconds: 1 })
  await until('a registration', async () => (await names.state()).registration?.state === 'registered', 3000)
  const at = gates.findIndex(({ registers }) => registers.length > 0)
  assert.equal(gates[1 - at]!.registers.length, 0)
  assert.match(headerOf(gates[at]!.registers[0]!, 'to'), new RegExp(`<sip:tl@${NAME}>`))
  assert.equal(gates[at]!.registers[0]!.uri, `sip:${NAME}`)
  for (let i = 0; i < 4; i++) (await names.up()).call.hangup()
  assert.deepEqual([servers[at]!.calls.length, servers[1 - at]!.calls.length], [4, 0])
  servers[at]!.socket.onRequest = () => {}
  const { call } = await names.up()
  assert.equal(servers[1 - at]!.calls.length, 1)
  call.hangup()
  await names.world.quiet()
})

test('DNS is slow, cut short, lies, fails at one server of the name: a call meets none of it', async () => {
  await using names = await NamesWorld.open()
  names.dns.mood = { delayMs: 150, cut: true, lies: names.address(9) }
  names.srv([{ last: 3 }])
  await names.name({}, {}, false)
  // Nothing is known yet: the call waits for it, and for no longer than it takes.
  const first = await names.up()
  assert.ok(first.ms < 6000)
  assert.ok(names.dns.questions.some(({ over, type }) => over === 'tcp' && type === 'SRV'))
  assert.deepEqual(
    (await names.state()).gateways.map(({ address }) => address),
    [names.address(3)],
    'nothing else was believed',
  )
  const second = await names.up()
  assert.ok(second.ms < 500, 'what is known is not waited for')
  for (const { call } of [first, second]) call.hangup()
  await names.world.quiet()
})

test('DNS is dead from the beginning: a call ends within its time, and goes through when DNS is back', async () => {
  await using names = await NamesWorld.open()
  names.srv([{ last: 3 }])
  names.dns.mood = { silent: true }
  await names.name({}, {}, false)
  const begun = performance.now()
  assert.equal(await names.refused(), 502)
  const ms = performance.now() - begun
  assert.ok(ms > 1500 && ms < 6000, `after ${Math.round(ms)} ms`)
  await names.world.quiet()
  names.dns.mood = { fails: true }
  await until('it to be known as nowhere', async () => (await names.state()).names[0]?.state === 'nowhere', 10_000)
  assert.match((await names.state()).names[0]!.text, /DNS does not tell/)
  names.dns.mood = {}
  const { call } = await names.up()
  call.hangup()
  await names.world.quiet()
})

test('DNS dies later: the last answer goes on, for calls, for who is heard, and for a switch that starts again', async () => {
  await using names = await NamesWorld.open()
  const { world } = names
  names.srv([{ last: 3 }], { ttl: 1 })
  await names.name()
  names.dns.mood = { silent: true }
  const figure = async (name: string) => (await world.link.call('metrics', {})).find((metric) => metric.name === name)!.samples
  const server = `udp:${names.address(3)}:5060`
  assert.deepEqual(
    (await figure('tieline_trunk_server_up')).find(({ labels }) => labels?.trunk === 'other'),
    { labels: { trunk: 'other', server }, value: 1 },
  )
  assert.deepEqual(await figure('tieline_trunk_name_located'), [{ labels: { trunk: 'other', name: NAME }, value: 1 }])
  await until('the answer to be an old one', async () => (await names.state()).names[0]?.state === 'kept', 20_000)
  assert.equal((await figure('tieline_trunk_name_located'))[0]?.value, 0)
  const { call } = await names.up()
  call.hangup()
  await until('its end everywhere', () => world.second.calls[0]?.phase === 'ended', 3000)
  await world.quiet()
  await world.kill('switch')
  await world.startSwitch()
  const again = await names.up()
  assert.ok(again.ms < 1500, `it is known from the start: ${Math.round(again.ms)} ms`)
  again.call.hangup()
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  await world.change({ defaultRoute: { trunk: 'main', number: '+3225559000' } })
  const inward = await world.second.place({ to: world.node, from: CALLER, number: DID })
  await until('a call from there', () => inward.phase === 'up', 3000)
  inward.hangup()
  await world.quiet()
})

test('calls are drawn by weight: three to one', async () => {
  await using names = await NamesWorld.open()
  const light = await names.server(4)
  names.srv([
    { last: 3, priority: 0, weight: 30 },
    { last: 4, priority: 0, weight: 10 },
  ])
  await names.name()
  const calls = await Promise.all(Array.from({ length: 80 }, () => names.place()))
  await until('all to be up', () => calls.every((call) => call.phase === 'up'), 10_000)
  const share = light.calls.length
  assert.equal(share + names.world.second.calls.length, 80)
  // Of 80, 20 by expectation; four times the deviation of 3.9 to either side.
  assert.ok(share >= 4 && share <= 36, `the light one had ${share} of 80`)
  for (const call of calls) call.hangup()
  await names.world.quiet(10_000)
})

test('the records change while a call is up: it goes on where it is, new ones go where the name leads now', async () => {
  await using names = await NamesWorld.open()
  const { world } = names
  const next = await names.server(4)
  names.srv([{ last: 3 }], { ttl: 1 })
  await names.name()
  const old = await names.up()
  const other = await names.up()
  names.srv([{ last: 4 }], { ttl: 1 })
  await until('the move', async () => (await names.state()).gateways[0]?.address === names.address(4), 10_000)
  const { call } = await names.up()
  assert.deepEqual([world.second.calls.length, next.calls.length], [2, 1])
  // The far end of the old server hangs up: it is heard though the name leads elsewhere.
  world.second.calls[0]!.hangup()
  await until('its BYE to be taken', () => old.call.phase === 'ended', 3000)
  // And is told, where it is.
  other.call.hangup()
  await until('BYE to the old server', () => world.second.calls[1]!.phase === 'ended', 3000)
  call.hangup()
  await world.quiet()
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  await world.change({ defaultRoute: { trunk: 'main', number: '+3225559000' } })
  const inward = await next.place({ to: world.node, from: CALLER, number: DID })
  await until('a call from the new server', () => inward.phase === 'up', 3000)
  inward.hangup()
  await world.change({ defaultRoute: { trunk: 'other', number: '+3225559000' } })
  // DNS says that there is nothing any more: that is an answer, and whoever was there is a stranger in the end.
  for (const name of Object.keys(names.dns.records)) delete names.dns.records[name]
  await until('nothing to be left', async () => (await names.state()).names[0]?.state === 'nowhere', 10_000)
  assert.equal(await names.refused(), 502)
  await world.quiet()
})

test('O07 a gateway is replaced, by DNS while the switch is dead or by the operator: whoever is up there is still heard', async () => {
  await using names = await NamesWorld.open({ voice: true })
  const { world } = names
  const next = await names.server(4)
  names.srv([{ last: 3 }], { ttl: 1 })
  await names.name()
  const calls = [(await names.up()).call, (await names.up()).call]
  await until('both ACKs', () => world.second.calls.every((c) => c.report().timeline.at(-1)?.what === '< ACK'), 3000)
  await world.kill('switch')
  names.srv([{ last: 4 }], { ttl: 1 })
  await world.startSwitch()
  await until('the move', async () => (await names.state()).gateways[0]?.address === names.address(4), 10_000)
  const hangUp = async (i: number) => {
    world.second.calls[i]!.hangup()
    await until('its BYE to be taken', () => calls[i]!.phase === 'ended', 4000)
  }
  await hangUp(0)
  await names.name({}, { address: names.address(4), port: 5060 }, false)
  const invites = world.carrier.requests('INVITE')
  await world.change({ defaultRoute: { trunk: 'main', number: '+3225559000' } })
  await hangUp(1)
  await names.name({}, { address: names.address(3), port: 5060 }, false)
  const stranger = await next.place({ to: world.node, from: CALLER, number: DID })
  await sleep(700)
  assert.deepEqual([stranger.phase, stranger.report().final, invites.length], ['setup', null, 0], 'no new call begins there')
  await world.quiet()
})

test('a 3xx is refused unless the trunk asks for it, and followed then to its own hosts and to nobody else', async () => {
  await using names = await NamesWorld.open()
  const { world } = names
  const [target, evil] = [await names.server(4), await names.server(5)]
  names.srv([{ last: 3 }, { last: 4 }])
  await names.name()
  const contacts = (...list: string[]) => {
    world.second.rules = [{ user: '*', does: 302, headers: list.map((contact) => ['Contact', contact]) }]
  }
  contacts(`<sip:+3225559000@${names.address(4)}>`)
  assert.equal(await names.refused(), 480)
  assert.equal(target.calls.length, 0)
  await names.name({ redirects: 'follow' })
  contacts(`<sip:+3225559000@${names.address(5)}>;q=1.0`, `<sip:+3225559000;rn=+3299@s4.${NAME}>;q=0.5`)
  const { call } = await names.up()
  assert.equal(target.calls.length, 1)
  assert.equal(target.calls[0]!.report().to, `sip:+3225559000;rn=+3299@s4.${NAME}`)
  call.hangup()
  contacts(`<sip:+3225559000@${names.address(5)}>`)
  assert.equal(await names.refused(), 480)
  // Around in a circle: it ends.
  contacts(`<sip:+3225559000@${names.address(3)}>`)
  assert.equal(await names.refused(), 480)
  assert.equal(evil.calls.length, 0)
  await world.quiet()
})

test('S34 a 503 with Retry-After puts its server behind the others for that time', async () => {
  await using names = await NamesWorld.open()
  const spare = await names.server(4)
  names.srv([{ last: 3 }, { last: 4 }])
  await names.name()
  names.world.second.rules = [{ user: '*', does: 503, headers: [['Retry-After', '2']] }]
  const first = await names.up()
  names.world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const second = await names.up()
  assert.deepEqual([names.world.second.calls.length, spare.calls.length], [1, 2])
  await sleep(2100)
  const third = await names.up()
  assert.deepEqual([names.world.second.calls.length, spare.calls.length], [2, 2])
  for (const { call } of [first, second, third]) call.hangup()
  await names.world.quiet()
})

test('§17.1.2.2 S34 one of several servers that says 100 has 64*T1 from when it was asked, and not from its 100; then the leg is over', async () => {
  await using names = await NamesWorld.open({ ...TURNED, media: 'direct' })
  const { world } = names
  const next = await names.server(4)
  const others = next.requests('INFO')
  names.srv([{ last: 3 }, { last: 4 }])
  await names.name()
  const { a, b, invite } = await ringing(world)
  b.shown = `sip:x@${NAME}`
  b.reply(invite, 200, { sdp: {} })
  await b.next('ACK')
  a.ack(await a.next('200 INVITE'))
  const pass = async (seconds: number) => {
    await turn(world, seconds)
    await sleep(50)
  }
  a.ask('INFO', { headers: [['Content-Type', 'application/dtmf-relay']], body: 'Signal=5\r\nDuration=160\r\n' })
  const info = await b.next('INFO')
  await pass(1)
  b.reply(info, 100)
  await sleep(50)
  await pass(29)
  assert.deepEqual([a.count('BYE'), b.count('BYE'), others.length], [0, 0, 0])
  await pass(3)
  a.reply(await a.next('BYE', 1500), 200)
  b.reply(await b.next('BYE'), 200)
  await world.quiet()
  assert.equal(others.length, 0, 'whoever has said something is not passed by')
  const reasons = (await world.events()).filter(({ type }) => type === 'leg.cleared').map(({ cause }) => cause?.reason)
  assert.ok(reasons.includes('dialog-gone'), `${reasons}`)
})
