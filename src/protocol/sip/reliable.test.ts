import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMessage } from './parse.ts'
import { CALL, leavesNothing, SDP } from './simulated-call.ts'
import { hop, SimulatedNetwork } from './simulated-network.ts'
import type { IncomingInvite, Session } from './types.ts'

const HEADERS = 'Via: SIP/2.0/UDP 10.0.0.9:5060;branch=BRANCH\r\nMax-Forwards: 70\r\nFrom: <sip:x@10.0.0.9>;tag=x'
const BODY = `Content-Type: application/sdp\r\nContent-Length: ${SDP.content.length}\r\n\r\n${SDP.content}`

/** A caller that writes its own messages, and a user agent that it calls. */
function caller(extra: string) {
  const net = new SimulatedNetwork()
  const got: string[] = []
  net.listen('10.0.0.9', (bytes) => got.push(Buffer.from(bytes).toString()))
  const invites: IncomingInvite[] = []
  const b = net.userAgent('10.0.0.2', { onInvite: (invite) => invites.push(invite) })
  const send = (start: string, branch: string, rest: string) =>
    net.deliver(
      Buffer.from(`${start} SIP/2.0\r\n${HEADERS.replace('BRANCH', branch)}\r\nCall-ID: c\r\n${rest}`),
      hop('10.0.0.9'),
      hop('10.0.0.2'),
    )
  const contact = 'Contact: <sip:x@10.0.0.9>\r\n'
  send('INVITE sip:b@10.0.0.2', 'z9hG4bKi', `To: <sip:b@10.0.0.2>\r\nCSeq: 1 INVITE\r\n${contact}${extra}${BODY}`)
  net.clock.turn(3)
  const prack = (response: string, branch: string, over: { rack?: string } = {}) => {
    const { to, rseq } = {
      to: /^To: (.*)$/m.exec(response)![1]!,
      rseq: /^RSeq: (\d+)/m.exec(response)?.[1] ?? '0',
    }
    const rack = over.rack ?? `${rseq} 1 INVITE`
    send('PRACK sip:10.0.0.2', branch, `To: ${to}\r\nCSeq: 2 PRACK\r\nRAck: ${rack}\r\nContent-Length: 0\r\n\r\n`)
    net.clock.turn(3)
    return got.at(-1)!.slice(8, 11)
  }
  return { net, got, b, invite: invites[0]!, send, prack }
}

test('S09 S12 a reliable response is repeated until its PRACK and no longer, and the next one waits for it', async () => {
  const { net, got, b, invite, prack } = caller('Require: 100rel\r\n')
  invite.provisional(183, { body: SDP })
  invite.provisional(180)
  net.clock.turn(1600)
  const rings = got.filter((text) => text.startsWith('SIP/2.0 183'))
  assert.equal(rings.length, 3, 'at 0, 500 and 1500 ms')
  assert.match(rings[0]!, /Require: 100rel\r\nRSeq: \d+\r\n/)
  assert.ok(!got.some((text) => text.startsWith('SIP/2.0 180')))
  assert.equal(prack(rings[0]!, 'z9hG4bKw', { rack: '7 1 INVITE' }), '481', 'one that names nothing')
  const settled = invite.settled
  assert.ok(settled)
  assert.equal(prack(rings[0]!, 'z9hG4bKp'), '200')
  assert.ok(got.some((text) => /^SIP\/2.0 200[\s\S]*CSeq: 2 PRACK/.test(text)))
  const second = got.find((text) => text.startsWith('SIP/2.0 180'))!
  assert.equal(Number(/RSeq: (\d+)/.exec(second)![1]), Number(/RSeq: (\d+)/.exec(rings[0]!)![1]) + 1)
  assert.equal(prack(second, 'z9hG4bKq'), '200')
  await settled
  assert.equal(invite.settled, null)
  const before = got.length
  net.clock.turn(5000)
  assert.equal(got.length, before, 'nothing is repeated')
  invite.refuse(486)
  net.clock.turn(40_000)
  await leavesNothing(net, b)
})

test('S12 a caller that never sends PRACK gets 500, and the call behind it is given up', async () => {
  const { net, got, b, invite } = caller('Supported: 100rel\r\n')
  invite.provisional(180)
  net.clock.turn(33_000)
  assert.ok(invite.cancelled && invite.unacknowledged && invite.finished)
  assert.ok(got.some((text) => text.startsWith('SIP/2.0 500')))
  await leavesNothing(net, b)
})

test('S12 a caller that does not speak of 100rel never sees it', async () => {
  const { net, got, b, invite } = caller('')
  invite.provisional(180)
  net.clock.turn(10)
  assert.ok(!/Require|RSeq/.test(got.at(-1)!))
  assert.equal(invite.settled, null)
  invite.refuse(486)
  await leavesNothing(net, b)
})

test('§17.2.3 a PRACK that is repeated behind our 2xx gets the answer that it had, and a request that uses its branch again does not end it early', async () => {
  const { net, got, b, invite, send, prack } = caller('Supported: 100rel\r\n')
  invite.provisional(183, { body: SDP })
  net.clock.turn(3)
  const early = got.at(-1)!
  assert.equal(prack(early, 'z9hG4bKp'), '200')
  const first = got.at(-1)
  const session = invite.accept({ body: SDP })!
  net.clock.turn(3)
  const to = /^To: (.*)$/m.exec(early)![1]!
  send('ACK sip:10.0.0.2', 'z9hG4bKa', `To: ${to}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n`)
  net.clock.turn(3)
  let heard = 0
  session.serve({
    onRequest(request) {
      heard++
      request.respond(200)
    },
  })
  prack(early, 'z9hG4bKp')
  assert.equal(got.at(-1), first)
  assert.equal(heard, 0)
  const info = (sequence: number) => {
    send('INFO sip:10.0.0.2', 'z9hG4bKsame', `To: ${to}\r\nCSeq: ${sequence} INFO\r\nContent-Length: 0\r\n\r\n`)
    net.clock.turn(3)
  }
  info(3)
  net.clock.turn(20_000)
  info(4)
  net.clock.turn(15_000)
  info(4)
  assert.equal(heard, 2)
  void session.bye()
  net.clock.turn(70_000)
  await leavesNothing(net, b)
})

