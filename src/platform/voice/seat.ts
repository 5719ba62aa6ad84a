import { DECODE, type Law } from '#protocol/audio/index.ts'

/** Samples of one round of mixing: 20 ms. */
export const ROUND = 160

const RING = 2048

/** Sound that is held before it is mixed, so that a packet may be late: 40 ms. And the most that is held: 120 ms. */
const PREFILL = 320
const HELD = 960

/** RMS from which a seat is heard to speak, and for how many rounds after it is still taken to. */
const SPEAKS = 500
const HANGOVER = 25

/** One who takes part in a conference: what has come from it and waits to be mixed, and how it takes part. */
export class Seat {
  readonly #ring = new Int16Array(RING)
  #written = 0
  #read = 0
  #filled = false
  #loud = 0
  /** What it says in this round; silence where it says nothing. */
  readonly frame = new Int16Array(ROUND)
  /** Whether anything of it is in this round. */
  heard = false
  muted = false
  /** The slot of the only one who hears it; −1 where all do. */
  coached = -1
  speaking = false

  /** Takes the payload of a packet. */
  push(law: Law, bytes: Uint8Array, start: number, length: number): void {
    const decode = DECODE[law]
    for (let i = 0; i < length; i++) this.#ring[(this.#written + i) & (RING - 1)] = decode[bytes[start + i]!]!
    this.#written += length
    if (this.#written - this.#read > HELD) this.#read = this.#written - PREFILL
    if (this.#written - this.#read >= PREFILL) this.#filled = true
  }

  /** Takes what is said in this round. Whether that has changed who speaks. */
  next(): boolean {
    this.heard = this.#take() && !this.muted
    const was = this.speaking
    if (this.heard && this.coached < 0 && this.#level() > SPEAKS) this.#loud = HANGOVER
    else if (this.#loud > 0) this.#loud--
    this.speaking = this.#loud > 0 && !this.muted
    return this.speaking !== was
  }

  #take(): boolean {
    if (!this.#filled || this.#written - this.#read < ROUND) {
      this.#filled = false
      return false
    }
    for (let i = 0; i < ROUND; i++) this.frame[i] = this.#ring[(this.#read + i) & (RING - 1)]!
    this.#read += ROUND
    return true
  }

  #level(): number {
    let sum = 0
    for (let i = 0; i < ROUND; i++) sum += this.frame[i]! * this.frame[i]!
    return Math.sqrt(sum / ROUND)
  }
}
