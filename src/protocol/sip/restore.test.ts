import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hop, SimulatedNetwork } from './simulated-network.ts'
import type { Hop, IncomingInvite, IncomingSnapshot, InviteOptions, OutgoingSnapshot, Session, SessionSnapshot } from './types.ts'

const SDP = { type: 'application/sdp', content: 'v=0\r\n' }
const CALL: InviteOptions = {
  uri: 'sip:b@10.0.0.2',
  to: hop('10.0.0.2'),
  from: '"A \\"x\\"" <sip:a@10.0.0.1>',
  toHeader: '<sip:b@10.0.0.2>',
  body: SDP,
}

/** What a journal does to a snapshot. */
function stored<T>(snapshot: T): T {
  return JSON.parse(JSON.stringify(snapshot)) as T
}

test('a confirmed session goes on in another process: either side can re-INVITE and hang up', async () => {
  for (const hangsUp of ['restored', 'other']) {
    const net = new SimulatedNetwork()
    let other: Session | null = null
    const b = net.userAgent('10.0.0.2', { onInvite: (invite) => (other = invite.accept({ body: SDP })) })
    const first = net.userAgent('10.0.0.1')
    const sent = first.invite(CALL)
    await net.clock.turnAsync(20)
    const snapshot: SessionSnapshot = stored((await sent.answered).snapshot())
    first.close()
    const second = net.userAgent('10.0.0.1')
    const restored = second.restoreSession(snapshot)
    await restored.acknowledged
    other!.serve({ onReinvite: (invite) => void invite.accept({ body: SDP }) })
    restored.serve({ onReinvite: (invite) => void invite.accept({ body: SDP }) })
    for (const session of [restored, other!]) {
      const answer = session.reinvite(SDP)
      await net.clock.turnAsync(20)
      assert.equal((await answer).status, 200)
    }
    void (hangsUp === 'restored' ? restored : other!).bye()
    await net.clock.turnAsync(20)
    assert.equal((await restored.ended).by, hangsUp === 'restored' ? 'local' : 'remote')
    await net.clock.turnAsync(40_000, 4000)
    assert.deepEqual(
      [second.counts, b.counts, net.clock.pending],
      [{ transactions: 0, sessions: 0, subscriptions: 0 }, { transactions: 0, sessions: 0, subscriptions: 0 }, 0],
    )
  }
})

test('a snapshot does not change afterwards: what becomes bound to its connection later is told apart from it', async () => {
  const net = new SimulatedNetwork()
  const deliver = net.deliver.bind(net)
  net.deliver = (bytes, from, there) => deliver(bytes, { ...from, transport: 'tcp' }, there)
  const arrived: IncomingInvite[] = []
  net.userAgent('10.0.0.2', { onInvite: (invite) => arrived.push(invite) })
  const to: Hop = { ...hop('10.0.0.2'), transport: 'tcp' }
  const sent = net.userAgent('10.0.0.1').invite({ ...CALL, to })
  await net.clock.turnAsync(20)
  const [invite] = arrived
  const before = [sent.snapshot()!.hop, invite!.snapshot().source]
  invite!.accept({ body: SDP })
  await net.clock.turnAsync(20)
  const session = await sent.answered
  before.push(session.snapshot().hop)
  for (const place of [to, invite!.source]) place.bound = true
  assert.deepEqual(
    before.map((place) => place.bound),
    [undefined, undefined, undefined],
  )
  assert.equal(session.snapshot().hop.bound, true)
  assert.equal(invite!.snapshot().source.bound, true)
})

for (const kept of ['its branch', 'its text, as by an older release'] as const) {
  test(`S21 a 200 that is repeated to the new process gets the ACK of the old one, of which ${kept} is kept`, async () => {
    const net = new SimulatedNetwork()
    net.userAgent('10.0.0.2', { onInvite: (invite) => void invite.accept({ body: SDP }) })
    const first = net.userAgent('10.0.0.1')
    net.copies = (d) => (d.text.startsWith('ACK') ? 0 : 1)
    const sent = first.invite(CALL)
    await net.clock.turnAsync(20)
    const snapshot = stored((await sent.answered).snapshot())
    const { text: message } = net.sent.find((d) => d.text.startsWith('ACK'))!
    if (kept !== 'its branch') snapshot.pending = { kind: 'ack', sequence: snapshot.localSequence, message }
    first.close()
    net.copies = () => 1
    net.userAgent('10.0.0.1').restoreSession(snapshot)
    await net.clock.turnAsync(3000)
    assert.equal(net.count(/^SIP\/2.0 200/), 2)
    const acks = net.sent.filter((d) => d.text.startsWith('ACK')).map((d) => d.text)
    assert.equal(acks.length, 2)
    assert.equal(acks[0], acks[1])
  })
}

