import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sleep, until } from '../peer/clock.ts'
import { cseqOf, headerOf, type Message, tagOf } from '../peer/sip/message.ts'
import { RawEnd, rawRequest } from '../peer/sip/raw.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, World } from './harness.ts'
import { reliable, ringing } from './scripted-call.ts'

/** Sound passes by, so that each leg is what the other one is told, message by message. */
let world: World
before(async () => {
  world = await World.open({ media: 'direct' })
})
after(() => world[Symbol.asyncDispose]())

async function up() {
  const { a, b, invite } = await ringing(world)
  b.reply(invite, 200, { body: b.sdp() })
  const ack = await b.next('ACK')
  const answer = await a.next('200 INVITE')
  a.ack(answer)
  return { a, b, invite, ack, answer }
}

async function hangUp(a: ScriptedLeg, b: ScriptedLeg): Promise<void> {
  a.ask('BYE')
  b.reply(await b.next('BYE'), 200)
  await a.next('200 BYE')
  await world.quiet()
}

/** Waits until so many of a kind have come, and a moment longer: that there are no more. */
async function comes(leg: ScriptedLeg, what: string | number, count: number): Promise<void> {
  await until(`${count} of ${what}`, () => leg.count(what) >= count, 3000)
  await sleep(40)
  assert.equal(leg.count(what), count, `${what}`)
}

test('S21 an ACK that is lost comes again with each repeat of its 200: at once, beside a re-INVITE, and behind the BYE', async () => {
  const { a, b, invite, ack } = await up()
  const repeat = async (count: number) => {
    b.reply(invite, 200, { body: b.sdp() })
    await comes(b, 'ACK', count)
    const again = b.heard.filter(({ method }) => method === 'ACK').at(-1)!
    assert.deepEqual([cseqOf(again).number, again.uri], [cseqOf(invite).number, ack.uri])
  }
  await repeat(2)
  await repeat(3)
  a.ask('INVITE', { body: a.sdp({ version: 2, direction: 'sendonly' }) })
  const held = await b.next('INVITE')
  await repeat(4)
  b.reply(held, 200, { body: b.sdp({ version: 2 }).replace('sendrecv', 'recvonly') })
  await comes(b, 'ACK', 5)
  a.ack(await a.next('200 INVITE'))
  await repeat(6)
  await hangUp(a, b)
  await repeat(7)
})

test('S23 a 200 that does not arrive is sent again after T1 and twice that, and no more once it is acknowledged', async () => {
  const { a, b, invite } = await ringing(world)
  b.reply(invite, 200, { body: b.sdp() })
  await b.next('ACK')
  const began = performance.now()
  await until('the third 200', () => a.count(200) === 3, 4000)
  const ms = performance.now() - began
  assert.ok(ms > 1300 && ms < 3000, `at 0.5 and 1.5 s, and not ${Math.round(ms)} ms`)
  assert.equal(new Set(a.heard.filter(({ status }) => status === 200).map((m) => headerOf(m, 'to'))).size, 1)
  a.ack(await a.next('200 INVITE'))
  await sleep(2300)
  assert.equal(a.count(200), 3)
  await hangUp(a, b)
})

