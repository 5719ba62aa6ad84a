import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeRtpHeader } from './packet.ts'
import { SrtpContext } from './srtp.ts'
import { deriveKeys, RTP_LABEL, SRTP_SUITES, type SrtpSuite } from './srtp-suite.ts'

const MASTER = Buffer.from('E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6', 'hex')
const suiteOf = (name: string): SrtpSuite => SRTP_SUITES.find((suite) => suite.name === name)!

function packet(sequence: number, ssrc = 0xcafe_babe, text = 'the sound of a call'): { bytes: Uint8Array; length: number } {
  const bytes = new Uint8Array(200)
  writeRtpHeader(bytes, false, 0, sequence & 0xffff, 1000, ssrc)
  bytes.set(Buffer.from(text), 12)
  return { bytes, length: 12 + text.length }
}

/** Protects and opens one packet; false where it was refused. */
function passes(sender: SrtpContext, receiver: SrtpContext, sequence: number, ssrc?: number): boolean {
  const { bytes, length } = packet(sequence, ssrc)
  const clear = Buffer.from(bytes.subarray(0, length))
  const sent = sender.protect(bytes, length)
  assert.notDeepEqual(Buffer.from(bytes.subarray(12, length)), clear.subarray(12))
  const got = receiver.open(bytes, sent)
  if (got >= 0) assert.deepEqual(Buffer.from(bytes.subarray(0, got)), clear)
  return got >= 0
}

test('session keys are those of RFC 3711 §B.3', () => {
  const keys = deriveKeys(suiteOf('AES_CM_128_HMAC_SHA1_80'), MASTER, RTP_LABEL)
  assert.equal(keys.encryption.toString('hex'), 'c61e7a93744f39ee10734afe3ff7a087')
  assert.equal(keys.salt.toString('hex'), '30cbbc08863d8c85d49db34a9ae1')
  assert.equal(keys.authentication.export().toString('hex'), 'cebe321f6ff7716b6fd4ab49af256a156d38baa4')
})

test('every suite opens what it has protected, RTP and RTCP, and nothing that was changed', () => {
  for (const suite of SRTP_SUITES) {
    const [sender, receiver] = [new SrtpContext(suite, MASTER), new SrtpContext(suite, MASTER)]
    for (let i = 0; i < 300; i++) assert.ok(passes(sender, receiver, i), suite.name)
    const { bytes, length } = packet(300)
    const sent = sender.protect(bytes, length)
    assert.equal(sent, length + suite.tagBytes)
    for (let at = 0; at < sent; at++) {
      const forged = new Uint8Array(bytes)
      forged[at]! ^= 0x40
      assert.equal(receiver.open(forged, sent), -1, `${suite.name} at ${at}`)
    }
    const copy = new Uint8Array(bytes)
    assert.equal(receiver.open(bytes, sent), length)
    assert.equal(receiver.open(copy, sent), -1, 'a packet enters once')
    for (let cut = 0; cut < sent; cut++) receiver.open(copy, cut)
    const report = Uint8Array.from({ length: 120 }, (_, i) => (i < 8 ? [0x80, 201, 0, 6, 1, 2, 3, 4][i]! : i))
    const clear = Buffer.from(report.subarray(0, 28))
    const protectedLength = sender.protectControl(report, 28)
    assert.equal(protectedLength, 28 + 4 + suite.controlTagBytes)
    const again = new Uint8Array(report)
    assert.equal(receiver.openControl(report, protectedLength), 28)
    assert.deepEqual(Buffer.from(report.subarray(0, 28)), clear)
    assert.equal(receiver.openControl(again, protectedLength), -1, 'a report enters once')
    for (let cut = 0; cut < protectedLength; cut++) assert.equal(receiver.openControl(again, cut), -1)
  }
})

test('M14 the sequence wraps several times, with loss and disorder around the wrap, and nothing is silent', () => {
  for (const suite of SRTP_SUITES) {
    const [sender, receiver] = [new SrtpContext(suite, MASTER), new SrtpContext(suite, MASTER)]
    for (let i = 65_000; i < 3 * 65_536 + 100; i += i % 65_536 > 65_500 || i % 65_536 < 40 ? 1 : 97) {
      assert.ok(passes(sender, receiver, i), `${suite.name} ${i}`)
    }
    const kept = [65_533, 65_535, 65_534, 2, 0, 65_532, 1].map((sequence) => {
      const made = packet(sequence, 5)
      return { ...made, sent: sender.protect(made.bytes, made.length) }
    })
    for (const { bytes, sent, length } of kept) assert.equal(receiver.open(bytes, sent), length)
  }
})

test('M14 a new SSRC is heard at once, and old packets under a known one never again', () => {
  for (const suite of SRTP_SUITES) {
    const receiver = new SrtpContext(suite, MASTER)
    const sender = new SrtpContext(suite, MASTER)
    for (let i = 65_400; i < 65_800; i++) assert.ok(passes(sender, receiver, i, 1))
    for (let i = 100; i < 110; i++) assert.ok(passes(sender, receiver, i, 2))
    // The same key, SSRC and indices again would be a replay: who begins anew takes another SSRC, or is given another key.
    const again = new SrtpContext(suite, MASTER)
    for (let i = 30_000; i < 30_010; i++) assert.ok(!passes(again, receiver, i, 1))
  }
})

test('M14 a receiver that comes in mid-call finds how often its source has rolled over, and a stranger soon tires it out', () => {
  for (const suite of SRTP_SUITES) {
    const [sender, early] = [new SrtpContext(suite, MASTER), new SrtpContext(suite, MASTER)]
    for (let i = 65_500; i < 3 * 65_536; i += 100) assert.ok(passes(sender, early, i))
    const late = new SrtpContext(suite, MASTER)
    assert.ok(passes(sender, late, 3 * 65_536 + 10), suite.name)
    assert.ok(passes(sender, late, 3 * 65_536 + 11))
    const tired = new SrtpContext(suite, MASTER)
    const stranger = new SrtpContext(
      suite,
      MASTER.map((byte) => byte ^ 1),
    )
    for (let i = 0; i < 100; i++) assert.ok(!passes(stranger, tired, i))
    assert.ok(!passes(sender, tired, 3 * 65_536 + 12))
  }
})
