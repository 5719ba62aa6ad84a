import { EventSender, RTP_HEADER_BYTES } from '#protocol/rtp/index.ts'
import type { MediaReport, PlayEnd } from './command.ts'
import type { Ear } from './ear.ts'
import type { Endpoint } from './endpoint.ts'
import { Pacer } from './pacer.ts'
import type { Sounding } from './sounding.ts'
import { Reframer, sourceOf } from './source.ts'
import type { Transmitter } from './transmitter.ts'

/** Samples of the longest frame, at 16 kHz. */
const LONGEST_FRAME = 1600

/** The shortest pause behind a key, ms (ITU-T Q.24): one that follows at once does not fall behind. */
const HELD_OFF_MS = 40

/** In place of a key's timestamp. */
const UNSENT = -1

/** What leaves at our own pace: prompts, pressed keys, and relayed sound that is cut anew. */
export class Sender {
  readonly #transmitter: Transmitter
  readonly #report: (report: MediaReport) => void
  /** Endpoints that have something to send. */
  readonly #active: Endpoint[] = []
  readonly #frame = new Int16Array(LONGEST_FRAME)

  constructor(transmitter: Transmitter, report: (report: MediaReport) => void) {
    this.#transmitter = transmitter
    this.#report = report
  }

  /** When the next packet is due, ms; infinity when none is. */
  nextDue(): number {
    let due = Number.POSITIVE_INFINITY
    for (const { playing, pressing, reframing, transcoding, listening } of this.#active) {
      if (playing && playing.pacer.due < due) due = playing.pacer.due
      if (pressing && pressing.pacer.due < due) due = pressing.pacer.due
      if (reframing && reframing.pacer.due < due) due = reframing.pacer.due
      if (transcoding && transcoding.pacer.due < due) due = transcoding.pacer.due
      if (listening && listening.due < due) due = listening.due
    }
    return due
  }

  /** Sends what is due. */
  send(now: number): void {
    for (let i = this.#active.length - 1; i >= 0; i--) {
      const endpoint = this.#active[i]!
      if (endpoint.pressing) this.#sendKeys(endpoint, now)
      if (endpoint.playing) this.#sendPlaying(endpoint, now)
      if (endpoint.reframing) this.#sendReframed(endpoint, now)
      if (endpoint.transcoding) this.#sendTranscoded(endpoint, now)
      if (endpoint.listening) this.#listen(endpoint, now)
      if (isIdle(endpoint)) this.#active.splice(i, 1)
    }
  }

  play(endpoint: Endpoint, play: number, sound: Sounding, now: number): void {
    if (endpoint.playing) this.unplay(endpoint, endpoint.playing.play, 'interrupted')
    const pacer = new Pacer(endpoint.frameMs, now)
    endpoint.playing = { play, source: sourceOf(sound), pacer, paused: false, lagMs: 0, fresh: true }
    this.#activate(endpoint)
  }

  unplay(endpoint: Endpoint, play: number, end: PlayEnd): void {
    const { playing, pressing, slot } = endpoint
    if (playing?.play === play) {
      const { playedMs } = endpoint
      endpoint.playing = null
      this.#report({ type: 'played', slot, play, end, playedMs })
    } else if (pressing?.play === play) this.#unpress(endpoint, end)
  }

  press(endpoint: Endpoint, keys: { play: number; digits: string; onMs: number; offMs: number }, now: number): void {
    if (endpoint.pressing) this.#unpress(endpoint, 'interrupted')
    const frame = endpoint.frameTicks
    endpoint.pressing = {
      play: keys.play,
      sender: new EventSender(keys.digits, keys.onMs, keys.offMs, frame, endpoint.sendCodec.clockRate / 1000),
      pacer: new Pacer(endpoint.frameMs, now),
      timestamp: 0,
    }
    this.#activate(endpoint)
  }

  /**
   * A far end is down on a key by a tone: its peer has an event that goes on until it is up ({@link letGo}). Not while that hears
   * something of ours, which an event gives way to as all that is relayed.
   */
  hold({ peer, takesTones }: Endpoint, key: string, now: number): void {
    if (!takesTones || !peer?.canSend || peer.sendEvents < 0) return
    if (peer.pressing?.play === null) peer.pressing.sender.hold(key)
    else if (!peer.isSpeaking) {
      const sender = new EventSender('', 0, HELD_OFF_MS, peer.frameTicks, peer.sendCodec.clockRate / 1000)
      sender.hold(key)
      peer.pressing = { play: null, sender, pacer: new Pacer(peer.frameMs, now), timestamp: 0 }
      this.#activate(peer)
    }
  }

  /** The key that was down is up after `ms`. */
  letGo({ peer }: Endpoint, ms: number): void {
    peer?.pressing?.sender.letGo(ms)
  }

  /** Begins to take frames from the endpoint's reframer. `packetSamples` is the length of the packets that fill it. */
  reframe(endpoint: Endpoint, packetSamples: number, now: number): void {
    const frame = endpoint.frameSamples
    const reframer = new Reframer(Math.max(packetSamples, frame) + frame / 2)
    endpoint.reframing = { reframer, pacer: new Pacer(endpoint.frameMs, now), fresh: true }
    this.#activate(endpoint)
  }