test('S13 S08 S17 two forks of one INVITE ring reliably and both answer: a PRACK each, one call, and the other has its ACK and a BYE', async () => {
  const { a, b, invite } = await ringing(world)
  const from = (await world.events()).length
  const answered = async () => (await world.leases()).filter((lease) => lease.kind === 'trunk.out' && lease.answered).length
  const before = await answered()
  const says = (fork: string, status: number, number?: number) => {
    b.shown = `sip:${fork}@${b.socket.address}:5060`
    b.reply(invite, status, {
      ...{ tag: fork, headers: number ? reliable(number) : [] },
      ...(status === 200 ? { sdp: {} } : {}),
    })
  }
  says('one', 180, 100)
  says('two', 180, 7)
  // One of them rings again without being reliable: there is nothing to acknowledge about that.
  says('one', 180)
  await comes(b, 'PRACK', 2)
  const pracks = b.heard.filter(({ method }) => method === 'PRACK')
  const told = (m: Message) => [m.uri?.slice(4, 7), tagOf(headerOf(m, 'to')), headerOf(m, 'rack')]
  assert.deepEqual(pracks.map(told), [
    ['one', 'one', '100 1 INVITE'],
    ['two', 'two', '7 1 INVITE'],
  ])
  for (const prack of pracks) b.reply(prack, 200)
  says('one', 200)
  await b.next('ACK')
  says('two', 200)
  const bye = await b.next('BYE')
  assert.deepEqual([bye.uri?.slice(4, 7), tagOf(headerOf(bye, 'to'))], ['two', 'two'])
  b.reply(bye, 200)
  const acks = b.heard.filter(({ method }) => method === 'ACK')
  assert.deepEqual(
    acks.map((ack) => [ack.uri?.slice(4, 7), cseqOf(ack).number]),
    [
      ['one', 1],
      ['two', 1],
    ],
  )
  // A third one is late with its refusal.
  says('late', 486)
  await until('its ACK', () => b.heard.some((m) => m.method === 'ACK' && tagOf(headerOf(m, 'to')) === 'late'), 2000)
  a.ack(await a.next('200 INVITE'))
  assert.equal(a.count(200), 1)
  a.ask('BYE')
  const last = await b.next('BYE')
  assert.equal(tagOf(headerOf(last, 'to')), 'one')
  b.reply(last, 200)
  await world.quiet()
  const events = (await world.events()).slice(from)
  const count = (type: string) => events.filter((event) => event.type === type).length
  assert.deepEqual([count('call.cleared'), count('leg.cleared'), count('leg.failed')], [1, 2, 0])
  assert.equal((await answered()) - before, 1, 'paid for once')
})

test('S09 reliable ringing is repeated to a caller until its PRACK is answered, and never after', async () => {
  const { a, b, invite } = await ringing(world, { headers: [['Require', '100rel']] })
  b.reply(invite, 180)
  await until('it to be repeated', () => a.count(180) === 3, 4000)
  const ring = await a.next('180')
  a.prack(ring)
  await a.next('200 PRACK')
  await sleep(2300)
  assert.equal(a.count(180), 3)
  // A PRACK of nothing (RFC 3262 §3).
  a.prack(ring)
  await a.next('481')
  b.reply(invite, 486)
  a.ack(await a.next('486'))
  await world.quiet()
})

test('S20 a leg that is cancelled: its 487 has one ACK, and each repeat of it another', async () => {
  const b = ScriptedLeg.await(world.second)
  const a = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID, cancelAfterMs: 100 })
  const invite = await b.next('INVITE')
  b.reply(invite, 180)
  b.reply(await b.next('CANCEL'), 200)
  b.reply(invite, 487)
  await comes(b, 'ACK', 1)
  b.reply(invite, 487)
  await comes(b, 'ACK', 2)
  await until('its end', () => a.phase === 'ended', 2000)
  assert.deepEqual([a.report().final?.status, b.count('CANCEL')], [487, 1])
  await world.quiet()
})

test('S18 a 200 that crosses our CANCEL, a hundred times: the callee has its ACK and a BYE, the caller its 487, and nobody pays', async () => {
  const [from, paid] = [(await world.events()).length, (await world.leases()).filter(({ answered }) => answered).length]
  for (let i = 0; i < 100; i++) {
    const b = ScriptedLeg.await(world.second)
    const a = await world.carrier.place({ to: world.node, from: `+324701234${10 + (i % 90)}`, number: DID })
    const invite = await b.next('INVITE')
    b.reply(invite, 180)
    await until('it to ring', () => a.report().timeline.some(({ what }) => what === '< 180'), 3000)
    a.cancel()
    const cancel = await b.next('CANCEL')
    // It had answered already: before or behind its answer to the CANCEL, once or again.
    if (i % 2) b.reply(cancel, 200)
    for (let times = 0; times <= i % 3; times++) b.reply(invite, 200, { body: b.sdp() })
    if (i % 2 === 0) b.reply(cancel, i % 4 ? 200 : 481)
    await b.next('ACK')
    b.reply(await b.next('BYE'), 200)
    await until('its end', () => a.phase === 'ended', 3000)
    assert.equal(a.report().final?.status, 487)
  }
  await world.quiet()
  const events = (await world.events()).slice(from)
  const count = (type: string) => events.filter((event) => event.type === type).length
  assert.deepEqual([count('call.cleared'), count('leg.established'), count('leg.failed')], [100, 0, 200])
  assert.equal((await world.leases()).filter(({ answered }) => answered).length, paid)
})

