import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatSdp, parseSdp, SdpParseError } from './description.ts'
import { type Agreement, type Codec, type Direction, G711, type MediaPolicy } from './media.ts'
import { createAnswer, createOffer, negotiate, readAnswer } from './negotiate.ts'

const LOCAL = { address: '203.0.113.5', port: 30000, sessionId: '77', version: 1 }
const RTP = { transport: 'rtp' } as const

function sdp(media: readonly string[], session: readonly string[] = ['c=IN IP4 192.0.2.10']): string {
  return `${['v=0', 'o=- 1 1 IN IP4 192.0.2.10', 's=-', ...session, 't=0 0', ...media].join('\r\n')}\r\n`
}

function agreed(offer: string, policy: MediaPolicy<'rtp'> = RTP): Agreement<'PCMU' | 'PCMA', 'rtp'> {
  const result = negotiate(offer, policy, G711)
  assert.ok(result.agreed, JSON.stringify(result))
  return result.agreement
}

function answerTo(offer: string, policy: MediaPolicy<'rtp'> = RTP): string {
  const result = negotiate(offer, policy, G711)
  assert.ok(result.agreed, JSON.stringify(result))
  return createAnswer(offer, result, LOCAL, G711)
}

function why(offer: string, policy: MediaPolicy<'rtp'> = RTP): [number, string] {
  const result = negotiate(offer, policy, G711)
  assert.ok(!result.agreed)
  return [result.status, result.why]
}

test('an offer of ours is answered, and both sides understand the same', () => {
  const offer = createOffer(LOCAL, RTP, G711)
  const theirs = agreed(offer)
  const ours = readAnswer(offer, answerTo(offer), RTP, G711)
  assert.ok(ours.agreed)
  assert.deepEqual(ours.agreement, theirs)
  assert.deepEqual(theirs.send, { codec: 'PCMU', payloadType: 0, ptimeMs: 20, telephoneEvent: 101 })
  assert.deepEqual(theirs.remote, { address: '203.0.113.5', port: 30000 })
})

test('S40 an offer is small', () => {
  assert.ok(createOffer(LOCAL, RTP, G711).length < 300)
})

test('S53 static payload types need no rtpmap; an rtpmap outranks them', () => {
  assert.equal(agreed(sdp(['m=audio 4000 RTP/AVP 8'])).send.codec, 'PCMA')
  assert.equal(agreed(sdp(['m=audio 4000 RTP/AVP 3 18 8 0'])).send.codec, 'PCMA')
  assert.equal(agreed(sdp(['m=audio 4000 RTP/AVP 0', 'a=rtpmap:0 PCMA/8000'])).send.codec, 'PCMA')
  const dynamic = agreed(sdp(['m=audio 4000 RTP/AVP 96', 'a=rtpmap:96 pcmu/8000/1']))
  assert.deepEqual([dynamic.send.codec, dynamic.send.payloadType, dynamic.receive.payloadType], ['PCMU', 96, 96])
})

test('S53 the policy restricts and orders the codecs; the answer holds one of the offer and nothing else', () => {
  const offer = sdp(['m=audio 4000 RTP/AVP 0 8 9 101', 'a=rtpmap:101 telephone-event/8000'])
  assert.equal(agreed(offer, { ...RTP, codecs: ['PCMA'] }).send.codec, 'PCMA')
  assert.equal(agreed(offer, { ...RTP, codecs: ['PCMA', 'PCMU'] }).send.codec, 'PCMU')
  assert.equal(agreed(offer, { ...RTP, codecs: ['PCMA', 'PCMU'], preference: 'ours' }).send.codec, 'PCMA')
  assert.match(answerTo(offer, { ...RTP, codecs: ['PCMA'] }), /m=audio 30000 RTP\/AVP 8 101\r/)
  assert.match(createOffer(LOCAL, { ...RTP, codecs: ['PCMA'], telephoneEvent: false }, G711), /m=audio 30000 RTP\/AVP 8\r/)
})

test('S53 what does not fit gets 488, what is no SDP 400', () => {
  assert.deepEqual(why(sdp(['m=audio 4000 RTP/AVP 9 18'])), [488, 'no codec in common'])
  assert.deepEqual(why(sdp(['m=video 4000 RTP/AVP 31']))[0], 488)
  assert.deepEqual(why(sdp(['m=audio 0 RTP/AVP 0']))[0], 488)
  assert.deepEqual(why(sdp([]))[0], 488)
  assert.deepEqual(why(sdp(['m=audio 4000 RTP/SAVP 0']))[0], 488)
  assert.deepEqual(why(sdp(['m=audio 4000 RTP/AVP 0'], ['c=IN IP4 pc.example']))[0], 488)
  assert.deepEqual(why(sdp(['m=audio 4000 RTP/AVP 0'], []))[0], 488)
  assert.deepEqual(why('hello'), [400, 'malformed offer'])
  assert.deepEqual(why(''), [400, 'malformed offer'])
})

