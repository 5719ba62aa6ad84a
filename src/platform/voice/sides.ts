/** Laid beside each other: what each side of a call has said in the same time, from the same moment on. */
export class Sides {
  readonly #waiting: Int16Array[]
  readonly #channels: 1 | 2

  /** With two sides, `channels` 2 keeps them apart, left and right; 1 adds them. */
  constructor(sides: number, channels: 1 | 2) {
    this.#waiting = Array.from({ length: sides }, () => new Int16Array(0))
    this.#channels = channels
  }

  push(side: number, pcm: Int16Array): void {
    const waiting = this.#waiting[side]!
    if (waiting.length === 0) {
      this.#waiting[side] = pcm
      return
    }
    const joined = new Int16Array(waiting.length + pcm.length)
    joined.set(waiting)
    joined.set(pcm, waiting.length)
    this.#waiting[side] = joined
  }

  /** What there is of every side; with `all`, a side that has less is silent for the rest. Channels interleaved. */
  pull(all: boolean): Int16Array {
    const lengths = this.#waiting.map(({ length }) => length)
    const count = all ? Math.max(...lengths) : Math.min(...lengths)
    const out = new Int16Array(count * this.#channels)
    const [left, right] = this.#waiting
    for (let i = 0; i < count; i++) {
      const l = left![i] ?? 0
      const r = right?.[i] ?? 0
      if (this.#channels === 1) out[i] = Math.max(-32768, Math.min(32767, l + r))
      else {
        out[2 * i] = l
        out[2 * i + 1] = r
      }
    }
    for (const [side, waiting] of this.#waiting.entries()) this.#waiting[side] = waiting.subarray(count)
    return out
  }
}
