import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AUDIO_CODECS, type MediaPolicy } from './media.ts'
import { createAnswer, createOffer, negotiate, readAnswer } from './negotiate.ts'

const LOCAL = { address: '203.0.113.5', port: 30000, sessionId: '77', version: 1 }
const RTP = { transport: 'rtp' } as const

function offerOf(...media: string[]): string {
  return `${['v=0', 'o=- 1 1 IN IP4 192.0.2.10', 's=-', 'c=IN IP4 192.0.2.10', 't=0 0', ...media].join('\r\n')}\r\n`
}

/** As a softphone offers it: its own payload types, events at three clock rates. */
const SOFTPHONE = offerOf(
  'm=audio 4000 RTP/AVP 107 9 8 0 118 119 98 99 100',
  'a=rtpmap:107 opus/48000/2',
  'a=fmtp:107 minptime=10; useinbandfec=1',
  'a=rtpmap:118 L16/16000',
  'a=rtpmap:119 L16/8000/1',
  'a=rtpmap:98 telephone-event/48000',
  'a=rtpmap:99 telephone-event/8000',
  'a=rtpmap:100 telephone-event/16000',
)

function answerOf(offer: string, policy: MediaPolicy<'rtp'>) {
  const negotiation = negotiate(offer, policy, AUDIO_CODECS)
  assert.ok(negotiation.agreed, JSON.stringify(negotiation))
  return { ...negotiation.agreement.send, answer: createAnswer(offer, negotiation, LOCAL, AUDIO_CODECS) }
}

test('S50 each codec is answered with its own payload type and the telephone-event of its clock rate', () => {
  const cases = [
    ['opus', 107, 98, ['107 opus/48000/2', '98 telephone-event/48000']],
    ['G722', 9, 99, ['9 G722/8000', '99 telephone-event/8000']],
    ['PCMA', 8, 99, ['8 PCMA/8000', '99 telephone-event/8000']],
    ['L16/16000', 118, 100, ['118 L16/16000', '100 telephone-event/16000']],
    ['L16/8000', 119, 99, ['119 L16/8000', '99 telephone-event/8000']],
  ] as const
  for (const [codec, payloadType, event, maps] of cases) {
    const got = answerOf(SOFTPHONE, { ...RTP, codecs: [codec] })
    assert.deepEqual([got.codec, got.payloadType, got.telephoneEvent], [codec, payloadType, event])
    assert.deepEqual(
      [...got.answer.matchAll(/a=rtpmap:(.*)\r/g)].map((match) => match[1]),
      maps,
    )
    assert.match(got.answer, new RegExp(`m=audio 30000 RTP/AVP ${payloadType} ${event}\r`))
    assert.equal(got.answer.includes('a=fmtp:107 useinbandfec=1'), codec === 'opus')
  }
})

test('S50 no telephone-event of the right clock rate is none', () => {
  const offer = offerOf('m=audio 4000 RTP/AVP 96 97', 'a=rtpmap:96 opus/48000/2', 'a=rtpmap:97 telephone-event/8000')
  assert.equal(answerOf(offer, RTP).telephoneEvent, undefined)
})

test('S53 an offer of every codec has no payload type twice, and is understood as it was meant', () => {
  const offer = createOffer(LOCAL, RTP, AUDIO_CODECS)
  const formats = /RTP\/AVP ([\d ]+)/.exec(offer)![1]!.split(' ')
  assert.equal(new Set(formats).size, formats.length)
  assert.deepEqual(formats.slice(0, 3), ['0', '8', '9'])
  assert.equal([...offer.matchAll(/telephone-event\/(\d+)/g)].map(([, rate]) => rate).join(), '8000,48000,16000')
  for (const { name } of AUDIO_CODECS) {
    const { answer } = answerOf(offer, { ...RTP, codecs: [name] })
    const read = readAnswer(offer, answer, RTP, AUDIO_CODECS)
    assert.ok(read.agreed)
    assert.equal(read.agreement.send.codec, name)
    assert.ok(read.agreement.send.telephoneEvent !== undefined)
  }
})

test('S50 payload types may differ in the two directions', () => {
  const offer = createOffer(LOCAL, { ...RTP, codecs: ['opus', 'PCMU'] }, AUDIO_CODECS)
  const answer = offerOf('m=audio 6000 RTP/AVP 111 112', 'a=rtpmap:111 OPUS/48000/2', 'a=rtpmap:112 telephone-event/48000')
  const read = readAnswer(offer, answer, RTP, AUDIO_CODECS)
  assert.ok(read.agreed)
  const { send, receive } = read.agreement
  assert.deepEqual([send.codec, send.payloadType, send.telephoneEvent], ['opus', 111, 112])
  assert.deepEqual([receive.payloadType, receive.telephoneEvent], [96, 102])
})

test('S50 in a session no number comes to mean something else, whatever is offered and whoever gave it', () => {
  const mapped = (offer: string) =>
    new Map([...offer.matchAll(/a=rtpmap:(\d+) (\S+)/g)].map(([, number, what]) => [number, what]))
  const all = mapped(createOffer(LOCAL, RTP, AUDIO_CODECS))
  for (const codecs of [['opus'], ['L16/8000', 'opus'], ['PCMU', 'L16/16000']]) {
    for (const [number, what] of mapped(createOffer(LOCAL, { ...RTP, codecs }, AUDIO_CODECS))) assert.equal(all.get(number), what)
  }
  // Theirs, from an offer of theirs: 101 is their opus, 96 its telephone-events.
  const agreed = { codec: 'opus', payloadType: 101, telephoneEvent: 96 }
  const ours = createOffer(LOCAL, { ...RTP, agreed }, AUDIO_CODECS)
  const kept = mapped(ours)
  assert.deepEqual([kept.get('101'), kept.get('96')], ['opus/48000/2', 'telephone-event/48000'])
  const formats = /RTP\/AVP ([\d ]+)/.exec(ours)![1]!.split(' ')
  assert.equal(new Set(formats).size, 9, ours)
})

test('S53 an answer may name several codecs: the first is what we send, and any of them may come, by our numbers', () => {
  const offer = createOffer(LOCAL, RTP, AUDIO_CODECS)
  const answer = offerOf('m=audio 6000 RTP/AVP 9 111 0', 'a=rtpmap:111 opus/48000/2')
  const read = readAnswer(offer, answer, RTP, AUDIO_CODECS)
  assert.ok(read.agreed)
  assert.equal(read.agreement.send.codec, 'G722')
  assert.deepEqual(read.agreement.receive.also, [
    { codec: 'opus', payloadType: 96 },
    { codec: 'PCMU', payloadType: 0 },
  ])
})

test('what the other leg speaks is preferred, then its like, then what the far end likes best', () => {
  const prefer = (...groups: string[][]) => answerOf(SOFTPHONE, { ...RTP, prefer: groups }).codec
  assert.equal(prefer(), 'opus')
  assert.equal(prefer(['PCMU'], ['PCMA']), 'PCMU')
  assert.equal(prefer(['PCMU', 'PCMA']), 'PCMA')
  assert.equal(prefer(['GSM'], ['G722']), 'G722')
})

test('S40 the codecs that are offered by default fit a small offer', () => {
  const offer = createOffer(LOCAL, { ...RTP, codecs: ['PCMU', 'PCMA', 'G722'] }, AUDIO_CODECS)
  assert.ok(offer.length < 320, `${offer.length}`)
})
