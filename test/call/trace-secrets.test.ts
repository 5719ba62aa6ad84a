import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { RawEnd } from '../peer/sip/raw.ts'
import { filesBelow } from '../world/search.ts'
import { DID, World } from './harness.ts'

const SECRET = 'deadbeef'

const SDP = ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', 'm=audio 4000 RTP/AVP 0', '']

const sdp = (...lines: string[]) => [...SDP.slice(0, -1), ...lines, ''].join('\r\n')

/** Headers in front of the others, and a body with its type, and what stands behind the body that the length tells of. */
const ODD: { headers?: string[]; type?: string; body?: string; behind?: string; ends?: string }[] = [
  { headers: [`AUTHORIZATION\t : Digest username="u",\r\n\t response="${SECRET}",\r\n  nonce="${SECRET}"`] },
  { headers: [`Proxy-authorization:Digest response="${SECRET}"`, 'k: timer'], type: 'application/sdp', body: sdp() },
  { headers: [`aUTHENTICATION-iNFO: rspauth="${SECRET}"`], type: 'application/sdp', body: sdp() },
  { headers: [`Authorization: Digest response="${SECRET}"`], ends: '\n' },
  { headers: [`Authorization\r\n : Digest response="${SECRET}"`] },
  { type: 'application/sdp', body: sdp(`a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${SECRET}`) },
  { type: 'Application/SDP ; a=b', body: sdp(`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${SECRET}`) },
  { type: 'application/sdp', body: sdp(`k=clear:${SECRET}`, 'a=sendrecv') },
  { type: 'application/sdp', body: sdp(`a=ice-pwd:${SECRET}`).replaceAll('\r\n', '\n') },
  { type: 'application/sdp', body: sdp(`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${SECRET}`), ends: '\n' },
  { type: 'application/sdp', body: sdp(), behind: `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${SECRET}\r\n` },
  { type: 'application/sdp', body: '', behind: `k=clear:${SECRET}\r\n` },
  { type: 'text/plain', body: `the code is ${SECRET}` },
  { body: `the code is ${SECRET}` },
  {
    type: 'multipart/mixed;boundary=b',
    body: `--b\r\nContent-Type: application/sdp\r\n\r\n${sdp(`k=clear:${SECRET}`)}\r\n--b\r\nContent-Type: text/plain\r\n\r\n${SECRET}\r\n--b--`,
  },
]

function odd(
  n: number,
  { headers = [], type, body = '', behind = '', ends = '\r\n' }: (typeof ODD)[number],
  from: RawEnd,
  to: string,
) {
  const { address, port } = from.at
  const head = [
    `INVITE sip:${DID}@${to} SIP/2.0`,
    ...headers,
    `Via: SIP/2.0/UDP ${address}:${port};rport;branch=z9hG4bK-odd-${n}`,
    `f: <sip:raw@${address}>;tag=${n}`,
    `t: <sip:${DID}@${to}>`,
    `i: odd-${n}@${address}`,
    'CSeq: 1 INVITE',
    'Max-Forwards: 70',
    `m: <sip:raw@${address}:${port}>`,
    ...(type ? [`c: ${type}`] : []),
    `l: ${Buffer.byteLength(body)}`,
    '',
    '',
  ]
  return head.join(ends) + body + behind
}

test('F15 whatever a message looks like, no credential, key or private text of it is on disk, in a trace, or at Homer', async () => {
  const homer = createSocket('udp4')
  const packets: Buffer[] = []
  homer.on('message', (packet) => void packets.push(packet))
  await new Promise<void>((resolve) => homer.bind(0, '127.0.0.1', resolve))
  try {
    await using world = await World.open({ hep: { address: '127.0.0.1', port: homer.address().port, captureId: 77 } })
    world.second.rules = [{ user: '*', does: 486 }]
    await using raw = await RawEnd.open(`${world.net}.2`)
    for (const [n, one] of ODD.entries()) {
      raw.send(odd(n, one, raw, world.node.address), world.node)
      await until(`an answer to ${n}`, () => raw.heard.some((m) => m.includes(`odd-${n}@`) && !/^SIP\/2\.0 1/.test(m)), 5000)
    }
    await world.quiet()
    const calls = new Set((await world.events()).flatMap(({ call }) => call ?? []))
    const traces = await Promise.all([...calls].map((call) => world.link.call('call.trace', { call })))
    const told = traces.flatMap((trace) => trace!.entries.flatMap((entry) => (entry.kind === 'sip' ? [entry] : [])))
    const invites = told.filter(({ direction, message }) => direction === 'in' && message.startsWith('INVITE'))
    const shown = ODD.flatMap((_, n) => (invites.some(({ message }) => message.includes(`i: odd-${n}@`)) ? [n] : []))
    // Text alone is refused before there is a call.
    const calling = ODD.flatMap(({ type = '', body }, n) => (body && !/sdp|mixed/i.test(type) ? [] : [n]))
    assert.deepEqual(shown, calling, 'each is a call, and its first message in its trace')
    assert.ok(invites.some(({ message }) => message.includes('a=crypto:(removed)')))
    const files = filesBelow(world.directory, /snapshot/).filter(({ name }) => name.includes('trace-'))
    assert.ok(files.some(({ content }) => content.includes('odd-3@')))
    const places = [...files, { name: 'traces', content: Buffer.from(JSON.stringify(told)) }]
    places.push({ name: 'Homer', content: Buffer.concat(packets) })
    for (const { name, content } of places) assert.ok(!content.includes(SECRET), name)
  } finally {
    homer.close()
  }
})