/** A callee that answers an INVITE of ours as the test says. */
function callee() {
  const net = new SimulatedNetwork()
  const got: string[] = []
  net.listen('10.0.0.2', (bytes) => got.push(Buffer.from(bytes).toString()))
  const seen: number[] = []
  const a = net.userAgent('10.0.0.1')
  const sent = a.invite({ ...CALL, onProvisional: (response) => seen.push(response.status) })
  net.clock.turn(3)
  const invite = got[0]!
  const answer = (status: number, tag: string, extra = '', to = invite) => {
    const copy = (name: string) => new RegExp(`^${name}: .*\r\n`, 'm').exec(to)![0]
    const toLine = /^To: [^\r]*;tag=/m.test(to) ? copy('To') : copy('To').replace('\r\n', `;tag=${tag}\r\n`)
    const head = `SIP/2.0 ${status} X\r\n${copy('Via')}${copy('From')}${toLine}${copy('Call-ID')}${copy('CSeq')}`
    const text = `${head}Contact: <sip:${tag}@10.0.0.2>\r\n${extra}Content-Length: 0\r\n\r\n`
    net.deliver(Buffer.from(text), hop('10.0.0.2'), hop('10.0.0.1'))
    net.clock.turn(3)
  }
  const pracks = () => got.filter((text) => text.startsWith('PRACK'))
  const ackPracks = () => {
    for (const prack of pracks()) answer(200, 't', '', prack)
  }
  return { net, got, a, sent, seen, answer, pracks, ackPracks }
}

const reliable = (number: number) => `Require: 100rel\r\nRSeq: ${number}\r\n`

test('S08 S10 one PRACK for a reliable response, none for a plain one; the ACK has the number of the INVITE', async () => {
  const { net, got, a, sent, seen, answer, pracks, ackPracks } = callee()
  answer(183, 'one', reliable(10))
  answer(183, 'one', reliable(10))
  answer(180, 'one')
  answer(180, 'one', reliable(12))
  assert.deepEqual(seen, [183, 180], 'repeated and out of order: nobody is told')
  assert.equal(pracks().length, 1)
  assert.match(pracks()[0]!, /^PRACK sip:one@10\.0\.0\.2 [\s\S]*CSeq: 2 PRACK\r\n[\s\S]*RAck: 10 1 INVITE\r\n/)
  ackPracks()
  answer(200, 'one')
  const session: Session = await sent.answered
  assert.match(got.find((text) => text.startsWith('ACK'))!, /CSeq: 1 ACK/)
  void session.bye()
  net.clock.turn(3)
  const bye = got.find((text) => text.startsWith('BYE'))!
  assert.match(bye, /CSeq: 3 BYE/, 'the dialog has counted its PRACK')
  assert.ok(parseMessage(Buffer.from(bye)))
  answer(200, 'one', '', bye)
  await leavesNothing(net, a)
})

test('S13 two forks that answer reliably: each gets its own PRACK, with its tag and target', async () => {
  const { net, a, sent, answer, pracks, ackPracks } = callee()
  answer(180, 'one', reliable(100))
  answer(180, 'two', reliable(7))
  assert.deepEqual(
    pracks().map((text) => [/^PRACK sip:(\w+)/.exec(text)![1], /^To: .*tag=(\w+)/m.exec(text)![1], /RAck: (\d+)/.exec(text)![1]]),
    [
      ['one', 'one', '100'],
      ['two', 'two', '7'],
    ],
  )
  ackPracks()
  answer(486, 'one')
  await assert.rejects(sent.answered, { status: 486 })
  await leavesNothing(net, a)
})

test('a callee that makes up forks without end is believed a few of them, and nothing is kept of the others', async () => {
  const { net, a, sent, seen, answer, pracks, ackPracks } = callee()
  for (let i = 0; i < 200; i++) answer(183, `fork${i}`, reliable(1))
  const acknowledged = new Set(pracks().map((text) => /^To: .*tag=(\w+)/m.exec(text)![1]))
  assert.deepEqual([acknowledged.size, seen.length], [32, 32])
  ackPracks()
  answer(486, 'fork0')
  await assert.rejects(sent.answered, { status: 486 })
  await leavesNothing(net, a)
})

test('S12 the numbers of two user agents of ours fit together: reliable ringing between them, then a call', async () => {
  const net = new SimulatedNetwork()
  const b = net.userAgent('10.0.0.2', {
    onInvite(invite) {
      invite.provisional(183, { body: SDP })
      void (invite.settled ?? Promise.resolve()).then(() => invite.accept({ body: SDP }))
    },
  })
  const a = net.userAgent('10.0.0.1')
  const sent = a.invite(CALL)
  await net.clock.turnAsync(50)
  const session = await sent.answered
  assert.equal(net.count(/^PRACK/), 1)
  assert.equal(net.count(/^SIP\/2.0 183/), 1)
  void session.bye()
  await leavesNothing(net, a, b)
})
