import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hop, SimulatedNetwork } from './simulated-network.ts'
import type { IncomingInvite, SipTransport, UserAgentOptions } from './types.ts'

const CALL = { uri: 'sip:b@10.0.0.2', to: hop('10.0.0.2'), from: '<sip:a@10.0.0.1>', toHeader: '<sip:b@10.0.0.2>' }

/** A far end of text: sends what it is told, sees what comes. */
function peer(
  net: SimulatedNetwork,
  address: string,
): { got: string[]; send(text: string, to: string): void; transport: SipTransport } {
  const got: string[] = []
  const transport = net.transport(address)
  net.listen(address, (bytes) => got.push(Buffer.from(bytes).toString()))
  return { got, transport, send: (text, to) => net.deliver(Buffer.from(text), hop(address), hop(to)) }
}

function request(
  method: string,
  branch: string,
  extra: { to?: string; cseq?: string; callId?: string; headers?: string; body?: string } = {},
): string {
  return [
    `${method} sip:b@10.0.0.1 SIP/2.0`,
    `Via: SIP/2.0/UDP 10.0.0.9:5060${branch && `;branch=${branch}`}`,
    'From: <sip:x@10.0.0.9>;tag=ft',
    `To: <sip:b@10.0.0.1>${extra.to ? `;tag=${extra.to}` : ''}`,
    `Call-ID: ${extra.callId ?? 'cid'}`,
    `CSeq: ${extra.cseq ?? `1 ${method}`}`,
    ...(extra.headers ? [extra.headers] : []),
    '',
    extra.body ?? '',
  ].join('\r\n')
}

const statuses = (got: readonly string[]) => got.map((text) => Number(text.split(' ')[1]))
const times = (net: SimulatedNetwork, log: { at: number }[]) =>
  log.map((entry) => Math.round(entry.at - (log[0]?.at ?? 0)) + 0 * net.sent.length)

test('timers A and B: an INVITE that nobody answers goes out seven times in 32 s, then fails with timeout', async () => {
  const net = new SimulatedNetwork()
  const log: { at: number }[] = []
  net.listen('10.0.0.2', () => log.push({ at: net.clock.now() }))
  const a = net.userAgent('10.0.0.1')
  const sent = a.invite(CALL)
  const failed = assert.rejects(sent.answered, { reason: 'timeout', status: 408 })
  net.clock.turn(31_900)
  assert.equal(a.counts.transactions, 1)
  net.clock.turn(200)
  await failed
  assert.deepEqual(times(net, log), [0, 500, 1500, 3500, 7500, 15_500, 31_500])
  assert.deepEqual([a.counts, net.clock.pending], [{ transactions: 0, sessions: 0, subscriptions: 0 }, 0])
})

test('timers E and F: another request goes out every T2 at last, for 32 s; timeoutMs cuts it', async () => {
  const net = new SimulatedNetwork()
  const log: { at: number }[] = []
  net.listen('10.0.0.2', () => log.push({ at: net.clock.now() }))
  const a = net.userAgent('10.0.0.1')
  const failed = assert.rejects(a.request({ ...CALL, method: 'OPTIONS' }), { reason: 'timeout' })
  net.clock.turn(33_000)
  await failed
  assert.deepEqual(times(net, log), [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500])
  const cut = assert.rejects(a.request({ ...CALL, method: 'OPTIONS', timeoutMs: 700 }), { reason: 'timeout' })
  net.clock.turn(710)
  await cut
  assert.equal(a.counts.transactions, 0)
})

