import { VoiceActivity } from '#protocol/audio/index.ts'
import type { Session } from './session.ts'
import type { Recognised, Recognition } from './speech-engine.ts'

/** Samples before a voice was noticed that the recogniser gets, too: 400 ms. */
const BEFORE = 3200

export interface ListenerOptions {
  session: Session
  recognition: Recognition
  /** Ms of silence that end what was said; ms after which it ends in any case. */
  silenceMs: number
  maxMs: number
  /** Somebody begins to speak. */
  began(): void
  understood(result: Recognised): void
  failed(error: unknown): void
}

/** Hears a far end, and hands what is said in one go to a recogniser. */
export class Listener {
  readonly #options: ListenerOptions
  readonly #activity: VoiceActivity
  readonly #heard: { stop(): void }
  #before: Int16Array[] = []
  #speaking = false
  #left: number
  #over = false

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#activity = new VoiceActivity(options.silenceMs)
    this.#left = options.maxMs * 8
    this.#heard = options.session.record((pcm) => this.#hear(pcm))
    options.recognition.done.then(
      (result) => this.#settle(() => options.understood(result)),
      (error) => this.#settle(() => options.failed(error)),
    )
  }

  /** What comes from now on is not for it; idempotent. */
  close(): void {
    this.#over = true
    this.#heard.stop()
    this.#options.recognition.close()
  }

  #hear(pcm: Int16Array): void {
    if (this.#over || this.#left <= 0) return
    const change = this.#activity.push(pcm)
    if (this.#speaking) this.#say(pcm, change === 'ended')
    else {
      this.#before.push(pcm)
      if (change === 'began') this.#begin()
      else while (length(this.#before) - (this.#before[0]?.length ?? 0) >= BEFORE) this.#before.shift()
    }
  }

  #begin(): void {
    this.#speaking = true
    for (const pcm of this.#before) this.#options.recognition.push(pcm)
    this.#before = []
    this.#options.began()
  }

  #say(pcm: Int16Array, ended: boolean): void {
    const { recognition } = this.#options
    recognition.push(pcm)
    this.#left = ended ? 0 : this.#left - pcm.length
    if (this.#left <= 0) recognition.finish()
  }

  #settle(tell: () => void): void {
    if (this.#over) return
    this.close()
    tell()
  }
}

function length(pieces: Int16Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0)
}
