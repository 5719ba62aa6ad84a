import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SipFailure } from './failure.ts'
import { glareDelayMs } from './glare.ts'
import { CALL, connected, leavesNothing, SDP } from './simulated-call.ts'
import { hop, SimulatedNetwork, seededRandom } from './simulated-network.ts'
import type { IncomingReinvite, Session } from './types.ts'

test('a call is answered, acknowledged and hung up, and nothing is left', async () => {
  const { net, a, b, ours, theirs } = await connected()
  assert.equal((await theirs.acknowledged).body.length, 0)
  await ours.acknowledged
  assert.equal(Buffer.from(ours.remoteBody).toString(), SDP.content)
  const bye = theirs.bye([['Reason', 'Q.850;cause=16']])
  await net.clock.turnAsync(20)
  await bye
  const end = await ours.ended
  assert.deepEqual([end.by, end.request?.header('reason'), (await theirs.ended).by], ['remote', 'Q.850;cause=16', 'local'])
  await leavesNothing(net, a, b)
})

test('S21 each repeated 200 is acknowledged again, also after a re-INVITE and after BYE', async () => {
  const { net, a, b, ours, theirs } = await connected()
  const first = net.sent.find((d) => /^SIP\/2.0 200(?:.*\r\n)+CSeq: 1 INVITE/.test(d.text))!
  theirs.serve({ onReinvite: (invite) => void invite.accept({ body: SDP }) })
  const repeat = async () => {
    const before = net.count(/^ACK(?:.*\r\n)+CSeq: 1 ACK/)
    a.receive(Buffer.from(first.text), first.from)
    await net.clock.turnAsync(10)
    assert.equal(net.count(/^ACK(?:.*\r\n)+CSeq: 1 ACK/), before + 1)
  }
  await repeat()
  const answer = ours.reinvite(SDP)
  await repeat()
  assert.equal((await answer).status, 200)
  void ours.bye()
  await net.clock.turnAsync(20)
  await repeat()
  await leavesNothing(net, a, b)
})

test('S07 BYE glare: both are answered at once, both sessions end once', async () => {
  const { net, a, b, ours, theirs } = await connected()
  const both = Promise.all([ours.bye(), theirs.bye()])
  await net.clock.turnAsync(20)
  await both
  const answers = net.sent.filter((d) => /CSeq: \d+ BYE/.test(d.text) && d.text.startsWith('SIP')).map((d) => d.text.slice(8, 11))
  assert.equal(answers.length, 2)
  for (const status of answers) assert.ok(status === '200' || status === '481', status)
  await leavesNothing(net, a, b)
})

test('S06 a request to a dialog that is gone gets 481, and 481 ends a session', async () => {
  const { net, a, b, ours, theirs } = await connected()
  b.close()
  const second = net.userAgent('10.0.0.2')
  const info = ours.request('INFO')
  await net.clock.turnAsync(20)
  assert.equal((await info).status, 481)
  assert.equal((await ours.ended).by, 'gone')
  await assert.rejects(ours.request('INFO'), { reason: 'gone' })
  assert.ok(theirs)
  await leavesNothing(net, a, second)
})

test('S05 CSeq: out of order gets 500 with Retry-After; INFO beside a re-INVITE gets its own answer', async () => {
  const { net, ours, theirs } = await connected()
  const open: IncomingReinvite[] = []
  theirs.serve({ onReinvite: (invite) => void open.push(invite), onRequest: (request) => request.respond(200) })
  const reinvite = ours.reinvite(SDP)
  await net.clock.turnAsync(10)
  const info = ours.request('INFO', { body: { type: 'application/dtmf-relay', content: 'Signal=1' } })
  await net.clock.turnAsync(10)
  assert.equal((await info).status, 200)
  open[0]!.accept({ body: SDP })
  await net.clock.turnAsync(10)
  assert.equal((await reinvite).cseq.method, 'INVITE')
  // A second INVITE of the dialog with an old number, as a broken or replaying peer sends it.
  const first = net.sent.find((d) => d.text.startsWith('INFO'))!
  const stale = first.text.replace(/CSeq: \d+/, 'CSeq: 1').replace(/branch=\w+/, 'branch=z9hG4bKstale')
  net.deliver(Buffer.from(stale), first.from, first.to)
  await net.clock.turnAsync(10)
  const answer = net.sent.at(-1)!.text
  assert.match(answer, /^SIP\/2.0 500 /)
  const after = Number(/Retry-After: (\d+)/.exec(answer)![1])
  assert.ok(after >= 0 && after <= 10)
})

