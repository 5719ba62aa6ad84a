import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog, TurnedClock } from '#lib/index.ts'
import type { Hop } from './types.ts'
import { createUserAgent } from './user-agent.ts'

const PEER: Hop = { transport: 'tcp', address: '192.0.2.9', port: 5060, profile: 'acme' }

function place() {
  const clock = new TurnedClock()
  const sent: { text: string; to: Hop }[] = []
  const suspected: Hop[] = []
  const agent = createUserAgent({
    clock,
    log: silentLog,
    transport: {
      local: { address: '192.0.2.1', port: 5060, tlsPort: 5061 },
      send: ({ text }, to) => void sent.push({ text, to }),
      suspect: (hop) => void suspected.push(hop),
    },
    onInvite: (invite) => invite.refuse(486),
    onRequest: (request) => request.respond(200),
  })
  const ask = (to: Hop) =>
    agent.request({ method: 'OPTIONS', uri: 'sip:a@192.0.2.9', to, from: '<sip:b@192.0.2.1>', toHeader: '<sip:a@192.0.2.9>' })
  return { clock, sent, suspected, agent, ask }
}

function invite(transport: string): string {
  const head = [
    'INVITE sip:a@192.0.2.1 SIP/2.0',
    `Via: SIP/2.0/${transport} 192.0.2.9:5070;branch=z9hG4bKin;rport`,
    'Max-Forwards: 70',
    'From: <sip:b@192.0.2.9>;tag=1',
    'To: <sip:a@192.0.2.1>',
    'Call-ID: in@192.0.2.9',
    'CSeq: 1 INVITE',
    'Contact: <sip:b@192.0.2.9>',
    'Content-Length: 0',
  ]
  return `${head.join('\r\n')}\r\n\r\n`
}

test('§17.1: over a reliable transport a request is sent once, and its silence asked about once (S41)', async () => {
  const { clock, sent, suspected, agent, ask } = place()
  const answer = ask(PEER).then(
    () => 'answered',
    (error: Error) => error.message,
  )
  clock.turn(31_000)
  assert.equal(sent.length, 1)
  assert.match(sent[0]!.text, /^Via: SIP\/2\.0\/TCP 192\.0\.2\.1:5060;/m)
  assert.deepEqual(suspected, [PEER])
  clock.turn(2000)
  assert.match(await answer, /timeout/)
  assert.equal(agent.counts.transactions, 0)
})

test('§17.1.1.2: who rings, and was slow to say so, rings on over a reliable transport, too: timer B is over with the first 1xx', async () => {
  const { clock, sent, agent } = place()
  const invite = agent.invite({
    ...{ uri: 'sip:a@192.0.2.9', to: PEER, from: '<sip:b@192.0.2.1>', toHeader: '<sip:a@192.0.2.9>' },
    body: { type: 'application/sdp', content: 'v=0\r\n' },
  })
  const lines = sent[0]!.text.split('\r\n').filter((line) => /^(Via|From|Call-ID|CSeq):/.test(line))
  const answer = (status: number) => {
    const head = [
      `SIP/2.0 ${status} X`,
      ...lines,
      'To: <sip:a@192.0.2.9>;tag=t',
      'Contact: <sip:a@192.0.2.9>',
      'Content-Length: 0',
    ]
    agent.receive(Buffer.from(`${head.join('\r\n')}\r\n\r\n`), PEER)
  }
  // It is asked by then whether the connection lives.
  clock.turn(1500)
  answer(180)
  clock.turn(60_000)
  answer(200)
  const session = await invite.answered
  assert.equal(session.callId, invite.callId)
})

test('S41 what its connection loses is sent once more, and no more than that; another profile’s loss is not its own (S43)', async () => {
  const { sent, agent, ask } = place()
  const answer = ask(PEER).then(
    () => 'answered',
    (error: Error) => error.message,
  )
  agent.lost({ ...PEER, profile: 'globex' }, { again: true })
  assert.equal(sent.length, 1)
  agent.lost(PEER, { again: true })
  assert.equal(sent.length, 2)
  assert.equal(sent[1]!.text, sent[0]!.text)
  agent.lost(PEER, { again: true })
  assert.equal(sent.length, 2)
  assert.match(await answer, /timeout/)
})

