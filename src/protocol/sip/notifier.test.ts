import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hop, SimulatedNetwork } from './simulated-network.ts'
import type { Hop, IncomingSubscribe, Subscription } from './types.ts'

const [US, PHONE, STRANGER] = ['10.0.0.1', '10.0.0.7', '10.0.0.9']

/** A user agent that accepts what subscribes, and a telephone whose messages are written by hand. */
function bench(accepting = true) {
  const net = new SimulatedNetwork()
  const held: Subscription[] = []
  const onSubscribe = (incoming: IncomingSubscribe) => void held.push(incoming.accept([['Expires', '60']]))
  const agent = net.userAgent(US, {
    ...(accepting ? { onSubscribe } : {}),
    onRequest: (request) => request.respond(405),
  })
  const heard: string[] = []
  const hear = (bytes: Uint8Array) => void heard.push(Buffer.from(bytes).toString())
  for (const address of [PHONE, STRANGER]) for (const port of [5060, 5070]) net.listen(address, hear, port)
  const send = async (lines: string[], from: Hop = hop(PHONE)) => {
    net.deliver(Buffer.from([...lines, 'Content-Length: 0', '', ''].join('\r\n')), from, hop(US))
    await net.clock.turnAsync(10)
    return heard.at(-1) ?? ''
  }
  const subscribe = (sequence: number, tag = '', from = hop(PHONE)) =>
    send(
      [
        `SUBSCRIBE sip:101@${US} SIP/2.0`,
        `Via: SIP/2.0/UDP ${from.address}:${from.port};branch=z9hG4bK${sequence}${from.address}${from.port};rport`,
        ...['From: <sip:102@x>;tag=p', `To: <sip:101@x>${tag}`, 'Call-ID: c', `CSeq: ${sequence} SUBSCRIBE`, 'Max-Forwards: 70'],
        `Contact: <sip:102@192.0.2.1:9999>`,
      ],
      from,
    )
  return { net, agent, held, heard, send, subscribe }
}

const tagOf = (text: string) => /^To:.*(;tag=\S+)/m.exec(text)?.[1] ?? ''

test('RFC 6665 §4.2 a SUBSCRIBE makes a dialog: NOTIFY goes back to where it came from, a refresh is heard inside it', async () => {
  const { net, agent, held, heard, subscribe, send } = bench()
  const accepted = await subscribe(1)
  assert.match(accepted, /^SIP\/2\.0 200 .*\r\n[\s\S]*Expires: 60\r\n/)
  assert.match(accepted, /^Contact: <sip:10\.0\.0\.1:5060>/m)
  const tag = tagOf(accepted)
  const [only] = held
  const told = only!.notify({ headers: [['Event', 'dialog']], body: { type: 'text/plain', content: 'x' } })
  await net.clock.turnAsync(5)
  const notify = heard.at(-1)!
  assert.match(notify, /^NOTIFY sip:102@192\.0\.2\.1:9999 SIP/, 'its Contact is what is asked for, and not where it is sent')
  assert.ok(notify.includes(`From: <sip:101@x>${tag}\r\nTo: <sip:102@x>;tag=p\r\n`))
  const copied = notify.split('\r\n').filter((line) => /^(Via|From|To|Call-ID|CSeq):/.test(line))
  await send(['SIP/2.0 200 OK', ...copied])
  assert.equal((await told).status, 200)
  let refreshed = 0
  only!.onRefresh = (request) => {
    refreshed += 1
    request.respond(200, { headers: [['Expires', '30']] })
  }
  assert.match(await subscribe(2, tag), /^SIP\/2\.0 200 .*\r\n[\s\S]*Contact: /)
  assert.match(await subscribe(1, tag, hop(PHONE, 5070)), /^SIP\/2\.0 500 /, 'it is older than what has been')
  assert.match(await subscribe(3, tag, hop(STRANGER)), /^SIP\/2\.0 481 /)
  assert.equal(refreshed, 1)
  assert.deepEqual(agent.counts.subscriptions, 1)
  only!.close()
  assert.match(await subscribe(4, tag), /^SIP\/2\.0 481 /)
  await net.clock.turnAsync(40_000)
  assert.deepEqual([agent.counts, net.clock.pending], [{ transactions: 0, sessions: 0, subscriptions: 0 }, 0])
})

test('a NOTIFY without an answer fails; where nobody takes subscriptions, SUBSCRIBE is a request like any other', async () => {
  const { net, held, subscribe } = bench()
  await subscribe(1)
  const told = assert.rejects(held[0]!.notify({}), { name: 'SipFailure' })
  await net.clock.turnAsync(40_000)
  await told
  assert.match(await bench(false).subscribe(1), /^SIP\/2\.0 405 /)
})