test('timer E waits T2 after a provisional answer; timer K absorbs repeats for T4', async () => {
  const net = new SimulatedNetwork()
  const b = peer(net, '10.0.0.2')
  const a = net.userAgent('10.0.0.1')
  const asked = a.request({ ...CALL, method: 'OPTIONS' })
  net.clock.turn(10)
  const answer = (status: string) => b.send(b.got[0]!.replace(/^.*\r\n/, `SIP/2.0 ${status}\r\n`), '10.0.0.1')
  answer('100 Trying')
  net.clock.turn(500)
  const before = b.got.length
  net.clock.turn(7900)
  assert.equal(b.got.length, before + 1)
  net.clock.turn(200)
  assert.equal(b.got.length, before + 2)
  answer('200 OK')
  net.clock.turn(10)
  assert.equal((await asked).status, 200)
  answer('200 OK')
  net.clock.turn(4900)
  assert.equal(a.counts.transactions, 1)
  net.clock.turn(200)
  assert.equal(a.counts.transactions, 0)
})

/** A request that is cut for silence after so many ms, and hears 100 after 2900 ms and nothing else. */
async function tried(silenceMs: number, options: Partial<UserAgentOptions> = {}) {
  const net = new SimulatedNetwork()
  const b = peer(net, '10.0.0.2')
  const a = net.userAgent('10.0.0.1', options)
  const outcome = { over: false }
  const failed = assert.rejects(a.request({ ...CALL, method: 'OPTIONS', silenceMs }), { reason: 'timeout' })
  void failed.then(() => {
    outcome.over = true
  })
  await net.clock.turnAsync(2900)
  b.send(b.got[0]!.replace(/^.*\r\n/, 'SIP/2.0 100 Trying\r\n'), '10.0.0.1')
  return { net, a, outcome }
}

test('timer F runs from the start, whenever a provisional answer comes: what is cut for silence has what is left of it (§17.1.2.2)', async () => {
  const { net, a, outcome } = await tried(3000)
  await net.clock.turnAsync(29_000)
  assert.equal(outcome.over, false)
  await net.clock.turnAsync(200)
  assert.equal(outcome.over, true)
  assert.equal(a.counts.transactions, 0)
})

test('a patience longer than timer F cuts nothing: a provisional answer does not shorten what is left (§17.1.2.2)', async () => {
  const { net, outcome } = await tried(4000, { timers: { t1: 50 } })
  await net.clock.turnAsync(200)
  assert.equal(outcome.over, false)
  await net.clock.turnAsync(200)
  assert.equal(outcome.over, true)
})

test('timers G, H and I: a refusal is repeated until its ACK, which is then absorbed for T4', () => {
  const net = new SimulatedNetwork()
  const x = peer(net, '10.0.0.9')
  const a = net.userAgent('10.0.0.1', { onInvite: (invite) => invite.refuse(486) })
  x.send(request('INVITE', 'z9hG4bKa'), '10.0.0.1')
  net.clock.turn(3900)
  assert.deepEqual(statuses(x.got), [100, 486, 486, 486, 486])
  const tag = /To:.*tag=(\w+)/.exec(x.got[1]!)![1]!
  x.send(request('ACK', 'z9hG4bKa', { to: tag, cseq: '1 ACK' }), '10.0.0.1')
  net.clock.turn(4900)
  assert.equal(x.got.length, 5)
  assert.equal(a.counts.transactions, 1)
  net.clock.turn(200)
  assert.equal(a.counts.transactions, 0)
  x.send(request('INVITE', 'z9hG4bKb', { callId: 'other' }), '10.0.0.1')
  net.clock.turn(32_100)
  assert.equal(a.counts.transactions, 0)
  assert.equal(net.clock.pending, 0)
})