test('S22 S23 the new process repeats the 200 that the old one had sent, until its ACK', async () => {
  const net = new SimulatedNetwork()
  let session: Session | null = null
  const first = net.userAgent('10.0.0.2', { onInvite: (invite) => (session = invite.accept({ body: SDP })) })
  const a = net.userAgent('10.0.0.1')
  net.copies = (d) => (/^SIP\/2.0 200/.test(d.text) && net.clock.now() < 100 ? 0 : 1)
  const sent = a.invite(CALL)
  await net.clock.turnAsync(200)
  const snapshot = stored(session!.snapshot())
  assert.equal(snapshot.pending?.kind, 'awaiting-ack')
  first.close()
  const second = net.userAgent('10.0.0.2')
  const restored = second.restoreSession(snapshot)
  await net.clock.turnAsync(600)
  await restored.acknowledged
  assert.ok(await sent.answered)
  assert.equal(restored.snapshot().pending, undefined)
})

test('an INVITE of a former process is refused under the same tag, at the far end one transaction', async () => {
  const net = new SimulatedNetwork()
  const invites: IncomingInvite[] = []
  const first = net.userAgent('10.0.0.2', {
    onInvite(invite) {
      invites.push(invite)
      invite.provisional(180)
    },
  })
  const a = net.userAgent('10.0.0.1')
  const sent = a.invite(CALL)
  const refused = assert.rejects(sent.answered, { reason: 'refused', status: 503 })
  await net.clock.turnAsync(20)
  const snapshot: IncomingSnapshot = stored(invites[0]!.snapshot())
  first.close()
  const second = net.userAgent('10.0.0.2')
  second.restoreIncoming(snapshot).refuse(503)
  await net.clock.turnAsync(20)
  await refused
  const tags = net.sent.filter((d) => /^SIP\/2.0 (?:180|503)/.test(d.text)).map((d) => /To: .*tag=(\w+)/.exec(d.text)![1])
  assert.deepEqual([tags.length, new Set(tags).size], [2, 1])
  await net.clock.turnAsync(40_000, 4000)
  assert.deepEqual([a.counts.transactions, second.counts.transactions, net.clock.pending], [0, 0, 0])
})

test('an INVITE of a former process can be cancelled by the caller', async () => {
  const net = new SimulatedNetwork()
  const invites: IncomingInvite[] = []
  const first = net.userAgent('10.0.0.2', { onInvite: (invite) => invites.push(invite) })
  const a = net.userAgent('10.0.0.1')
  const sent = a.invite(CALL)
  await net.clock.turnAsync(20)
  const snapshot = stored(invites[0]!.snapshot())
  first.close()
  const restored = net.userAgent('10.0.0.2').restoreIncoming(snapshot)
  sent.cancel()
  await net.clock.turnAsync(20)
  assert.ok(restored.cancelled)
})

for (const far of ['rings', 'has answered'] as const) {
  test(`S18 an INVITE that a former process sent is cancelled, or hung up when the far end ${far}`, async () => {
    const net = new SimulatedNetwork()
    const sessions: Session[] = []
    const invites: IncomingInvite[] = []
    const b = net.userAgent('10.0.0.2', {
      onInvite(invite) {
        invites.push(invite)
        invite.provisional(180)
      },
    })
    const first = net.userAgent('10.0.0.1')
    const sent = first.invite(CALL)
    await net.clock.turnAsync(20)
    const snapshot: OutgoingSnapshot = stored(sent.snapshot()!)
    first.close()
    const second = net.userAgent('10.0.0.1')
    if (far === 'has answered') sessions.push(invites[0]!.accept({ body: SDP })!)
    const restored = second.restoreOutgoing(snapshot)
    await assert.rejects(restored.answered, { reason: 'gone' })
    restored.cancel()
    await net.clock.turnAsync(600)
    if (far === 'rings') assert.ok(invites[0]!.cancelled)
    else assert.equal((await sessions[0]!.ended).by, 'remote')
    assert.deepEqual([second.counts.sessions, b.counts.sessions], [0, 0])
    await net.clock.turnAsync(70_000, 7000)
    assert.deepEqual([second.counts.transactions, b.counts.transactions, net.clock.pending], [0, 0, 0])
  })
}

test('an INVITE of a former process that nobody cancels is forgotten after three minutes', async () => {
  const net = new SimulatedNetwork()
  net.userAgent('10.0.0.2', { onInvite() {} })
  const first = net.userAgent('10.0.0.1')
  const sent = first.invite(CALL)
  await net.clock.turnAsync(20)
  const snapshot = stored(sent.snapshot()!)
  first.close()
  const second = net.userAgent('10.0.0.1')
  second.restoreOutgoing(snapshot)
  await net.clock.turnAsync(181_000, 20_000)
  assert.equal(second.counts.transactions, 0)
})