test('S53 S54 the answer has as many m-lines as the offer; unknown ones get port 0', () => {
  const offer = sdp([
    'm=image 5000 udptl t38',
    'a=T38FaxVersion:0',
    'm=audio 4000 RTP/SAVP 0',
    'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x',
    'm=audio 4002 RTP/AVP 0',
    'a=candidate:1 1 UDP 1 192.0.2.10 4002 typ host',
    'a=ice-ufrag:x',
    'm=video 4004 RTP/AVP 31 34',
  ])
  const lines = answerTo(offer)
    .split('\r\n')
    .filter((line) => line.startsWith('m='))
  assert.deepEqual(lines, ['m=image 0 udptl t38', 'm=audio 0 RTP/SAVP 0', 'm=audio 30000 RTP/AVP 0', 'm=video 0 RTP/AVP 31'])
  assert.doesNotMatch(answerTo(offer), /crypto|candidate|ice/)
})

test('S50 telephone-event: each side uses the payload type of the receiver, at the rate of the codec', () => {
  const offer = createOffer(LOCAL, RTP, G711)
  for (const theirs of [96, 97, 121]) {
    const answer = sdp([`m=audio 4000 RTP/AVP 0 ${theirs}`, `a=rtpmap:${theirs} telephone-event/8000`])
    const result = readAnswer(offer, answer, RTP, G711)
    assert.ok(result.agreed)
    assert.equal(result.agreement.send.telephoneEvent, theirs)
    assert.equal(result.agreement.receive.telephoneEvent, 101)
  }
  const rates = sdp(['m=audio 4000 RTP/AVP 0 98 99', 'a=rtpmap:98 telephone-event/48000', 'a=rtpmap:99 telephone-event/8000'])
  assert.equal(agreed(rates).send.telephoneEvent, 99)
  assert.equal('telephoneEvent' in agreed(sdp(['m=audio 4000 RTP/AVP 0'])).send, false)
  assert.doesNotMatch(answerTo(rates, { ...RTP, telephoneEvent: false }), /telephone-event/)
})

test('dynamic payload types that differ: we send with theirs and receive with ours', () => {
  const opus: Codec<'opus'> = { name: 'opus', clockRate: 48000, channels: 2 }
  const offer = createOffer(LOCAL, RTP, [opus])
  assert.match(offer, /a=rtpmap:96 opus\/48000\/2/)
  const answer = sdp(['m=audio 4000 RTP/AVP 111', 'a=rtpmap:111 opus/48000/2'])
  const result = readAnswer(offer, answer, RTP, [opus])
  assert.ok(result.agreed)
  assert.deepEqual([result.agreement.send.payloadType, result.agreement.receive.payloadType], [111, 96])
})

test('S52 ptime: we send what they want under their maxptime, and ask for what we want', () => {
  const withLines = (...lines: string[]) => agreed(sdp(['m=audio 4000 RTP/AVP 0', ...lines]))
  assert.deepEqual([withLines('a=ptime:30').send.ptimeMs, withLines('a=ptime:30').receive.ptimeMs], [30, 20])
  assert.equal(withLines('a=maxptime:10').send.ptimeMs, 10)
  assert.equal(withLines('a=maxptime:150').send.ptimeMs, 20)
  assert.equal(withLines('a=ptime:20', 'a=maxptime:150').send.ptimeMs, 20)
  for (const odd of ['0', '-5', 'x', '25.5', '9999999', '3']) {
    const { ptimeMs } = withLines(`a=ptime:${odd}`).send
    assert.ok(ptimeMs >= 10 && ptimeMs <= 120 && ptimeMs % 10 === 0, odd)
  }
  assert.match(answerTo(sdp(['m=audio 4000 RTP/AVP 0']), { ...RTP, ptimeMs: 30 }), /a=ptime:30\r/)
})