test('S01 re-INVITE glare: both get 491, and the session lives on', async () => {
  const { net, a, b, ours, theirs } = await connected()
  for (const session of [ours, theirs]) session.serve({ onReinvite: (invite) => void invite.accept({ body: SDP }) })
  const both = Promise.all([ours.reinvite(SDP), theirs.reinvite(SDP)])
  await assert.rejects(ours.reinvite(SDP), { reason: 'glare', status: 491 })
  await net.clock.turnAsync(20)
  assert.deepEqual(
    (await both).map((r) => r.status),
    [491, 491],
  )
  const again = theirs.reinvite(SDP)
  await net.clock.turnAsync(20)
  assert.equal((await again).status, 200)
  void ours.bye()
  await leavesNothing(net, a, b)
})

test('S01 a thousand times both ask at once: 491 at most once each, both get their way, and both know the same', async () => {
  const { net, a, b, ours, theirs } = await connected()
  const seen = new Map<Session, string>()
  for (const session of [ours, theirs]) {
    session.serve({
      onReinvite(invite) {
        seen.set(session, Buffer.from(invite.request.body).toString())
        void invite.accept({ body: SDP })
      },
    })
  }
  const random = seededRandom(14)
  const wait = (ms: number) => new Promise<void>((resolve) => void net.clock.after(ms, resolve))
  let crossed = 0
  /** Asks as a call does: after 491 it waits its side's time; tells how often that was. */
  const ask = async (session: Session, content: string): Promise<number> => {
    await wait(5 * random())
    for (let refused = 0; ; refused++) {
      const status = await session.reinvite({ type: SDP.type, content }).then(
        (response) => response.status,
        (error: SipFailure) => error.status,
      )
      if (status === 200) return refused
      assert.equal(status, 491)
      crossed++
      await wait(glareDelayMs(session.ownsCallId, random))
    }
  }
  for (let round = 0; round < 1000; round++) {
    const both = Promise.all([ask(ours, `a ${round}`), ask(theirs, `b ${round}`)])
    let over = false
    void both.finally(() => {
      over = true
    })
    while (!over) await net.clock.turnAsync(500, 50)
    for (const refused of await both) assert.ok(refused <= 1, `round ${round}: refused ${refused} times`)
    assert.deepEqual([seen.get(theirs), seen.get(ours)], [`a ${round}`, `b ${round}`])
    net.sent.length = 0
  }
  assert.ok(crossed > 500, `only ${crossed} crossed`)
  void ours.bye()
  await leavesNothing(net, a, b)
})

test('a re-INVITE that nobody answers gets 488 after 30 s, one without handler at once; both leave the session alone', async () => {
  const { net, a, b, ours, theirs } = await connected()
  const refused = ours.reinvite(SDP)
  await net.clock.turnAsync(20)
  assert.equal((await refused).status, 488)
  theirs.serve({ onReinvite() {} })
  const unanswered = ours.reinvite(SDP)
  await net.clock.turnAsync(30_100, 100)
  assert.equal((await unanswered).status, 488)
  void ours.bye()
  await leavesNothing(net, a, b)
})

test('a re-INVITE of ours that is only rung at is cancelled after 64*T1, and the session lives on', async () => {
  const { net, a, b, ours, theirs } = await connected()
  const answered = ours.reinvite(SDP)
  // The far end is one that says 100 and nothing more: its own patience of 30 s is not asked.
  theirs.serve({ onReinvite() {} })
  net.copies = (d) => (/^SIP\/2.0 488/.test(d.text) ? 0 : 1)
  await net.clock.turnAsync(31_000, 500)
  assert.equal(net.count(/^CANCEL/), 0)
  await net.clock.turnAsync(1500, 500)
  assert.equal(net.count(/^CANCEL/), 1)
  net.copies = () => 1
  await net.clock.turnAsync(10_000, 500)
  assert.equal((await answered).status, 488)
  assert.equal(a.counts.sessions, 1)
  void ours.bye()
  await leavesNothing(net, a, b)
})