test('§17.2.1, §18.2.2: a refusal over a connection is sent once, by that connection, else to the port of its Via (S42)', () => {
  for (const [transport, times] of [
    ['TCP', 1],
    ['UDP', 11],
  ] as const) {
    const { clock, sent, agent } = place()
    const name = transport === 'TCP' ? 'tcp' : 'udp'
    agent.receive(Buffer.from(invite(transport)), { transport: name, address: '192.0.2.9', port: 40_000, flow: 'f1' })
    clock.turn(40_000)
    const refusals = sent.filter(({ text }) => text.startsWith('SIP/2.0 486'))
    assert.equal(refusals.length, times, transport)
    const port = transport === 'TCP' ? 5070 : 40_000
    assert.deepEqual(refusals[0]!.to, { transport: name, address: '192.0.2.9', port, flow: 'f1' })
  }
})

test('S38 over 1300 octets: by TCP where the hop says so, with the Via of TCP; else by UDP', () => {
  const { sent, agent } = place()
  const udp: Hop = { transport: 'udp', address: '192.0.2.9', port: 5060 }
  for (const [to, size] of [
    [udp, 4000],
    [{ ...udp, large: 'tcp' }, 4000],
    [{ ...udp, large: 'tcp' }, 40],
  ] as [Hop, number][]) {
    const body = { type: 'application/sdp', content: 'x'.repeat(size) }
    agent.invite({ uri: 'sip:a@192.0.2.9', to, from: '<sip:b@192.0.2.1>', toHeader: '<sip:a@192.0.2.9>', body })
  }
  assert.deepEqual(
    sent.map(({ to, text }) => [to.transport, /^Via: SIP\/2\.0\/(\w+)/m.exec(text)?.[1]]),
    [
      ['udp', 'UDP'],
      ['tcp', 'TCP'],
      ['udp', 'UDP'],
    ],
  )
  agent.close()
})

test('§18.1.1 a far end is asked in the name of our address of its family of IP, while we have one', async () => {
  const clock = new TurnedClock()
  const sent: string[] = []
  const local = { address: '192.0.2.1', port: 5060, tlsPort: 5061 }
  const transport = {
    local,
    other: undefined as typeof local | undefined,
    send: ({ text }: { text: string }) => void sent.push(text),
  }
  const agent = createUserAgent({
    clock,
    log: silentLog,
    transport,
    onInvite: (i) => i.refuse(486),
    onRequest: (r) => r.respond(200),
  })
  const ask = (hop: Hop) => {
    const parts = { uri: 'sip:a@b.example', to: hop, from: '<sip:b@a.example>', toHeader: '<sip:a@b.example>' }
    agent.invite(parts).answered.catch(() => {})
    const names = /Via: SIP\/2\.0\/\S+ (\S+);rport[\s\S]*\r\nContact: <sip:(\S+?)[;>]/.exec(sent.at(-1)!)!
    return [names[1], names[2]]
  }
  const [four, six]: Hop[] = [
    { transport: 'udp', address: '192.0.2.9', port: 5060 },
    { transport: 'tls', address: '2001:db8::9', port: 5061 },
  ]
  transport.other = { address: '2001:db8::1', port: 5060, tlsPort: 5061 }
  assert.deepEqual(ask(four!), ['192.0.2.1:5060', '192.0.2.1:5060'])
  assert.deepEqual(ask(six!), ['[2001:db8::1]:5061', '[2001:db8::1]:5061'])
  transport.other = { ...transport.other, address: '2001:db8::2' }
  assert.deepEqual(ask(six!), ['[2001:db8::2]:5061', '[2001:db8::2]:5061'])
  transport.other = undefined
  assert.deepEqual(ask(six!), ['192.0.2.1:5061', '192.0.2.1:5061'])
  agent.close()
})