test('S48 hold in all its spellings is answered by the mirror of the direction', () => {
  const table: readonly (readonly [string[], string[], Direction, Direction])[] = [
    // m-line, session, from our side, from our side while we hold them too
    [['a=sendrecv'], [], 'sendrecv', 'sendonly'],
    [[], [], 'sendrecv', 'sendonly'],
    [['a=sendonly'], [], 'recvonly', 'inactive'],
    [['a=recvonly'], [], 'sendonly', 'sendonly'],
    [['a=inactive'], [], 'inactive', 'inactive'],
    [['c=IN IP4 0.0.0.0'], [], 'recvonly', 'inactive'],
    [['c=IN IP4 0.0.0.0', 'a=sendonly'], [], 'recvonly', 'inactive'],
    [['c=IN IP4 0.0.0.0', 'a=recvonly'], [], 'inactive', 'inactive'],
    [['c=IN IP6 ::'], [], 'recvonly', 'inactive'],
    [[], ['a=sendonly'], 'recvonly', 'inactive'],
    [['a=sendrecv'], ['a=sendonly'], 'sendrecv', 'sendonly'],
  ]
  for (const [media, session, open, holding] of table) {
    const offer = sdp(['m=audio 4000 RTP/AVP 0', ...media], ['c=IN IP4 192.0.2.10', ...session])
    const about = JSON.stringify([media, session])
    assert.equal(agreed(offer).direction, open, about)
    assert.equal(agreed(offer, { ...RTP, direction: 'sendonly' }).direction, holding, about)
    assert.match(answerTo(offer), new RegExp(`\r\na=${open}\r\n`), about)
  }
  // Taken up again: the address is back, and with it the sound.
  assert.equal(agreed(sdp(['m=audio 4000 RTP/AVP 0', 'a=sendrecv'])).direction, 'sendrecv')
  const held = createOffer(LOCAL, { ...RTP, direction: 'sendonly' }, G711)
  const result = readAnswer(held, sdp(['m=audio 4000 RTP/AVP 0', 'a=recvonly']), RTP, G711)
  assert.ok(result.agreed && result.agreement.direction === 'sendonly')
})

test('S53 an answer that refuses, or speaks what was not offered, is none', () => {
  const offer = createOffer(LOCAL, { ...RTP, codecs: ['PCMU'] }, G711)
  for (const media of [
    ['m=audio 0 RTP/AVP 0'],
    ['m=audio 4000 RTP/AVP 8'],
    ['m=video 4000 RTP/AVP 0'],
    [],
    ['m=audio 4000 RTP/SAVP 0'],
  ]) {
    const result = readAnswer(offer, sdp(media), RTP, G711)
    assert.deepEqual([result.agreed, !result.agreed && result.status], [false, 488], String(media))
  }
  const garbage = readAnswer(offer, 'v=1', RTP, G711)
  assert.ok(!garbage.agreed && garbage.status === 400)
})

test('the c-line of a stream outranks the session’s, also in IPv6; line ends may be bare', () => {
  const offer = sdp(['m=audio 4000 RTP/AVP 0', 'c=IN IP6 2001:db8::1'])
  assert.equal(agreed(offer).remote.address, '2001:db8::1')
  assert.equal(agreed(offer.replaceAll('\r\n', '\n')).remote.address, '2001:db8::1')
  assert.match(createOffer({ ...LOCAL, address: '2001:db8::5' }, RTP, G711), /c=IN IP6 2001:db8::5\r/)
})

test('the transport of the policy chooses the profile', () => {
  const dtls = { transport: 'dtls' } as const
  assert.match(createOffer(LOCAL, dtls, G711), /m=audio 30000 UDP\/TLS\/RTP\/SAVP 0/)
  const offer = sdp(['m=audio 4000 RTP/AVP 0', 'm=audio 4002 UDP/TLS/RTP/SAVPF 8'])
  const result = negotiate(offer, dtls, G711)
  assert.ok(result.agreed && result.mediaIndex === 1 && result.agreement.transport === 'dtls')
})

test('what has been read is written the same', () => {
  const text = sdp(
    [
      'm=audio 4000 RTP/AVP 0 101',
      'i=x',
      'c=IN IP4 192.0.2.11',
      'b=AS:64',
      'a=rtpmap:0 PCMU/8000',
      'a=sendonly',
      'm=video 0 RTP/AVP 31',
    ],
    ['c=IN IP4 192.0.2.10', 'b=CT:1'],
  )
  const again = parseSdp(formatSdp(parseSdp(text)))
  assert.deepEqual(again, parseSdp(text))
  for (const line of text.trim().split('\r\n')) assert.ok(formatSdp(again).split('\r\n').includes(line), line)
})

