import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CALL, leavesNothing, pair } from './simulated-call.ts'
import { hop, SimulatedNetwork, seededRandom } from './simulated-network.ts'
import type { IncomingInvite } from './types.ts'

test('S18 whichever comes first, CANCEL or 200, no session stays: hundreds of races', async () => {
  const random = seededRandom(18)
  const ends = new Map<string, number>()
  for (let i = 0; i < 600; i++) {
    const { net, a, b, invites, accepted } = pair(10)
    net.delay = () => 1 + random() * 4
    const sent = a.invite(CALL)
    let outcome = 'open'
    sent.answered.then(
      () => (outcome = 'answered'),
      (failure) => (outcome = failure.reason),
    )
    net.clock.after(5 + random() * 15, () => sent.cancel())
    await net.clock.turnAsync(60, 60)
    await net.clock.turnAsync(2000, 1000)
    const session = accepted[0]
    ends.set(
      `${outcome} ${session ? 'accepted' : 'cancelled'}`,
      (ends.get(`${outcome} ${session ? 'accepted' : 'cancelled'}`) ?? 0) + 1,
    )
    if (outcome === 'answered') {
      // The 2xx was there before the CANCEL, which then does nothing.
      assert.equal(a.counts.sessions, 1)
      continue
    }
    assert.deepEqual([outcome, a.counts.sessions, b.counts.sessions], ['cancelled', 0, 0])
    if (session) assert.equal((await session.ended).by, 'remote')
    else assert.ok(invites[0]?.cancelled)
  }
  assert.ok(ends.get('cancelled accepted')! > 50 && ends.get('cancelled cancelled')! > 50, JSON.stringify([...ends]))
})

test('S20 a cancelled INVITE gets 487 to itself and 200 to the CANCEL, and one ACK', async () => {
  const { net, a, b, invites } = pair(5000)
  const sent = a.invite(CALL)
  await net.clock.turnAsync(20)
  sent.cancel([['Reason', 'SIP;cause=200']])
  await assert.rejects(sent.answered, { reason: 'cancelled', status: 487 })
  await net.clock.turnAsync(20)
  assert.ok(invites[0]!.cancelled && invites[0]!.finished)
  assert.equal(net.count(/^CANCEL sip:b@10\.0\.0\.2 (?:.*\r\n)+Reason: SIP;cause=200/), 1)
  assert.equal(net.count(/^SIP\/2.0 487/), 1)
  assert.equal(net.count(/^ACK/), 1)
  await leavesNothing(net, a, b)
})

test('S19 CANCEL before any provisional answer waits for one', async () => {
  const { net, a, b } = pair(5000)
  net.copies = (d) => (/^SIP\/2.0 1/.test(d.text) && net.clock.now() < 400 ? 0 : 1)
  const sent = a.invite(CALL)
  sent.cancel()
  await assert.rejects(sent.answered, { reason: 'cancelled' })
  await net.clock.turnAsync(400)
  assert.equal(net.count(/^CANCEL/), 0)
  await net.clock.turnAsync(300)
  assert.equal(net.count(/^CANCEL/), 1)
  assert.equal(net.count(/^SIP\/2.0 487/), 1)
  await leavesNothing(net, a, b)
})

test('an INVITE without a first response in time fails; should the far end wake up late, it is cancelled', async () => {
  const { net, a, b, invites } = pair(60_000)
  net.copies = (d) => (d.from.address === '10.0.0.2' && net.clock.now() < 1500 ? 0 : 1)
  const sent = a.invite({ ...CALL, firstResponseMs: 1000 })
  const failed = assert.rejects(sent.answered, { reason: 'timeout', status: 408 })
  await net.clock.turnAsync(1010)
  await failed
  await net.clock.turnAsync(1000)
  invites[0]!.provisional(183)
  await net.clock.turnAsync(10)
  assert.ok(invites[0]!.cancelled)
  assert.equal(net.count(/^INVITE/), 2)
  await leavesNothing(net, a, b)
})

