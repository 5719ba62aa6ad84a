import { EVENT_KEYS } from './event-receiver.ts'

/** How often the last packet of an event is sent (RFC 4733 §2.5.1.4). */
const END_PACKETS = 3

/** The longest event that one segment can tell, in ms; ours never need a second. */
const LONGEST_MS = 8000

/** The shortest key that everybody hears, in ms (ITU-T Q.24). */
const SHORTEST_MS = 40

interface Press {
  readonly event: number
  onMs: number
}

/**
 * Steps through the packets that press keys (RFC 4733 §2.5.1): one call of `step` for each packet time. All packets of an
 * event carry the timestamp of its beginning, a growing duration, and the last one the end bit, three times.
 */
export class EventSender {
  /** Those that are left, the first of them on its way. */
  readonly #presses: Press[]
  readonly #offMs: number
  readonly #frameSamples: number
  readonly #samplesPerMs: number
  /** The key that is held down until somebody lets it go. */
  #held: Press | null = null
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
    const events = [...keys.toUpperCase()].map((key) => EVENT_KEYS.indexOf(key)).filter((event) => event >= 0)
    this.#presses = events.map((event) => ({ event, onMs }))
    this.#offMs = Math.max(0, offMs)
    this.#frameSamples = frameSamples
    this.#samplesPerMs = samplesPerMs
  }

  /** A key goes down behind those that are left, and stays so until {@link letGo}, or as long as an event can be. */
  hold(key: string): void {
    this.letGo()
    this.#held = { event: EVENT_KEYS.indexOf(key), onMs: LONGEST_MS }
    this.#presses.push(this.#held)
  }

  /** The key that is held is up, which was down for `ms`, or for as long as it has been pressed here. Nothing where none is held. */
  letGo(ms = 0): void {
    if (!this.#held) return
    const pressedMs = this.#held === this.#presses[0] ? this.#elapsed / this.#samplesPerMs : 0
    this.#held.onMs = Math.max(SHORTEST_MS, ms, pressedMs)
    this.#held = null
  }

  /** The keys that are left, by the clock of another stream: one that has begun there has been pressed. */
  anew(frameSamples: number, samplesPerMs: number): EventSender {
    const next = new EventSender('', 0, this.#offMs, frameSamples, samplesPerMs)
    next.#presses.push(...(this.#elapsed > 0 ? this.#presses.slice(1) : this.#presses))
    if (this.#held && next.#presses.includes(this.#held)) next.#held = this.#held
    return next
  }

  /** Goes on by one packet time: `packet` when one is to be sent, `pause` when none, `done` when all keys are pressed. */
  step(): 'packet' | 'pause' | 'done' {
    if (this.#gap > 0) {
      this.#gap -= this.#frameSamples
      return 'pause'
    }
    const press = this.#presses[0]
    if (!press) return 'done'
    this.first = this.#elapsed === 0
    this.#elapsed += this.#frameSamples
    const onSamples = this.#samplesOf(press)
    const duration = Math.min(this.#elapsed, onSamples)
    this.event = press.event
    this.duration = this.first ? duration : Math.max(duration, this.duration)
    this.end = this.#elapsed >= onSamples
    if (this.end && ++this.#ends === END_PACKETS) {
      this.#gap = this.#offMs * this.#samplesPerMs - (END_PACKETS - 1) * this.#frameSamples
      this.#presses.shift()
      this.#elapsed = 0
      this.#ends = 0
    }
    return 'packet'
  }

  #samplesOf({ onMs }: Press): number {
    const longestMs = Math.min(LONGEST_MS, Math.floor(0xffff / this.#samplesPerMs))
    return Math.max(1, Math.min(onMs, longestMs)) * this.#samplesPerMs
  }

  /** Writes the four bytes of the payload; volume −10 dBm0. */
  write(bytes: Uint8Array, start: number): void {
    bytes[start] = this.event
    bytes[start + 1] = (this.end ? 0x80 : 0) | 10
    bytes[start + 2] = this.duration >> 8
    bytes[start + 3] = this.duration
  }
}
