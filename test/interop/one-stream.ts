import assert from 'node:assert/strict'
import type { MediaCommand } from '#platform/voice/command.ts'
import type { EndpointDescription } from '#platform/words/index.ts'
import { RtpReader, timestampDelta } from '#protocol/rtp/index.ts'
import { runTurned, type Sent, Speaker } from './turned-loop.ts'

const EVENTS = 101
/** The endpoint that is looked at, with whom it sits in a conference, and whom it is joined with. */
const A = 0
const SEATED = 1
const OTHERS = [2, 3, 4]
const QUIETEST = 0xff
const MUSIC = Int16Array.from({ length: 16_000 }, (_, i) => 6000 * Math.sin(i / 5) + (i % 7))

/** Ms by which a packet's time may be away from the clock: frames of sources that followed each other more quickly than frames do. */
const LARGEST_ERROR_MS = 100

/** After so many ms without a packet the next one begins a talk spurt. */
const PAUSE_MS = 100

const octetOf = (slot: number) => 0x20 + slot

const format = { codec: 'PCMU', payloadType: 0, ptimeMs: 20, telephoneEvent: EVENTS } as const

function describe(slot: number, speaker: Speaker, direction: EndpointDescription['direction']): MediaCommand {
  const remote = { address: speaker.address, port: speaker.port }
  const description = { transport: 'rtp', remote, send: format, receive: format, direction } as const
  return { type: 'describe', slot, description, anyHost: false }
}

/** What happens to a leg that is never left alone: transfers, parking, holding, prompts, keys, conferences, streams. */
function* life(speakers: readonly Speaker[], totalMs: number, seed: number) {
  let state = seed
  const below = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
  const open: MediaCommand[] = speakers.map((_, slot) => ({ type: 'open', slot, rtp: 10 + 2 * slot, rtcp: 11 + 2 * slot }))
  yield { at: 1000, commands: [...open, ...speakers.map((speaker, slot) => describe(slot, speaker, 'sendrecv'))] }
  let at = 1100
  let other = OTHERS[0]!
  let play = 0
  while (at < totalMs) {
    const sound = { pcm: MUSIC, samples: 800 + below(20_000) }
    const transfer = (): MediaCommand[] => {
      other = OTHERS[below(OTHERS.length)]!
      return [describe(A, speakers[A]!, 'sendrecv'), { type: 'join', a: A, b: other }]
    }
    const steps: (() => MediaCommand[])[] = [
      ...Array(6).fill(transfer),
      () => [{ type: 'join', a: A, b: other }],
      () => [{ type: 'part', slot: A }],
      () => [
        { type: 'part', slot: A },
        { type: 'play', slot: A, play: ++play, sound: { pcm: MUSIC, samples: Number.POSITIVE_INFINITY } },
      ],
      () => [{ type: 'play', slot: A, play: ++play, sound }],
      () => [{ type: 'unplay', slot: A, play }],
      () => [{ type: 'pause', slot: A, play, paused: below(2) === 0 }],
      () => [{ type: 'dtmf', slot: A, play: ++play, digits: '15#', onMs: 100, offMs: 60 }],
      () => [
        describe(A, speakers[A]!, 'inactive'),
        { type: 'dtmf', slot: A, play: ++play, digits: '15#', onMs: 2000, offMs: 60 },
      ],
      () => [describe(A, speakers[A]!, (['inactive', 'recvonly', 'sendonly', 'sendrecv'] as const)[below(4)]!)],
      () => [describe(A, speakers[A]!, 'sendrecv')],
      () => [
        { type: 'part', slot: A },
        { type: 'sit', slot: A, room: 1 },
        { type: 'sit', slot: SEATED, room: 1 },
      ],
      () => [
        { type: 'stand', slot: A },
        { type: 'stand', slot: SEATED },
      ],
      () => [
        { type: 'stream', slot: A, stream: ++play, hear: true, live: below(2) === 0 },
        { type: 'stream-audio', slot: A, stream: play, pcm: MUSIC.subarray(0, 160 + below(8000)) },
      ],
      () => [{ type: 'unstream', slot: A, stream: play }],
      () => {
        const far = speakers[other]!
        far.ssrc = below(2 ** 31)
        far.sequence = below(2 ** 16)
        far.timestamp = below(2 ** 31)
        return []
      },
      () => {
        speakers[other]!.speaks = !speakers[other]!.speaks
        return []
      },
    ]
    yield { at, commands: steps[below(steps.length)]!() }
    // Mostly quick, and now and then long enough for anything that waits to have ended.
    at += below(10) === 0 ? below(30_000) : 20 + below(2000)
  }
  yield { at, commands: [{ type: 'stop' }] as MediaCommand[] }
}

/** Who has spoken in a packet: a far end by its octet, or ourselves; a conference is ours, too. */
function speaks(reader: RtpReader, { bytes }: Sent): number {
  const first = bytes[reader.payloadStart]!
  if (first === QUIETEST || first === octetOf(SEATED)) return -1
  return bytes.subarray(reader.payloadStart).every((octet) => octet === first) ? first : -1
}

/** What the leg is sent in so many ms of its life, which is another one for each `seed`. */
export function lifeOf(totalMs: number, seed: number): Sent[] {
  const speakers = [A, SEATED, ...OTHERS].map((i) => new Speaker(`192.0.2.${i + 1}`, octetOf(i), 1000 + 4 * i))
  const stream: Sent[] = []
  runTurned(speakers, life(speakers, totalMs, seed), (slot, sent) => {
    if (slot === A) stream.push(sent)
  })
  return stream
}

/** Looks at each packet of a stream: how often its source has changed, and what a receiver would take amiss. */
export function judge(stream: readonly Sent[]): { changes: number; faults: string[] } {
  const faults: string[] = []
  const reader = new RtpReader()
  let changes = 0
  let before: { at: number; ssrc: number; sequence: number; timestamp: number; who: number; type: number } | null = null
  let first: { at: number; timestamp: number } | null = null
  for (const sent of stream) {
    assert.ok(reader.read(sent.bytes, sent.bytes.length))
    const { ssrc, sequence, timestamp, marker, payloadType: type } = reader
    const { at } = sent
    const who = type === EVENTS ? EVENTS : speaks(reader, sent)
    const about = `${at.toFixed(1)} ms, ${before?.who} to ${who}`
    if (before && first) {
      const step = timestampDelta(timestamp, before.timestamp)
      const sameEvent = type === EVENTS && before.type === EVENTS && step === 0
      if (ssrc !== before.ssrc) faults.push(`${about}: another SSRC`)
      if (sequence !== ((before.sequence + 1) & 0xffff)) faults.push(`${about}: ${sequence} after ${before.sequence}`)
      if (step <= 0 && !sameEvent) faults.push(`${about}: a timestamp of ${step}`)
      const changed = who !== before.who || (at - before.at > PAUSE_MS && !sameEvent)
      if (changed) changes++
      if (changed && !marker) faults.push(`${about}: no marker after ${(at - before.at).toFixed(1)} ms`)
      const error = timestampDelta(timestamp, first.timestamp) / 8 - (at - first.at)
      if (!sameEvent && Math.abs(error) > LARGEST_ERROR_MS) faults.push(`${about}: ${error.toFixed(1)} ms from the clock`)
    } else {
      first = { at, timestamp }
      if (!marker) faults.push('the first has no marker')
    }
    before = { at, ssrc, sequence, timestamp, who, type }
  }
  return { changes, faults }
}