test('timer D: a repeated refusal is acknowledged again for 32 s, with the same bytes', async () => {
  const net = new SimulatedNetwork()
  const b = peer(net, '10.0.0.2')
  const a = net.userAgent('10.0.0.1')
  const sent = a.invite({ ...CALL, maxForwards: 12 })
  const failed = assert.rejects(sent.answered, { reason: 'refused', status: 503 })
  net.clock.turn(5)
  const refusal = b.got[0]!.replace(/^.*\r\n/, 'SIP/2.0 503 No\r\n').replace(/(To: .*)\r/, '$1;tag=bt\r')
  for (let i = 0; i < 3; i++) {
    b.send(refusal, '10.0.0.1')
    net.clock.turn(1000)
  }
  await failed
  const acks = b.got.filter((text) => text.startsWith('ACK'))
  assert.equal(acks.length, 3)
  assert.equal(new Set(acks).size, 1)
  const part = (text: string, name: string) => new RegExp(`^${name}: (.*)\r$`, 'm').exec(text)?.[1]
  assert.equal(part(acks[0]!, 'Via'), part(b.got[0]!, 'Via'))
  assert.equal(part(acks[0]!, 'CSeq'), '1 ACK')
  assert.match(acks[0]!, /To: .*;tag=bt\r/)
  assert.match(b.got[0]!, /Max-Forwards: 12\r/)
  net.clock.turn(29_000)
  assert.equal(a.counts.transactions, 1)
  net.clock.turn(1000)
  assert.equal(a.counts.transactions, 0)
})

test('100 Trying goes out at once; a repeated INVITE gets the last provisional answer and is not handed on twice', () => {
  const net = new SimulatedNetwork()
  const x = peer(net, '10.0.0.9')
  const invites: IncomingInvite[] = []
  net.userAgent('10.0.0.1', { onInvite: (invite) => invites.push(invite) })
  x.send(request('INVITE', 'z9hG4bKa'), '10.0.0.1')
  net.clock.turn(2)
  invites[0]?.provisional(183)
  x.send(request('INVITE', 'z9hG4bKa'), '10.0.0.1')
  net.clock.turn(5)
  assert.deepEqual(statuses(x.got), [100, 183, 183])
  assert.equal(invites.length, 1)
})

test('RFC 2543 senders without a branch are matched by what their messages share', () => {
  const net = new SimulatedNetwork()
  const x = peer(net, '10.0.0.9')
  let invites = 0
  const a = net.userAgent('10.0.0.1', {
    onInvite(invite) {
      invites++
      invite.refuse(404)
    },
  })
  for (let i = 0; i < 2; i++) x.send(request('INVITE', ''), '10.0.0.1')
  net.clock.turn(5)
  assert.deepEqual([invites, statuses(x.got)], [1, [100, 404, 404]])
  x.send(request('ACK', '', { to: 'any', cseq: '1 ACK' }), '10.0.0.1')
  net.clock.turn(6000)
  assert.equal(a.counts.transactions, 0)
})

test('a request that comes again over another road gets 482', () => {
  const net = new SimulatedNetwork()
  const x = peer(net, '10.0.0.9')
  net.userAgent('10.0.0.1', { onInvite() {} })
  x.send(request('INVITE', 'z9hG4bKa'), '10.0.0.1')
  x.send(request('INVITE', 'z9hG4bKb'), '10.0.0.1')
  net.clock.turn(3)
  assert.deepEqual(statuses(x.got), [100, 482])
})

test('S24 no ACK ever gets an answer, whatever is wrong with it', () => {
  const net = new SimulatedNetwork()
  const x = peer(net, '10.0.0.9')
  net.userAgent('10.0.0.1')
  const acks = [
    request('ACK', 'z9hG4bKa'),
    request('ACK', 'z9hG4bKb', { to: 'gone' }),
    request('ACK', ''),
    request('ACK', 'z9hG4bKc', { cseq: '1 INVITE' }),
    request('ACK', 'z9hG4bKd', { headers: 'Require: x\r\nMax-Forwards: 0' }),
    request('ACK', 'z9hG4bKe', { headers: 'Content-Length: 99' }),
    request('ACK', 'z9hG4bKf').replace('SIP/2.0\r', 'SIP/7.0\r'),
    request('ACK', 'z9hG4bKg').replace('sip:b@10.0.0.1 ', 'foo:bar '),
    request('ACK', 'z9hG4bKh').replace('From: ', 'From: "'),
    request('ACK', 'z9hG4bKi').replace('\r\n\r\n', ''),
  ]
  for (const ack of acks) x.send(ack, '10.0.0.1')
  net.clock.turn(40_000)
  assert.deepEqual(x.got, [])
})

