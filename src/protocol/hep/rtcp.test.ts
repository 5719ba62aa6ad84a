import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeControl } from '#protocol/rtp/index.ts'
import { rtcpJson } from './rtcp.ts'

const WALL = Date.UTC(2026, 0, 2, 3, 4, 5, 500)

function compound(report: Partial<Parameters<typeof writeControl>[1]>): Uint8Array {
  const bytes = new Uint8Array(512)
  const whole = { ssrc: 0xdead_beef, sender: null, block: null, name: 'who', goodbye: false, ...report }
  return bytes.subarray(0, writeControl(bytes, whole))
}

test('a sender report is told as Homer reads it, with all that it says', () => {
  const packet = compound({
    sender: { wallMs: WALL, timestamp: 4_000_000_000, packets: 514, octets: 82_240 },
    block: { ssrc: 7, fractionLost: 128, lost: -2, highest: 66_000, jitter: 13, lastReport: 3_093_100_159, delay: 296_222 },
  })
  const [text, ...others] = rtcpJson(packet)
  assert.deepEqual(others, [])
  assert.deepEqual(JSON.parse(text!), {
    type: 200,
    ssrc: 0xdead_beef,
    sender_information: {
      ntp_timestamp_sec: WALL / 1000 - 0.5 + 2_208_988_800,
      ntp_timestamp_usec: 2 ** 31,
      rtp_timestamp: 4_000_000_000,
      packets: 514,
      octets: 82_240,
    },
    report_count: 1,
    report_blocks: [
      {
        ...{ source_ssrc: 7, fraction_lost: 128, packets_lost: -2, highest_seq_no: 66_000, ia_jitter: 13 },
        ...{ lsr: 3_093_100_159, dlsr: 296_222 },
      },
    ],
  })
})

test('a receiver report has no sender, and each report of a packet is told', () => {
  const sender = { wallMs: WALL, timestamp: 1, packets: 2, octets: 3 }
  const told = rtcpJson(compound({ retired: [{ ssrc: 5, sender }], goodbye: true })).map((text) => JSON.parse(text))
  assert.deepEqual(
    told.map(({ type, ssrc, report_count }) => [type, ssrc, report_count]),
    [
      [201, 0xdead_beef, 0],
      [200, 5, 0],
    ],
  )
  assert.equal(told[0].sender_information, undefined)
})

test('what is cut or lies about its length is told up to there', () => {
  const whole = compound({
    sender: { wallMs: WALL, timestamp: 1, packets: 2, octets: 3 },
    block: { ssrc: 7, fractionLost: 0, lost: 0, highest: 1, jitter: 1, lastReport: 0, delay: 0 },
  })
  for (let length = 0; length < 52; length++) assert.deepEqual(rtcpJson(whole.subarray(0, length)), [], `${length}`)
  const lying = whole.slice()
  lying[0] = 0x80 | 31
  assert.equal(JSON.parse(rtcpJson(lying)[0]!).report_blocks.length, 1)
})