test('S05 a second INVITE before the first is answered, and an old number, get 500 and Retry-After; an INFO between has its own answer', async () => {
  const { a, b } = await up()
  const isShort = (refusal: Message) => assert.match(headerOf(refusal, 'retry-after'), /^(\d|10)$/)
  a.ask('INFO', { headers: [['Content-Type', 'application/dtmf-relay']], body: 'Signal=5\r\nDuration=160\r\n' })
  a.ask('INVITE', { body: a.sdp({ version: 2 }) })
  await a.next('200 INFO')
  const open = await b.next('INVITE')
  b.reply(await b.next('INFO'), 200)
  const first = a.invited
  a.ask('INVITE', { body: a.sdp({ version: 3 }) })
  const refused = await a.next('500')
  isShort(refused)
  a.ack(refused)
  a.ask('INFO', {}, 1)
  isShort(await a.next('500'))
  b.reply(open, 200, { body: b.sdp({ version: 2 }) })
  const answer = await a.next('200 INVITE')
  assert.equal(cseqOf(answer).number, first, 'of the one that was open')
  a.ack(answer)
  await hangUp(a, b)
})

test('S06 a BYE, and then 481 to the re-INVITE that was under way, a hundred times: nothing is left, and nothing falls', async () => {
  const { pid } = world.child('switch')
  for (let i = 0; i < 100; i++) {
    const { a, b } = await up()
    a.ask('INVITE', { body: a.sdp({ version: 2 }) })
    const open = await b.next('INVITE')
    b.ask('BYE')
    b.reply(open, 481)
    a.reply(await a.next('BYE'), 200)
    await b.next('200 BYE')
    const refused = await until('an answer to the INVITE', () => a.heard.find(({ status }) => (status ?? 0) >= 400), 3000)
    a.ack(refused)
    // What comes for what is gone.
    b.ask('INVITE', { body: b.sdp() })
    b.ack(await b.next('481'))
  }
  await world.quiet()
  assert.deepEqual([world.child('switch').pid, world.child('switch').exitCode], [pid, null])
})

test('S24 no ACK is ever answered, on either side, whatever is wrong with it', async () => {
  await using trunk = await RawEnd.open(`${world.net}.2`)
  await using site = await RawEnd.open(`${world.net}.75`)
  for (const [end, to] of [
    [trunk, world.node],
    [site, world.siteSwitch],
  ] as const) {
    const dialog = { callId: 'gone', from: '<sip:a@b>;tag=1', to: '<sip:c@d>;tag=2' }
    const ack = (n: number, within = {}) => rawRequest('ACK', { from: end.at, to, user: DID, n, ...within })
    const acks = [
      ack(1),
      ack(2, { dialog }),
      ack(3).replace('CSeq: 1 ACK', 'CSeq: 1 INVITE'),
      ack(4).replace('Max-Forwards: 70', 'Max-Forwards: 0\r\nRequire: x'),
      ack(5).replace('Content-Length: 0', 'Content-Length: 99'),
      ack(6).replace('SIP/2.0\r', 'SIP/7.0\r'),
      ack(7).replace(/ACK sip:\S+/, 'ACK foo:bar'),
      ack(8).replace('From: ', 'From: "'),
      ack(9).replace(/Via: .*\r\n/, ''),
    ]
    for (const text of acks) end.send(text, to)
    await sleep(700)
    assert.deepEqual(end.heard, [])
    assert.equal(await end.ask(rawRequest('OPTIONS', { from: end.at, to, user: DID, n: 10 }), to), 200)
  }
})