const REFUSED: readonly (readonly [string, Parameters<typeof request>[2], number, RegExp?])[] = [
  ['INVITE', { headers: 'Max-Forwards: 0' }, 483],
  ['FROBNICATE', {}, 405, /Allow: INVITE/],
  ['INVITE', { headers: 'Require: 100rel, foo' }, 420, /Unsupported: foo/],
  ['INVITE', { headers: 'Content-Type: text/plain', body: 'x' }, 415, /Accept: application\/sdp/],
  ['INVITE', { body: 'x' }, 415],
  ['INVITE', { headers: 'Content-Type: application/sdp\r\nContent-Encoding: gzip', body: 'x' }, 415, /Accept-Encoding: identity/],
  ['INVITE', { headers: 'Accept: text/plain' }, 406],
  ['BYE', {}, 481],
  ['BYE', { to: 'gone' }, 481],
  ['INVITE', { to: 'gone' }, 481],
  ['UPDATE', {}, 481],
  ['PRACK', {}, 481],
  ['CANCEL', {}, 481],
  ['INVITE', { cseq: '1 OPTIONS' }, 400],
  ['INVITE', { headers: 'Contact: <sip:a b>' }, 400],
]

test('S58 F02 what a user agent server must refuse by itself, it refuses', () => {
  for (const [method, extra, status, header] of REFUSED) {
    const net = new SimulatedNetwork()
    const x = peer(net, '10.0.0.9')
    const a = net.userAgent('10.0.0.1', { onInvite: () => assert.fail('handed on'), onRequest: () => assert.fail('handed on') })
    x.send(request(method, 'z9hG4bKa', extra), '10.0.0.1')
    net.clock.turn(3)
    assert.deepEqual(statuses(x.got), [status], `${method} ${JSON.stringify(extra)}`)
    if (header) assert.match(x.got[0]!, header)
    assert.match(x.got[0]!, /^To: .*;tag=/m)
    net.clock.turn(40_000)
    assert.deepEqual([a.counts.transactions, net.clock.pending], [0, 0])
  }
})

test('F01 a stranger gets no answer, and costs no parsing', () => {
  const net = new SimulatedNetwork()
  const x = peer(net, '10.0.0.9')
  net.userAgent('10.0.0.1', { accepts: (from) => from.address === '10.0.0.2', onInvite: () => assert.fail('handed on') })
  for (const method of ['INVITE', 'OPTIONS', 'REGISTER', 'BYE']) x.send(request(method, `z9hG4bK${method}`), '10.0.0.1')
  net.clock.turn(100)
  assert.deepEqual(x.got, [])
})

test('F12 a fault of ours in judging where a message comes from ends that message, and not the next one', () => {
  const net = new SimulatedNetwork()
  const x = peer(net, '10.0.0.9')
  let judged = 0
  const accepts = () => {
    judged += 1
    if (judged === 1) throw new Error('it cannot be told')
    return true
  }
  net.userAgent('10.0.0.1', { accepts })
  for (const n of [1, 2]) x.send(request('BYE', `z9hG4bK${n}`), '10.0.0.1')
  net.clock.turn(100)
  assert.deepEqual([judged, x.got.length], [2, 1])
})