  /** Begins to send what `ear` hears, in the endpoint's own codec; nothing when it does. */
  transcode(endpoint: Endpoint, ear: Ear, now: number): void {
    if (endpoint.transcoding?.ear === ear) return
    endpoint.transcoding = { ear, pacer: new Pacer(endpoint.frameMs, now), fresh: true }
    this.#activate(endpoint)
  }

  /** Begins to pull the endpoint's ear, for those who overhear it; nothing when it does. */
  listen(endpoint: Endpoint, now: number): void {
    if (endpoint.listening) return
    endpoint.listening = new Pacer(20, now)
    this.#activate(endpoint)
  }

  /** Ends whatever the endpoint was sending of its own. */
  silence(endpoint: Endpoint): void {
    endpoint.reframing = null
    endpoint.transcoding = null
    endpoint.listening = null
    if (endpoint.playing) this.unplay(endpoint, endpoint.playing.play, 'interrupted')
    if (endpoint.pressing) this.#unpress(endpoint, 'interrupted')
  }

  #unpress(endpoint: Endpoint, end: PlayEnd): void {
    const { pressing, slot } = endpoint
    endpoint.pressing = null
    if (pressing && pressing.play !== null) this.#report({ type: 'played', slot, play: pressing.play, end, playedMs: 0 })
  }

  #activate(endpoint: Endpoint): void {
    if (!this.#active.includes(endpoint)) this.#active.push(endpoint)
  }

  #sendPlaying(endpoint: Endpoint, now: number): void {
    const playing = endpoint.playing!
    const { pacer, source } = playing
    while (pacer.take(now)) {
      if (playing.paused) {
        playing.fresh = true
        continue
      }
      if (source.ended) {
        this.unplay(endpoint, playing.play, 'done')
        return
      }
      const samples = Math.round(pacer.frameMs * 8)
      const late = source.pull(this.#frame, samples) === 0
      if (late || !endpoint.canSend || endpoint.pressing) {
        playing.fresh = true
        continue
      }
      const length = endpoint.encode(this.#frame, samples, 8000, this.#transmitter.bytes, RTP_HEADER_BYTES)
      endpoint.out.next(((pacer.frameMs + playing.lagMs) * endpoint.sendCodec.clockRate) / 1000, playing.fresh, now)
      this.#transmitter.send(endpoint, endpoint.sendPayloadType, length)
      playing.fresh = false
      playing.lagMs = 0
    }
    playing.lagMs += pacer.skippedMs
  }

  #sendKeys(endpoint: Endpoint, now: number): void {
    const { sender, pacer } = endpoint.pressing!
    while (pacer.take(now)) {
      const step = sender.step()
      if (step === 'done' || endpoint.sendEvents < 0) {
        this.#unpress(endpoint, 'done')
        return
      }
      if (step === 'pause') continue
      const { out, canSend } = endpoint
      const pressing = endpoint.pressing!
      // A key whose beginning could not be sent is not sent at all.
      if (sender.first) pressing.timestamp = canSend ? out.startingAt(endpoint.frameTicks, now) : UNSENT
      if (!canSend || pressing.timestamp === UNSENT) continue
      out.at(pressing.timestamp, sender.first, now)
      sender.write(this.#transmitter.bytes, RTP_HEADER_BYTES)
      this.#transmitter.send(endpoint, endpoint.sendEvents, 4)
    }
  }

  #sendReframed(endpoint: Endpoint, now: number): void {
    const reframing = endpoint.reframing!
    const { pacer, reframer } = reframing
    while (pacer.take(now)) {
      const samples = endpoint.frameSamples
      const had = reframer.pull(this.#transmitter.bytes, RTP_HEADER_BYTES, samples)
      if (had === 0 || !endpoint.canSend || endpoint.isSpeaking) {
        reframing.fresh = true
        continue
      }
      endpoint.out.next(samples, reframing.fresh, now)
      this.#transmitter.send(endpoint, endpoint.sendPayloadType, samples)
      reframing.fresh = false
    }
    if (pacer.skippedMs > 0) reframing.fresh = true
  }

  /** One whose ear hears nothing gets nothing, and a marker when there is something again. */
  #sendTranscoded(endpoint: Endpoint, now: number): void {
    const transcoding = endpoint.transcoding!
    const { pacer, ear } = transcoding
    while (pacer.take(now)) {
      const samples = (pacer.frameMs * ear.rate) / 1000
      const heard = ear.pull(this.#frame, samples, now)
      if (!heard || !endpoint.canSend || endpoint.isSpeaking || endpoint.peer?.isMuted) {
        transcoding.fresh = true
        continue
      }
      const length = endpoint.encode(this.#frame, samples, ear.rate, this.#transmitter.bytes, RTP_HEADER_BYTES)
      endpoint.out.next(endpoint.frameTicks, transcoding.fresh, now)
      this.#transmitter.send(endpoint, endpoint.sendPayloadType, length)
      transcoding.fresh = false
    }
    if (pacer.skippedMs > 0) transcoding.fresh = true
  }

  #listen(endpoint: Endpoint, now: number): void {
    const { ear, listening, peer, seat } = endpoint
    const pulled = seat !== null || (ear !== null && peer?.transcoding?.ear === ear)
    if (!ear || pulled) {
      endpoint.listening = null
      return
    }
    while (listening!.take(now)) ear.pull(this.#frame, (20 * ear.rate) / 1000, now)
  }
}

function isIdle({ playing, pressing, reframing, transcoding, listening }: Endpoint): boolean {
  return !playing && !pressing && !reframing && !transcoding && !listening
}
