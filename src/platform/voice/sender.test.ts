import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointDescription } from '#platform/words/index.ts'
import { DECODE } from '#protocol/audio/index.ts'
import { type Libc, loadLibc } from '#protocol/posix/index.ts'
import { RtpReader } from '#protocol/rtp/index.ts'
import type { MediaReport } from './command.ts'
import { Endpoint } from './endpoint.ts'
import { Sender } from './sender.ts'
import { Transmitter } from './transmitter.ts'

const FORMAT = { codec: 'PCMU', payloadType: 0, ptimeMs: 20 } as const
const DESCRIPTION: EndpointDescription = {
  transport: 'rtp',
  remote: { address: '192.0.2.1', port: 4000 },
  send: FORMAT,
  receive: FORMAT,
  direction: 'sendrecv',
}

interface Sent {
  at: number
  sequence: number
  timestamp: number
  marker: boolean
  /** Its first sample. */
  value: number
}

/** A sender whose clock the test turns, and whose packets it keeps instead of the kernel. */
class Desk {
  now = 1000
  readonly sent: Sent[] = []
  readonly ended: MediaReport[] = []
  readonly endpoint: Endpoint
  readonly sender: Sender

  constructor() {
    const libc: Libc = { ...loadLibc(), sendto: (_fd, _at, size) => this.#keep(size) }
    const transmitter = new Transmitter(libc)
    this.#bytes = transmitter.bytes
    this.sender = new Sender(transmitter, (report) => void this.ended.push(report))
    this.endpoint = new Endpoint(
      0,
      -1,
      -1,
      () => {},
      () => 7,
    )
    this.endpoint.describe(DESCRIPTION, false, this.now)
  }

  readonly #bytes: Uint8Array
  readonly #reader = new RtpReader()

  #keep(size: number): number {
    const { sequence, timestamp, marker, payloadStart } = this.#reader.read(this.#bytes, size) ? this.#reader : assert.fail()
    this.sent.push({ at: this.now, sequence, timestamp, marker, value: DECODE.PCMU[this.#bytes[payloadStart]!]! })
    return size
  }

  /** Turns the clock by `ms`, and has what is due sent. */
  turn(ms: number): void {
    this.now += ms
    this.sender.send(this.now)
  }
}

/** Frames of which each has a sample of its own, as far as G.711 has them: they are known again behind it. */
const VALUES = Array.from({ length: 120 }, (_, i) => DECODE.PCMU[i]!)
const prompt = (frames: number) =>
  Int16Array.from({ length: frames * 160 }, (_, i) => VALUES[Math.floor(i / 160) % VALUES.length]!)

/** Each packet follows the one before by its number, and its timestamp is where the clock is. */
function checkStream(sent: readonly Sent[], largestMs: number): void {
  const [first] = sent
  for (const [i, { at, sequence, timestamp }] of sent.entries()) {
    assert.equal((sequence - first!.sequence) & 0xffff, i & 0xffff)
    const told = ((timestamp - first!.timestamp) >>> 0) / 8
    const off = told - (at - first!.at)
    assert.ok(Math.abs(off) <= largestMs, `packet ${i}: ${off} ms off the clock`)
  }
}

test('M11 a prompt of half an hour does not drift: each packet at its time, whole to the last, however late the loop looks', () => {
  const desk = new Desk()
  const frames = 90_000
  desk.sender.play(desk.endpoint, 1, { pcm: prompt(frames), samples: frames * 160 }, desk.now)
  for (let i = 0; desk.ended.length === 0 && i < 1e7; i++) desk.turn(1 + ((i * 7) % 13))
  assert.equal(desk.sent.length, frames)
  checkStream(desk.sent, 20)
  for (const [i, { value, marker }] of desk.sent.entries()) {
    assert.equal(value, VALUES[i % VALUES.length])
    assert.equal(marker, i === 0)
  }
  const took = desk.sent.at(-1)!.at - desk.sent[0]!.at
  assert.ok(Math.abs(took - (frames - 1) * 20) < 20, `${took} ms`)
  assert.deepEqual(desk.ended, [{ type: 'played', slot: 0, play: 1, end: 'done', playedMs: frames * 20 }])
})

test('M07 a loop that is held up for 400 ms sends three packets behind each other and no more, times tell what was lost, and no sound is left out', () => {
  const desk = new Desk()
  const frames = 6000
  desk.sender.play(desk.endpoint, 1, { pcm: prompt(frames), samples: frames * 160 }, desk.now)
  for (let i = 0; desk.ended.length === 0 && i < 1e6; i++) desk.turn(i % 300 === 299 ? 400 : 4)
  assert.equal(desk.sent.length, frames)
  for (const [i, { value }] of desk.sent.entries()) assert.equal(value, VALUES[i % VALUES.length])
  let together = 0
  for (const [i, { at }] of desk.sent.entries()) {
    together = at === desk.sent[i - 1]?.at ? together + 1 : 1
    assert.ok(together <= 3, `${together} packets at once`)
  }
  // Of a stall two frames are caught up, and what was due at its beginning is late by as much as it lasted.
  checkStream(desk.sent, 420)
  const last = desk.sent.at(-1)!
  const told = ((last.timestamp - desk.sent[0]!.timestamp) >>> 0) / 8
  assert.ok(Math.abs(told - (last.at - desk.sent[0]!.at)) <= 40, 'nothing adds up')
})

test('a decoder that is late leaves a pause, marked, and not a hole in the sound', () => {
  const desk = new Desk()
  const ring = new Int16Array(1 << 13)
  const progress = new Int32Array(3)
  desk.sender.play(desk.endpoint, 1, { ring, progress }, desk.now)
  const sound = prompt(60)
  const write = (from: number, to: number) => {
    for (let i = from; i < to; i++) ring[i & (ring.length - 1)] = sound[i]!
    Atomics.store(progress, 0, to)
  }
  write(0, 20 * 160)
  for (let i = 0; i < 200; i++) desk.turn(5)
  assert.equal(desk.sent.length, 20)
  write(20 * 160, 60 * 160)
  Atomics.store(progress, 1, 1)
  for (let i = 0; i < 400; i++) desk.turn(5)
  assert.equal(desk.sent.length, 60)
  for (const [i, { value, marker }] of desk.sent.entries()) {
    assert.equal(value, VALUES[i % VALUES.length])
    assert.equal(marker, i === 0 || i === 20, `packet ${i}`)
  }
  checkStream(desk.sent, 20)
  assert.equal(desk.ended.length, 1)
})

test('M06 a key that is pressed while the far end is held is not sent from its middle on; the next one is, at its own time', () => {
  const desk = new Desk()
  const hold = (held: boolean) => {
    const send = { ...FORMAT, telephoneEvent: 101 }
    desk.endpoint.describe({ ...DESCRIPTION, send, direction: held ? 'inactive' : 'sendrecv' }, false, desk.now)
  }
  hold(false)
  desk.sender.play(desk.endpoint, 1, { pcm: prompt(10), samples: 1600 }, desk.now)
  for (let i = 0; i < 60; i++) desk.turn(5)
  const spoken = desk.sent.length
  hold(true)
  desk.sender.press(desk.endpoint, { play: 2, digits: '15', onMs: 200, offMs: 60 }, desk.now)
  for (let i = 0; i < 20; i++) desk.turn(5)
  hold(false)
  for (let i = 0; i < 120; i++) desk.turn(5)
  const keys = desk.sent.slice(spoken)
  assert.equal(new Set(keys.map(({ timestamp }) => timestamp)).size, 1)
  assert.ok(keys[0]!.marker)
  checkStream([desk.sent[0]!, { ...keys[0]!, sequence: desk.sent[0]!.sequence + 1 }], 20)
})
