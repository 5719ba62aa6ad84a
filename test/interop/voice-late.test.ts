import assert from 'node:assert/strict'
import net from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newId } from '#lib/index.ts'
import { LINKS } from '#platform/words/index.ts'
import { DECODE } from '#protocol/audio/index.ts'
import { timestampDelta } from '#protocol/rtp/index.ts'
import { CallStream } from '../../sdk/src/stream.ts'
import { pause } from './voice-phone.ts'
import { openLeg, startVoice } from './voice-scene.ts'

const TOTAL_MS = 3000
const FRAME_MS = 20
const SAMPLES = 160
const HZ = 210
const PEAK = 8000

function toneFrom(frame: number): Int16Array {
  return Int16Array.from({ length: SAMPLES }, (_, i) => PEAK * Math.sin((2 * Math.PI * HZ * (frame * SAMPLES + i)) / 8000))
}

/** A program that says a tone live, each frame when its time has come and `lateMs` of it later. */
async function say(stream: CallStream, totalMs: number, lateMs: (frame: number) => number): Promise<number> {
  const began = performance.now()
  for (let frame = 0; frame * FRAME_MS < totalMs; frame++) {
    await pause(Math.max(0, began + frame * FRAME_MS + lateMs(frame) - performance.now()))
    await stream.write(toneFrom(frame))
  }
  return performance.now()
}

/** What a telephone hears of it, laid out by the timestamps; where no packet is, there is nothing. */
async function heard(t: TestContext, totalMs: number, lateMs: (frame: number) => number) {
  const voice = await startVoice(t)
  const { endpoint, phone } = await openLeg(t, voice, newId('call'), 'node')
  const verb = newId('verb')
  const ended = voice.call('stream', { endpoint, verb, rateHz: 8000, hear: false, live: true, uid: process.getuid!() })
  const { token } = await voice.call('stream.ticket', { verb })
  const gone = new AbortController()
  const stream = new CallStream(net.connect(join(voice.directory, LINKS.audio(0))), { token, rateHz: 8000 }, gone.signal)
  await stream.ready
  const lastWritten = await say(stream, totalMs, lateMs)
  await pause(300)
  stream.close()
  const { skippedMs } = await ended
  const [first] = phone.heard
  const sound: number[] = []
  for (const { timestamp, payload } of phone.heard) {
    const place = timestampDelta(timestamp, first!.timestamp)
    while (sound.length < place) sound.push(0)
    for (const octet of payload) sound.push(DECODE.PCMU[octet]!)
  }
  return {
    skippedMs,
    /** The longest time without sound, of what it has heard before its end. */
    silenceMs: longestSilence(sound),
    /** How long after its last word was written the last sound has come. */
    behindMs: phone.heard.at(-1)!.at - lastWritten,
    soundMs: sound.length / 8,
  }
}

function longestSilence(sound: readonly number[]): number {
  let longest = 0
  let since = 0
  for (const [i, sample] of sound.entries()) {
    if (Math.abs(sample) > PEAK / 20) {
      longest = Math.max(longest, i - since)
      since = i
    }
  }
  return longest / 8
}

test('a program that talks live and is late by 60 to 100 ms each half second: holes are stood in for, and its words do not fall behind', async (t) => {
  const { silenceMs, behindMs, soundMs, skippedMs } = await heard(t, TOTAL_MS, (frame) => {
    const stall = frame < 25 ? 0 : 60 + ((Math.floor(frame / 25) * 17) % 41)
    return Math.max(0, stall - (frame % 25) * FRAME_MS)
  })
  const about = `${silenceMs} ms of silence, ${behindMs} ms behind, ${soundMs} ms of sound, ${skippedMs} ms skipped`
  assert.ok(silenceMs < 85, about)
  assert.ok(behindMs < 300, about)
  assert.ok(Math.abs(soundMs - TOTAL_MS) < 250, about)
})
