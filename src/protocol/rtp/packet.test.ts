import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { looksLikeRtcp, RtpReader, sequenceDelta, timestampDelta, writeRtpHeader } from './index.ts'

test('what is written is read', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.nat(127),
      fc.nat(0xffff),
      fc.nat(0xffffffff),
      fc.nat(0xffffffff),
      fc.nat(200),
      (marker, payloadType, sequence, timestamp, ssrc, payload) => {
        const bytes = new Uint8Array(12 + payload)
        writeRtpHeader(bytes, marker, payloadType, sequence, timestamp, ssrc)
        const reader = new RtpReader()
        assert.ok(reader.read(bytes, bytes.length))
        assert.deepEqual(
          { ...reader },
          { marker, payloadType, sequence, timestamp, ssrc, payloadStart: 12, payloadLength: payload },
        )
      },
    ),
  )
})

test('CSRCs, extension and padding are no payload (M16)', () => {
  const bytes = Uint8Array.from([
    0xb1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 7, 7, 7, 7, 0x55, 0x56, 0, 0, 3,
  ])
  const reader = new RtpReader()
  assert.ok(reader.read(bytes, bytes.length))
  assert.deepEqual([reader.payloadStart, reader.payloadLength], [24, 2])
})

test('no bytes make the reader throw or point outside of them (M16)', () => {
  const reader = new RtpReader()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      looksLikeRtcp(bytes, bytes.length)
      if (!reader.read(bytes, bytes.length)) return
      assert.ok(reader.payloadStart >= 12 && reader.payloadLength >= 0)
      assert.ok(reader.payloadStart + reader.payloadLength <= bytes.length)
    }),
    { numRuns: 2000 },
  )
})

test('impossible lengths are refused', () => {
  const reader = new RtpReader()
  const packet = (first: number, length: number, last = 0) => {
    const bytes = new Uint8Array(length)
    bytes[0] = first
    bytes[length - 1] = last
    return reader.read(bytes, length)
  }
  assert.equal(packet(0x80, 11), false)
  assert.equal(packet(0x40, 20), false, 'another version')
  assert.equal(packet(0x8f, 20), false, 'more CSRCs than bytes')
  assert.equal(packet(0x90, 14), false, 'an extension that is cut')
  assert.equal(packet(0xa0, 20, 0), false, 'padding of nothing')
  assert.equal(packet(0xa0, 20, 9), false, 'more padding than payload')
  assert.equal(packet(0xa0, 20, 8), true)
  assert.equal(reader.payloadLength, 0)
})

test('numbers wrap', () => {
  assert.equal(sequenceDelta(2, 0xffff), 3)
  assert.equal(sequenceDelta(0xffff, 2), -3)
  assert.equal(timestampDelta(100, 0xffffff9c), 200)
  assert.equal(timestampDelta(0xffffff9c, 100), -200)
})