test('F12 F13 no text throws anything but SdpParseError, and none takes long', () => {
  const bits = [
    'v=0\r\n',
    'o=- 1 1 IN IP4 h\r\n',
    'm=audio 1 RTP/AVP 0\r\n',
    'c=IN IP4 1.2.3.4\r\n',
    'a=rtpmap:',
    '0 PCMU/8000\r\n',
    'a=ptime:',
    '\r\n',
    '=',
    ' ',
  ]
  const text = fc
    .array(fc.oneof(fc.constantFrom(...bits), fc.string({ maxLength: 5 })), { maxLength: 14 })
    .map((parts) => parts.join(''))
  const throwing = (run: () => unknown) => {
    try {
      run()
    } catch (error) {
      assert.ok(error instanceof SdpParseError, String(error))
    }
  }
  fc.assert(
    fc.property(text, (t) => {
      const source = `v=0\r\no=x\r\n${t}`
      throwing(() => parseSdp(t))
      throwing(() => parseSdp(source))
      const result = negotiate(source, RTP, G711)
      if (result.agreed) assert.ok(createAnswer(source, result, LOCAL, G711))
      readAnswer(createOffer(LOCAL, RTP, G711), source, RTP, G711)
    }),
    { numRuns: 1500, seed: 3264 },
  )
  for (const hostile of [
    'a=rtpmap:0 PCMU/8000\r\n'.repeat(2900),
    'a=x\r\n'.repeat(12_000),
    `m=audio 1 RTP/AVP ${'0 '.repeat(32_000)}`,
    'm=audio 1 RTP/AVP 0\r\n'.repeat(60),
  ]) {
    const source = sdp(['m=audio 4000 RTP/AVP 0', hostile]).slice(0, 65_000)
    let best = Number.POSITIVE_INFINITY
    for (let i = 0; i < 4; i++) {
      const start = performance.now()
      negotiate(source, RTP, G711)
      best = Math.min(best, performance.now() - start)
    }
    // Three times the budget of 20 ms on a busy machine. Quadratic would be seconds.
    assert.ok(best < 60, `${hostile.slice(0, 20)}: ${best} ms`)
  }
  assert.throws(() => parseSdp(`v=0\r\n${'a=x\r\n'.repeat(20_000)}`), SdpParseError)
  assert.throws(() => parseSdp(sdp(Array(65).fill('m=audio 1 RTP/AVP 0'))), SdpParseError)
})

const SRTP = {
  transport: 'srtp',
  crypto: {
    suites: [
      { name: 'AEAD_AES_128_GCM', masterBytes: 28 },
      { name: 'AES_CM_128_HMAC_SHA1_80', masterBytes: 30 },
    ],
    material: Uint8Array.from({ length: 30 }, (_, i) => i),
  },
} as const
const THEIRS = Buffer.alloc(30, 7).toString('base64')
const secure = (...crypto: string[]) =>
  ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', 'm=audio 4000 RTP/SAVP 0', ...crypto, ''].join('\r\n')

test('SRTP: the first line of keys that can be obeyed is taken, the answer names it and brings a key of ours (RFC 4568)', () => {
  const offer = secure(
    `a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:${THEIRS}`,
    `a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:${THEIRS}|2^20|1:4`,
    `a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:${THEIRS} UNENCRYPTED_SRTP`,
    `a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:${THEIRS.slice(0, 20)}`,
    `a=crypto:5 aes_cm_128_hmac_sha1_80 inline:${THEIRS}|2^31 WSH=64`,
  )
  const result = negotiate(offer, SRTP, G711)
  assert.ok(result.agreed)
  const ours = Buffer.from(SRTP.crypto.material).toString('base64')
  assert.deepEqual(result.agreement.crypto, { suite: 'AES_CM_128_HMAC_SHA1_80', send: ours, receive: THEIRS, tag: 5 })
  const answer = createAnswer(offer, result, { address: '192.0.2.9', port: 5000, sessionId: '1', version: 1 }, G711)
  assert.match(answer, /m=audio 5000 RTP\/SAVP 0/)
  assert.ok(answer.includes(`a=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:${ours}\r\n`))
})

test('M14 where protection is required and absent, or no key can be used, the offer is refused with 488', () => {
  const plain = secure().replace('RTP/SAVP', 'RTP/AVP')
  for (const offer of [plain, secure(), secure('a=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA'), secure('a=crypto:nonsense')]) {
    const result = negotiate(offer, SRTP, G711)
    assert.ok(!result.agreed && result.status === 488)
  }
  const unasked = negotiate(secure(`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${THEIRS}`), { transport: 'rtp' }, G711)
  assert.ok(!unasked.agreed && unasked.status === 488)
})

test('SRTP: our offer lists each suite with its key, and an answer that brings none is no agreement', () => {
  const offer = createOffer({ address: '192.0.2.9', port: 5000, sessionId: '1', version: 1 }, SRTP, G711)
  assert.equal(offer.match(/a=crypto:/g)?.length, 2)
  const result = readAnswer(offer, secure(`a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:${THEIRS}`), SRTP, G711)
  assert.ok(result.agreed && result.agreement.crypto?.receive === THEIRS)
  assert.ok(!readAnswer(offer, secure(), SRTP, G711).agreed)
})

test('RFC 3605: a port of its own for RTCP is kept', () => {
  const offer = secure('a=rtcp:4444 IN IP4 192.0.2.1').replace('RTP/SAVP', 'RTP/AVP')
  const result = negotiate(offer, { transport: 'rtp' }, G711)
  assert.ok(result.agreed && result.agreement.remote.controlPort === 4444)
})
