import assert from 'node:assert/strict'
import { test } from 'node:test'
import { glareDelayMs } from './glare.ts'
import type { SipRequest } from './message.ts'
import { parseMessage } from './parse.ts'
import { answerInterval } from './session-interval.ts'
import { CALL, leavesNothing, SDP } from './simulated-call.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import type { Session } from './types.ts'

function request(extra: string): SipRequest {
  const head = 'INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n'
  return parseMessage(Buffer.from(`${head}Call-ID: c\r\nCSeq: 1 INVITE\r\n${extra}Content-Length: 0\r\n\r\n`)) as SipRequest
}

test('S32 S33 who refreshes, and how often: RFC 4028 §9, table 2', () => {
  const cases: [extra: string, expected: object | string][] = [
    ['', 'none'],
    ['Supported: timer\r\n', { seconds: 1800, refresher: 'us' }],
    ['Supported: timer\r\nSession-Expires: 600\r\n', { seconds: 600, refresher: 'them' }],
    ['Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n', { seconds: 600, refresher: 'us' }],
    ['k: timer\r\nx: 90;refresher=uac\r\n', { seconds: 90, refresher: 'them' }],
    ['Session-Expires: 600;refresher=uac\r\n', { seconds: 600, refresher: 'us' }],
    ['Supported: timer\r\nSession-Expires: 7200\r\nMin-SE: 3600\r\n', { seconds: 3600, refresher: 'them' }],
    ['Supported: timer\r\nSession-Expires: 30\r\n', 'too-small'],
    ['Session-Expires: 30\r\n', { seconds: 90, refresher: 'us' }],
    ['Supported: timer\r\nSession-Expires: soon\r\n', { seconds: 1800, refresher: 'us' }],
  ]
  for (const [extra, expected] of cases) {
    const answer = answerInterval(request(extra))
    assert.deepEqual(answer.kind === 'granted' ? answer.interval : answer.kind, expected, extra)
  }
})

test('S32 an interval below 90 s gets 422 with Min-SE, before anybody is asked', async () => {
  const net = new SimulatedNetwork()
  const b = net.userAgent('10.0.0.2', { onInvite: () => assert.fail('handed on') })
  const a = net.userAgent('10.0.0.1')
  const answer = a.request({
    ...CALL,
    method: 'UPDATE',
    headers: [
      ['Supported', 'timer'],
      ['Session-Expires', '30'],
    ],
  })
  await net.clock.turnAsync(20)
  const { status } = await answer
  assert.ok(status === 422 || status === 481)
  assert.equal(net.count(/^SIP\/2.0 422(?:.*\r\n)+Min-SE: 90/), 1)
  await leavesNothing(net, a, b)
})

/** A call whose callee grants this interval by its own headers. */
async function timed(sessionExpires: string) {
  const net = new SimulatedNetwork()
  const accepted: Session[] = []
  const b = net.userAgent('10.0.0.2', {
    onInvite(invite) {
      const session = invite.accept({ body: SDP })
      if (session) accepted.push(session)
    },
  })
  const a = net.userAgent('10.0.0.1')
  // What the callee grants is written over on the way.
  const deliver = net.deliver.bind(net)
  net.deliver = (bytes, from, to) => {
    const text = Buffer.from(bytes).toString()
    const changed = text.replace(/^Session-Expires: .*$/m, `Session-Expires: ${sessionExpires}`)
    deliver(Buffer.from(/^CSeq: \d+ INVITE/m.test(text) ? changed : text), from, to)
  }
  const sent = a.invite(CALL)
  await net.clock.turnAsync(100)
  return { net, a, b, ours: await sent.answered, theirs: accepted[0]! }
}

test('S30 S33 the refresher refreshes at half of the interval by UPDATE, and the call lives on', async () => {
  const { net, a, b, ours } = await timed('90;refresher=uac')
  await net.clock.turnAsync(600_000, 1000)
  assert.equal(a.counts.sessions, 1)
  const updates = net.count(/^UPDATE/, '10.0.0.1')
  assert.ok(updates >= 12 && updates <= 14, `${updates} refreshes in ten minutes`)
  void ours.bye()
  await leavesNothing(net, a, b)
})