test('answers go where RFC 3261 §18.2.2 and RFC 3581 say', () => {
  const net = new SimulatedNetwork()
  net.userAgent('10.0.0.1')
  const send = (via: string, cseq: string) => {
    const text = request('OPTIONS', '', { cseq: `${cseq} OPTIONS` }).replace(/Via: .*\r/, `Via: ${via}\r`)
    net.deliver(Buffer.from(text), hop('192.0.2.7', 1024), hop('10.0.0.1'))
    net.clock.turn(3)
    const answer = net.sent.at(-1)!
    return [`${answer.to.address}:${answer.to.port}`, /Via: (.*)\r/.exec(answer.text)![1]]
  }
  assert.deepEqual(send('SIP/2.0/UDP 10.9.9.9:5070;branch=z9hG4bK1', '1'), [
    '192.0.2.7:5070',
    'SIP/2.0/UDP 10.9.9.9:5070;branch=z9hG4bK1;received=192.0.2.7',
  ])
  assert.deepEqual(send('SIP/2.0/UDP 10.9.9.9;rport;branch=z9hG4bK2', '2'), [
    '192.0.2.7:1024',
    'SIP/2.0/UDP 10.9.9.9;branch=z9hG4bK2;received=192.0.2.7;rport=1024',
  ])
  assert.deepEqual(send('SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK3;maddr=203.0.113.1;received=203.0.113.2', '3')[0], '192.0.2.7:5060')
})

test('F12 a list of options that cannot be split is refused with 400, and nothing of the request stays', () => {
  for (const headers of [
    'Supported: timer, "x',
    'Require: "x, 100rel',
    'Supported: 100rel, "x',
    'Supported: timer, 100rel, "x',
  ]) {
    const net = new SimulatedNetwork()
    const calls: IncomingInvite[] = []
    const a = net.userAgent('10.0.0.1', { onInvite: (invite) => calls.push(invite) })
    const far = peer(net, '10.0.0.9')
    far.send(request('INVITE', 'z9hG4bKq', { headers: `Contact: <sip:x@10.0.0.9>\r\n${headers}` }), '10.0.0.1')
    net.clock.turn(10)
    assert.deepEqual([statuses(far.got).at(-1), calls.length], [400, 0], headers)
    const tag = /^To:.*;tag=(\S+)/m.exec(far.got.at(-1)!)![1]!
    far.send(request('INFO', 'z9hG4bKr', { to: tag, cseq: '2 INFO' }), '10.0.0.1')
    net.clock.turn(10)
    assert.equal(statuses(far.got).at(-1), 481, headers)
    net.clock.turn(70_000)
    assert.deepEqual([a.counts.transactions, net.clock.pending], [0, 0], headers)
  }
})

test('F12 a 2xx, ours or theirs, makes its dialog even where Allow or Record-Route cannot be split', async () => {
  for (const header of ['Allow: "x, INVITE', 'Record-Route: "<sip:10.0.0.9;lr>, <sip:x>']) {
    const net = new SimulatedNetwork()
    const calls: IncomingInvite[] = []
    const a = net.userAgent('10.0.0.1', { onInvite: (invite) => calls.push(invite) })
    const far = peer(net, '10.0.0.9')
    const headers = `Contact: <sip:x@10.0.0.9>\r\n${header}`
    far.send(request('INVITE', 'z9hG4bKq', { headers }), '10.0.0.1')
    net.clock.turn(10)
    assert.ok(calls[0]!.accept({}), header)
    const sent = a.invite({ ...CALL, to: hop('10.0.0.9') })
    net.clock.turn(10)
    const invite = far.got.find((text) => text.startsWith('INVITE'))!
    const copied = invite.split('\r\n').filter((text) => /^(Via|From|To|Call-ID|CSeq):/.test(text))
    const lines = copied.map((text) => (text.startsWith('To:') ? `${text};tag=z` : text))
    far.send(['SIP/2.0 200 OK', ...lines, headers, '', ''].join('\r\n'), '10.0.0.1')
    net.clock.turn(10)
    await sent.answered
    assert.ok(
      far.got.some((text) => text.startsWith('ACK sip:x@10.0.0.9')),
      header,
    )
    assert.equal(a.counts.sessions, 2)
    a.close()
  }
})
