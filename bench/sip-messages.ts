import { silentLog, TurnedClock } from '#lib/index.ts'
import { createAnswer, createOffer, G711, negotiate } from '#protocol/sdp/index.ts'
import {
  buildResponse,
  createUserAgent,
  type Hop,
  type OutgoingMessage,
  parseMessage,
  SipRequest,
  type UserAgent,
} from '#protocol/sip/index.ts'
import type { Figure } from './figure.ts'

const CRLF = '\r\n'
const SDP = createOffer({ address: '192.0.2.10', port: 20000, sessionId: '1', version: 1 }, { transport: 'rtp' }, G711)
const INVITE = Buffer.from(
  [
    'INVITE sip:+3225550101@203.0.113.5:5060 SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKnashds8;rport',
    'Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bKa7c6a8dlze.1;received=192.0.2.20',
    'Record-Route: <sip:192.0.2.10;lr;ftag=1928301774>',
    'Max-Forwards: 69',
    'From: "Alice \\"A\\" Example" <sip:+3225550199@carrier.example>;tag=1928301774',
    'To: <sip:+3225550101@203.0.113.5>',
    'Call-ID: a84b4c76e66710@pc33.carrier.example',
    'CSeq: 314159 INVITE',
    'Contact: <sip:+3225550199@192.0.2.20:5060;transport=udp>',
    'Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK',
    'Supported: 100rel, timer, replaces',
    'P-Asserted-Identity: <sip:+3225550199@carrier.example>',
    'User-Agent: Carrier SBC 7.2',
    'Content-Type: application/sdp',
    `Content-Length: ${Buffer.byteLength(SDP)}`,
    '',
    SDP,
  ].join(CRLF),
)

function figure(name: string, value: number, unit: string): Figure {
  return { name, value: Number(value.toFixed(3)), unit, must: null, aim: null, better: 'lower', peer: null }
}

/** CPU of one run, in µs: the best of five rounds after a warm-up. */
async function cpuOf(runs: number, run: () => void | Promise<void>): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 6; round++) {
    const start = process.cpuUsage()
    for (let i = 0; i < runs; i++) {
      const left = run()
      if (left) await left
    }
    const { user, system } = process.cpuUsage(start)
    if (round > 0) best = Math.min(best, (user + system) / runs)
  }
  return best
}

function hop(address: string): Hop {
  return { transport: 'udp', address, port: 5060 }
}

/** Three user agents in a row, datagrams handed over directly: caller, a back-to-back user agent, callee. */
function chain() {
  const clock = new TurnedClock()
  const agents = new Map<string, UserAgent>()
  const queue: [bytes: Uint8Array, from: Hop, to: Hop][] = []
  const drain = () => {
    for (let next = queue.shift(); next; next = queue.shift()) agents.get(next[2].address)?.receive(next[0], next[1])
  }
  const add = (address: string, onInvite: Parameters<typeof createUserAgent>[0]['onInvite']) => {
    const transport = {
      local: { address, port: 5060 },
      send: ({ bytes }: OutgoingMessage, to: Hop) => void queue.push([bytes, hop(address), to]),
    }
    const agent = createUserAgent({ clock, log: silentLog, transport, onInvite, onRequest: (r) => r.respond(200) })
    agents.set(address, agent)
    return agent
  }
  const call = (from: UserAgent, to: string, onProvisional?: () => void) =>
    from.invite({
      uri: `sip:100@${to}`,
      to: hop(to),
      from: '<sip:+3225550199@carrier.example>',
      toHeader: `<sip:100@${to}>`,
      body: { type: 'application/sdp', content: SDP },
      ...(onProvisional && { onProvisional }),
    })
  const caller = add('10.0.0.1', (invite) => invite.refuse(480))
  const middle: UserAgent = add('10.0.0.2', (invite) => {
    const out = call(middle, '10.0.0.3', () => invite.provisional(180))
    void out.answered.then((b) => {
      const a = invite.accept({ body: { type: 'application/sdp', content: SDP } })
      void a?.ended.then(() => b.bye())
    })
  })
  add('10.0.0.3', (invite) => {
    invite.provisional(180)
    invite.accept({ body: { type: 'application/sdp', content: SDP } })
  })
  return { clock, caller, drain, call }
}

/** CPU of a whole call, in ms: INVITE, 180, 200, ACK, BYE through a back-to-back user agent, all three parties counted. */
async function measureCall(): Promise<number> {
  const { clock, caller, drain, call } = chain()
  const turns = async () => {
    for (let i = 0; i < 8; i++) {
      drain()
      await null
    }
  }
  const us = await cpuOf(2_000, async () => {
    const out = call(caller, '10.0.0.2')
    await turns()
    const session = await out.answered
    const bye = session.bye()
    await turns()
    await bye
    // Transactions linger for 32 s, as they do at 400 calls/s.
    clock.turn(2.5)
  })
  return us / 1000
}

/** What SIP and SDP cost by themselves, without sockets, in CPU. */
export async function measure(): Promise<Figure[]> {
  let read = 0
  const parse = await cpuOf(20_000, () => {
    const m = parseMessage(INVITE)
    read += (m.via.port ?? 0) + m.cseq.sequence + m.to.uri.host.length + m.callId.length + (m.from.tag ?? '').length
  })
  const answer = await cpuOf(20_000, () => {
    const request = parseMessage(INVITE)
    if (request instanceof SipRequest) read += buildResponse(request, { status: 200, toTag: 'abc', recordRoute: true }).length
  })
  const local = { address: '203.0.113.5', port: 20002, sessionId: '2', version: 1 }
  const sdp = await cpuOf(20_000, () => {
    const agreed = negotiate(SDP, { transport: 'rtp' }, G711)
    if (agreed.agreed) read += createAnswer(SDP, agreed, local, G711).length
  })
  if (read === 0) throw new Error('nothing was read')
  return [
    figure('sip: parse an INVITE, CPU', parse, 'µs'),
    figure('sip: parse and answer an INVITE, CPU', answer, 'µs'),
    figure('sdp: negotiate and answer, CPU', sdp, 'µs'),
    figure('sip: a call over three user agents, CPU', await measureCall(), 'ms'),
  ]
}

if (import.meta.main) for (const line of await measure()) console.log(JSON.stringify(line))
