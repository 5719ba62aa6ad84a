import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointDescription } from '#platform/words/index.ts'
import { DECODE } from '#protocol/audio/index.ts'
import { type Libc, loadLibc } from '#protocol/posix/index.ts'
import { RtpReader, timestampDelta } from '#protocol/rtp/index.ts'
import type { MediaReport } from './command.ts'
import { Endpoint } from './endpoint.ts'
import { Streams } from './streams.ts'
import { Transmitter } from './transmitter.ts'

const FORMAT = { codec: 'PCMU', payloadType: 0, ptimeMs: 20 } as const
const DESCRIPTION: EndpointDescription = {
  transport: 'rtp',
  remote: { address: '192.0.2.1', port: 4000 },
  send: FORMAT,
  receive: FORMAT,
  direction: 'sendrecv',
}
const HZ = 210
const PEAK = 8000
const FRAME = 160

/** From one sample of the tone to the next at most. */
const STEEPEST = (2 * Math.PI * HZ * PEAK) / 8000

const toneAt = (sample: number) => Math.round(PEAK * Math.sin((2 * Math.PI * HZ * sample) / 8000))

/** What is heard of a program that says a tone live for `totalMs`, frame `n` late by `lateMs(n)`, laid out by the timestamps. */
function heard(totalMs: number, lateMs: (frame: number) => number) {
  const sound: number[] = []
  const reader = new RtpReader()
  let first = -1
  let lastAt = 0
  let now = 1000
  const keep = (size: number) => {
    assert.ok(reader.read(transmitter.bytes, size))
    if (first < 0) first = reader.timestamp
    while (sound.length < timestampDelta(reader.timestamp, first)) sound.push(0)
    for (let i = 0; i < reader.payloadLength; i++) sound.push(DECODE.PCMU[transmitter.bytes[reader.payloadStart + i]!]!)
    lastAt = now
    return size
  }
  const libc: Libc = { ...loadLibc(), sendto: (_fd, _at, size) => keep(size) }
  const transmitter = new Transmitter(libc)
  let skipped = 0
  const report = (message: MediaReport) => {
    if (message.type === 'streamed') skipped = message.skipped
  }
  const streams = new Streams(transmitter, report)
  const endpoint = new Endpoint(
    0,
    -1,
    -1,
    () => {},
    () => 7,
  )
  endpoint.describe(DESCRIPTION, false, now)
  streams.obey({ type: 'stream', slot: 0, stream: 1, hear: false, live: true }, endpoint, now)
  let frame = 0
  // Frames come in their order: one that is late holds up those behind it.
  let held = 0
  for (const began = now; now < began + totalMs + 500; now++) {
    while (frame * 20 < totalMs) {
      held = Math.max(held, began + frame * 20 + lateMs(frame))
      if (held > now) break
      const from = frame++ * FRAME
      streams.obey(
        { type: 'stream-audio', slot: 0, stream: 1, pcm: Int16Array.from({ length: FRAME }, (_, i) => toneAt(from + i)) },
        endpoint,
        now,
      )
    }
    streams.send(now)
  }
  const steps = sound.slice(1).map((sample, i) => Math.abs(sample - sound[i]!))
  let silence = 0
  let since = 0
  for (const [i, sample] of sound.entries()) {
    if (Math.abs(sample) < PEAK / 100) continue
    silence = Math.max(silence, i - since)
    since = i
  }
  return { silenceMs: silence / 8, steepest: Math.max(...steps), endedMs: lastAt - 1000 - totalMs, skippedMs: skipped / 8, sound }
}

function random(seed: number) {
  let state = seed
  return (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}

test('live frames that are late by 60 to 100 ms: what is missing fades out and in, and nothing after it is late', () => {
  for (let seed = 0; seed < 20; seed++) {
    const below = random(seed)
    const late = Array.from({ length: 500 }, () => (below(20) === 0 ? 60 + below(41) : 0))
    const { silenceMs, steepest, endedMs, skippedMs } = heard(10_000, (frame) => late[frame]!)
    const about = `${seed}: ${silenceMs} ms of silence, ${steepest} steep, ended after ${endedMs} ms, ${skippedMs} ms skipped`
    // 100 ms less the 60 that stand in for them, and what the beginning waits for.
    assert.ok(silenceMs <= 60, about)
    assert.ok(steepest < 1.3 * STEEPEST, about)
    // As late as its last frame at most, the frame itself, and what fades out behind it.
    assert.ok(endedMs <= 180, about)
    assert.ok(skippedMs > 100, about)
  }
})

test('live frames that come in bursts of three are heard without a hole once that is known', () => {
  const { silenceMs, steepest, skippedMs } = heard(5000, (frame) => (frame < 50 ? 0 : 40 - (frame % 3) * 20))
  assert.ok(silenceMs < 2, `${silenceMs} ms`)
  assert.ok(steepest < 1.3 * STEEPEST, `${steepest}`)
  assert.ok(skippedMs < 100, `${skippedMs} ms`)
})

test('a live program that says 100 ms at once, now and then a little late, is heard whole', () => {
  const below = random(3)
  const late = Array.from({ length: 250 }, () => below(8))
  const { silenceMs, steepest, skippedMs } = heard(5000, (frame) => (4 - (frame % 5)) * 20 + late[Math.floor(frame / 5)]!)
  assert.ok(silenceMs < 2, `${silenceMs} ms`)
  assert.ok(steepest < 1.3 * STEEPEST, `${steepest}`)
  assert.equal(skippedMs, 0)
})

test('live frames that are in time are heard as they are, and what is said after a pause is whole', () => {
  const pauseAt = 100
  const { sound, skippedMs } = heard(4000, (frame) => (frame < pauseAt ? 0 : 500))
  assert.equal(skippedMs, 0)
  const spoken = pauseAt * FRAME
  for (let i = 0; i < spoken; i++) assert.ok(Math.abs(sound[i]! - toneAt(i)) < 300, `sample ${i}`)
  const again = sound.findIndex((sample, i) => i > spoken + 4000 - FRAME && Math.abs(sample) > 1000)
  assert.ok(sound.length - again > 1900 * 8, 'the rest is whole')
})
