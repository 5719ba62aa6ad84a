import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CALL, leavesNothing, SDP } from './simulated-call.ts'
import { hop, SimulatedNetwork } from './simulated-network.ts'
import type { Session } from './types.ts'

test('S34 a name with hundreds of dead servers does not hold a request for long', async () => {
  const net = new SimulatedNetwork()
  const servers = Array.from({ length: 300 }, (_, i) => hop(`10.1.${i >> 8}.${i & 255}`))
  const sessions: Session[] = []
  const b = net.userAgent('10.0.0.2', {
    locate: async () => servers,
    onInvite(invite) {
      const session = invite.accept({ body: SDP })
      if (session) sessions.push(session)
    },
  })
  const a = net.userAgent('10.0.0.1')
  const sent = a.invite({ ...CALL, headers: [['Record-Route', '<sip:cluster.example;lr>']] })
  await net.clock.turnAsync(100)
  await sent.answered
  let status: number | null = null
  void sessions[0]!.request('INFO').then((response) => {
    status = response.status
  })
  await net.clock.turnAsync(15_000, 500)
  const tried = new Set(net.sent.filter(({ text }) => text.startsWith('INFO ')).map(({ to }) => to.address))
  assert.ok(tried.size > 1 && tried.size <= 8, `${tried.size} servers`)
  assert.equal(status, 200, 'where the dialog came about, the last of them')
  void (await sent.answered).bye()
  await leavesNothing(net, a, b)
})

for (const [when, afterMs] of [
  ['before', 3000],
  ['behind', 800],
] as const)
  test(`S34 whichever server has taken the PRACK ${when} the answer has the dialog from then on`, async () => {
    const net = new SimulatedNetwork()
    const b = net.userAgent('10.0.0.2', {
      onInvite(invite) {
        invite.provisional(183, { body: SDP })
        net.clock.after(afterMs, () => void invite.accept({ body: SDP }))
      },
    })
    // Another one of the cluster, which knows all that the first one knows; that one hears of nothing but the INVITE and its ACK.
    net.listen('10.0.0.3', (bytes, from) => b.receive(bytes, from))
    net.copies = ({ to, text }) => (to.address === '10.0.0.2' && !/^(?:INVITE|ACK)/.test(text) ? 0 : 1)
    const a = net.userAgent('10.0.0.1', { locate: async () => [hop('10.0.0.2'), hop('10.0.0.3')] })
    const sent = a.invite({ ...CALL, headers: [['Record-Route', '<sip:cluster.example;lr>']] })
    await net.clock.turnAsync(4000)
    assert.equal(net.sent.filter(({ text, to }) => text.startsWith('PRACK') && to.address === '10.0.0.3').length, 1)
    const session = await sent.answered
    void session.bye()
    await net.clock.turnAsync(10)
    assert.deepEqual(
      net.sent.filter(({ text }) => text.startsWith('BYE')).map(({ to }) => to.address),
      ['10.0.0.3'],
    )
    await leavesNothing(net, a, b)
  })