test('F04 a request inside a dialog from a strange address gets 481 and does nothing; kin of the hop may', async () => {
  for (const [kin, status] of [
    [false, 481],
    [true, 200],
  ] as const) {
    const net = new SimulatedNetwork()
    let session: Session | null = null
    const b = net.userAgent('10.0.0.2', {
      onInvite: (invite) => (session = invite.accept({ body: SDP })),
      belongs: (source, of) => kin && source.address === '10.6.6.6' && of.address === '10.0.0.1',
    })
    const a = net.userAgent('10.0.0.1')
    const sent = a.invite(CALL)
    await net.clock.turnAsync(10)
    const { callId, localTag, remoteTag } = (await sent.answered).snapshot()
    const forged = [
      'BYE sip:10.0.0.2 SIP/2.0',
      'Via: SIP/2.0/UDP 10.6.6.6:5060;branch=z9hG4bKevil',
      `From: <sip:a@10.0.0.1>;tag=${localTag}`,
      `To: <sip:b@10.0.0.2>;tag=${remoteTag}`,
      `Call-ID: ${callId}`,
      'CSeq: 99 BYE',
      '',
      '',
    ]
    net.deliver(Buffer.from(forged.join('\r\n')), hop('10.6.6.6'), hop('10.0.0.2'))
    await net.clock.turnAsync(10)
    assert.match(net.sent.at(-1)!.text, new RegExp(`^SIP/2.0 ${status}`))
    assert.equal(b.counts.sessions, kin ? 0 : 1)
    assert.ok(session)
  }
})

test('S25 requests inside a dialog follow the route set and the contact; a re-INVITE moves the target', async () => {
  const net = new SimulatedNetwork()
  const a = net.userAgent('10.0.0.1')
  const got: string[] = []
  for (const address of ['10.0.0.2', '10.0.0.3']) net.listen(address, (bytes) => got.push(`${address} ${Buffer.from(bytes)}`))
  const sent = a.invite(CALL)
  await net.clock.turnAsync(10)
  const routes = 'Record-Route: <sip:10.0.0.4;lr>\r\nRecord-Route: <sip:10.0.0.3:5060;lr>\r\n'
  const ok = got[0]!
    .slice(9)
    .replace(/^.*\r\n/, 'SIP/2.0 200 OK\r\n')
    .replace(/(To: .*)\r/, '$1;tag=x\r')
    .replace(/Contact: .*\r\n/, `Contact: <sip:b@172.16.0.9:5080>\r\n${routes}`)
  net.deliver(Buffer.from(ok), hop('10.0.0.2'), hop('10.0.0.1'))
  await net.clock.turnAsync(10)
  const session = await sent.answered
  const last = () => got.at(-1)!
  assert.match(last(), /^10\.0\.0\.3 ACK sip:b@172\.16\.0\.9:5080 SIP/)
  assert.deepEqual(
    [...last().matchAll(/^Route: (.*)\r$/gm)].map((m) => m[1]),
    ['<sip:10.0.0.3:5060;lr>', '<sip:10.0.0.4;lr>'],
  )
  const reinvite = session.reinvite(SDP)
  await net.clock.turnAsync(10)
  const moved = last()
    .slice(9)
    .replace(/^.*\r\n/, 'SIP/2.0 200 OK\r\n')
    .replace(/Contact: .*\r/, 'Contact: <sip:new@172.16.0.10>\r')
  net.deliver(Buffer.from(moved), hop('10.0.0.3'), hop('10.0.0.1'))
  await net.clock.turnAsync(10)
  await reinvite
  assert.match(last(), /^10\.0\.0\.3 ACK sip:new@172\.16\.0\.10 SIP/)
  void session.bye()
  await net.clock.turnAsync(10)
  assert.match(last(), /^10\.0\.0\.3 BYE sip:new@172\.16\.0\.10 SIP/)
})

test('a strict router gets its own URI in the request line and the target at the end of the route', async () => {
  const { net, a, b, ours } = await connected()
  const snapshot = { ...ours.snapshot(), routeSet: ['<sip:10.0.0.2;old>', '<sip:p2;lr>'] }
  a.close()
  const again = net.userAgent('10.0.0.1')
  void again.restoreSession(snapshot).bye()
  await net.clock.turnAsync(5)
  const bye = net.sent.find((d) => d.text.startsWith('BYE'))!.text
  assert.match(bye, /^BYE sip:10\.0\.0\.2;old SIP/)
  assert.deepEqual(
    [...bye.matchAll(/^Route: (.*)\r$/gm)].map((m) => m[1]),
    ['<sip:p2;lr>', '<sip:10.0.0.2:5060>'],
  )
  await leavesNothing(net, again, b)
})