test('S17 the second fork to answer gets ACK and BYE, and a repeated 2xx of either its own ACK again', async () => {
  const net = new SimulatedNetwork()
  const a = net.userAgent('10.0.0.1')
  const got: string[] = []
  net.listen('10.0.0.2', (bytes) => got.push(Buffer.from(bytes).toString()))
  const sent = a.invite(CALL)
  await net.clock.turnAsync(10)
  const fork = (tag: string) => {
    const text = got[0]!.replace(/^.*\r\n/, 'SIP/2.0 200 OK\r\n').replace(/(To: .*)\r/, `$1;tag=${tag}\r`)
    const bytes = Buffer.from(text.replace(/Contact: .*\r/, `Contact: <sip:${tag}@10.0.0.2>\r`))
    net.deliver(bytes, hop('10.0.0.2'), hop('10.0.0.1'))
  }
  fork('one')
  fork('two')
  await net.clock.turnAsync(20)
  fork('one')
  fork('two')
  await net.clock.turnAsync(20)
  const session = await sent.answered
  assert.equal(session.snapshot().remoteTag, 'one')
  const lines = got.map((text) => text.split(' SIP')[0])
  assert.deepEqual(lines.filter((l) => l === 'ACK sip:one@10.0.0.2').length, 2)
  assert.deepEqual(lines.filter((l) => l === 'ACK sip:two@10.0.0.2').length, 2)
  assert.deepEqual(
    lines.filter((l) => l?.startsWith('BYE')),
    ['BYE sip:two@10.0.0.2'],
  )
  assert.equal(a.counts.sessions, 1)
})

test('S23 a lost 200 is sent again, and the call connects', async () => {
  const { net, a, accepted } = pair()
  let lost = 0
  net.copies = (d) => (/^SIP\/2.0 200(?:.*\r\n)+CSeq: 1 INVITE/.test(d.text) && lost++ < 2 ? 0 : 1)
  const sent = a.invite(CALL)
  await net.clock.turnAsync(2000)
  await sent.answered
  await accepted[0]!.acknowledged
  assert.equal(net.count(/^SIP\/2.0 200(?:.*\r\n)+CSeq: 1 INVITE/), 3)
})

test('S22 without an ACK the call ends after 64*T1 with a BYE', async () => {
  const { net, a, b, accepted } = pair()
  net.copies = (d) => (d.text.startsWith('ACK') ? 0 : 1)
  a.invite(CALL)
  await net.clock.turnAsync(31_000, 100)
  assert.equal(b.counts.sessions, 1)
  await net.clock.turnAsync(1500)
  assert.equal((await accepted[0]!.ended).by, 'no-ack')
  await assert.rejects(accepted[0]!.acknowledged, { reason: 'timeout' })
  assert.equal(net.count(/^BYE/, '10.0.0.2'), 1)
  await leavesNothing(net, a, b)
})

test('a BYE before the ACK of our 2xx waits for it', async () => {
  const { net, a, b, accepted } = pair()
  net.copies = (d) => (d.text.startsWith('ACK') && net.clock.now() < 700 ? 0 : 1)
  a.invite(CALL)
  await net.clock.turnAsync(100)
  let done = false
  void accepted[0]!.bye().then(() => (done = true))
  assert.equal((await accepted[0]!.ended).by, 'local')
  await net.clock.turnAsync(100)
  assert.deepEqual([net.count(/^BYE/), done], [0, false])
  await net.clock.turnAsync(2000)
  assert.deepEqual([net.count(/^BYE/), done], [1, true])
  await leavesNothing(net, a, b)
})

test('a BYE inside the early dialog ends the INVITE with 487', async () => {
  const net = new SimulatedNetwork()
  const got: string[] = []
  net.listen('10.0.0.9', (bytes) => got.push(Buffer.from(bytes).toString()))
  const invites: IncomingInvite[] = []
  const a = net.userAgent('10.0.0.1', {
    onInvite(invite) {
      invites.push(invite)
      invite.provisional(180)
    },
  })
  const text = (method: string, cseq: number, tag: string) =>
    [
      `${method} sip:b@10.0.0.1 SIP/2.0`,
      `Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK${cseq}`,
      'From: <sip:x@10.0.0.9>;tag=f',
      `To: <sip:b@10.0.0.1>${tag}`,
      'Call-ID: early',
      `CSeq: ${cseq} ${method}`,
      '',
      '',
    ].join('\r\n')
  const send = (message: string) => net.deliver(Buffer.from(message), hop('10.0.0.9'), hop('10.0.0.1'))
  send(text('INVITE', 1, ''))
  await net.clock.turnAsync(5)
  const tag = /To: .*(;tag=\w+)/.exec(got[1]!)![1]!
  send(text('BYE', 2, tag))
  await net.clock.turnAsync(5)
  assert.deepEqual(
    got.map((m) => m.slice(8, 11)),
    ['100', '180', '200', '487'],
  )
  assert.ok(invites[0]!.cancelled)
  await leavesNothing(net, a)
})
