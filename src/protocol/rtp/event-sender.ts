import { EVENT_KEYS } from './event-receiver.ts'

/** How often the last packet of an event is sent (RFC 4733 §2.5.1.4). */
const END_PACKETS = 3

/** The longest event that one segment can tell, in ms; ours never need a second. */
const LONGEST_MS = 8000

/**
 * Steps through the packets that press keys (RFC 4733 §2.5.1): one call of `step` for each packet time. All packets of an
 * event carry the timestamp of its beginning, a growing duration, and the last one the end bit, three times.
 */
export class EventSender {
  readonly #keys: string
  readonly #ms: { on: number; off: number }
  readonly #onSamples: number
  readonly #offSamples: number
  readonly #frameSamples: number
  #key = 0
  #elapsed = 0
  #ends = 0
  #gap = 0
  /** What the packet of this step says. */
  event = 0
  duration = 0
  end = false
  /** The first packet of an event: sets the marker bit, and its timestamp is kept for the rest. */
  first = false

  /** `frameSamples` is the time between packets; `onMs` and `offMs` are the lengths of a press and of the pause after it. */
  constructor(keys: string, onMs: number, offMs: number, frameSamples: number, samplesPerMs = 8) {
    this.#keys = [...keys.toUpperCase()].filter((key) => EVENT_KEYS.includes(key)).join('')
    this.#ms = { on: onMs, off: offMs }
    this.#onSamples = Math.max(1, Math.min(onMs, LONGEST_MS, Math.floor(0xffff / samplesPerMs))) * samplesPerMs
    this.#offSamples = Math.max(0, offMs) * samplesPerMs
    this.#frameSamples = frameSamples
  }

  /** The keys that are left, by the clock of another stream: one that has begun there has been pressed. */
  anew(frameSamples: number, samplesPerMs: number): EventSender {
    const { on, off } = this.#ms
    const left = this.#keys.slice(this.#elapsed > 0 ? this.#key + 1 : this.#key)
    return new EventSender(left, on, off, frameSamples, samplesPerMs)
  }

  /** Goes on by one packet time: `packet` when one is to be sent, `pause` when none, `done` when all keys are pressed. */
  step(): 'packet' | 'pause' | 'done' {
    if (this.#gap > 0) {
      this.#gap -= this.#frameSamples
      return 'pause'
    }
    if (this.#key >= this.#keys.length) return 'done'
    this.first = this.#elapsed === 0
    this.#elapsed += this.#frameSamples
    this.event = EVENT_KEYS.indexOf(this.#keys[this.#key]!)
    this.duration = Math.min(this.#elapsed, this.#onSamples)
    this.end = this.#elapsed >= this.#onSamples
    if (this.end && ++this.#ends === END_PACKETS) {
      this.#gap = this.#offSamples - (END_PACKETS - 1) * this.#frameSamples
      this.#key++
      this.#elapsed = 0
      this.#ends = 0
    }
    return 'packet'
  }

  /** Writes the four bytes of the payload; volume −10 dBm0. */
  write(bytes: Uint8Array, start: number): void {
    bytes[start] = this.event
    bytes[start + 1] = (this.end ? 0x80 : 0) | 10
    bytes[start + 2] = this.duration >> 8
    bytes[start + 3] = this.duration
  }
}
