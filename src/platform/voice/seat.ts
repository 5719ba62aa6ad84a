import type { Ear } from './ear.ts'

/** Samples of one round of mixing: 20 ms. */
export const ROUND = 160

/** RMS from which a seat is heard to speak, and for how many rounds after it is still taken to. */
const SPEAKS = 500
const HANGOVER = 25

/** One who takes part in a conference: what has come from it and waits to be mixed, and how it takes part. */
export class Seat {
  #loud = 0
  /** What it says in this round; silence where it says nothing. */
  readonly frame = new Int16Array(ROUND)
  /** Whether anything of it is in this round. */
  heard = false
  muted = false
  /** The slot of the only one who hears it; −1 where all do. */
  coached = -1
  speaking = false

  /** Takes what is said in this round. Whether that has changed who speaks. */
  next(ear: Ear | null, now: number): boolean {
    this.heard = (ear?.pull(this.frame, ROUND, now) ?? false) && !this.muted
    const was = this.speaking
    if (this.heard && this.coached < 0 && this.#level() > SPEAKS) this.#loud = HANGOVER
    else if (this.#loud > 0) this.#loud--
    this.speaking = this.#loud > 0 && !this.muted
    return this.speaking !== was
  }

  #level(): number {
    let sum = 0
    for (let i = 0; i < ROUND; i++) sum += this.frame[i]! * this.frame[i]!
    return Math.sqrt(sum / ROUND)
  }
}