test('S33 a callee that is the refresher refreshes, and the caller does not', async () => {
  const { net, a, b, ours, theirs } = await timed('90;refresher=uas')
  theirs.serve({ describe: () => SDP })
  await net.clock.turnAsync(300_000, 1000)
  assert.deepEqual([a.counts.sessions, net.count(/^UPDATE/, '10.0.0.1')], [1, 0])
  void ours.bye()
  await leavesNothing(net, a, b)
})

test('S31 a peer that is silently gone: BYE by the interval, or a third of it before where it had to refresh', async () => {
  for (const [refresher, latest] of [
    ['uac', 90_000],
    ['uas', 60_000],
  ] as const) {
    const { net, a, ours } = await timed(`90;refresher=${refresher}`)
    net.copies = () => 0
    const began = net.clock.now()
    let endedAt = 0
    let by = ''
    void ours.ended.then((end) => {
      endedAt = net.clock.now() - began
      by = end.by
    })
    await net.clock.turnAsync(100_000, 500)
    assert.ok(endedAt > 0 && endedAt <= latest + 1000, `${refresher}: after ${endedAt} ms`)
    assert.equal(by, refresher === 'uac' ? 'gone' : 'expired')
    assert.ok(net.count(/^BYE/, '10.0.0.1') >= 1)
    await leavesNothing(net, a)
  }
})

test('S32 a 422 to our INVITE asks again with a longer interval; nobody is told of a failure', async () => {
  const net = new SimulatedNetwork()
  const b = net.userAgent('10.0.0.2', {
    onInvite(invite) {
      if (invite.request.header('session-expires') === '1800') invite.refuse(422, { headers: [['Min-SE', '3600']] })
      else invite.accept({ body: SDP })
    },
  })
  const a = net.userAgent('10.0.0.1')
  const sent = a.invite(CALL)
  await net.clock.turnAsync(100)
  const session = await sent.answered
  assert.equal(net.count(/^INVITE(?:.*\r\n)+CSeq: 2 INVITE(?:.*\r\n)+Session-Expires: 3600\r\nMin-SE: 3600/), 1)
  assert.equal(new Set(net.sent.map((d) => /Call-ID: (.*)/.exec(d.text)![1])).size, 1)
  void session.bye()
  await leavesNothing(net, a, b)
})

test('a refresh by re-INVITE where the far end takes no UPDATE, and 491 is waited for', async () => {
  const net = new SimulatedNetwork()
  const accepted: Session[] = []
  let refused = 0
  const b = net.userAgent('10.0.0.2', {
    onInvite(invite) {
      const session = invite.accept({ body: SDP, headers: [['Allow', 'INVITE, ACK, BYE']] })
      if (!session) return
      session.serve({
        onReinvite(reinvite) {
          if (refused++ === 0) reinvite.refuse(491)
          else void reinvite.accept({ body: SDP })
        },
      })
      accepted.push(session)
    },
  })
  const a = net.userAgent('10.0.0.1')
  const sent = a.invite(CALL)
  await net.clock.turnAsync(100)
  const session = await sent.answered
  session.serve({ describe: () => SDP })
  await net.clock.turnAsync(910_000, 5000)
  assert.deepEqual([refused, net.count(/^UPDATE/), a.counts.sessions], [2, 0, 1])
  void session.bye()
  await leavesNothing(net, a, b)
})

test('a session that is restored keeps its timer', async () => {
  const { net, a, b, ours } = await timed('90;refresher=uac')
  const snapshot = JSON.parse(JSON.stringify(ours.snapshot()))
  assert.deepEqual(snapshot.interval, { seconds: 90, refresher: 'us' })
  a.close()
  const again = net.userAgent('10.0.0.1')
  const session = again.restoreSession(snapshot)
  await net.clock.turnAsync(50_000, 1000)
  assert.equal(net.count(/^UPDATE/, '10.0.0.1'), 1)
  void session.bye()
  await leavesNothing(net, again, b)
})

test('S01 how long to wait after 491', () => {
  for (let i = 0; i < 200; i++) {
    const owner = glareDelayMs(true)
    const other = glareDelayMs(false)
    assert.ok(owner >= 2100 && owner <= 4000 && other >= 0 && other <= 2000)
  }
  assert.deepEqual(
    [glareDelayMs(true, () => 0), glareDelayMs(true, () => 0.9999), glareDelayMs(false, () => 0.9999)],
    [2100, 4000, 2000],
  )
})
