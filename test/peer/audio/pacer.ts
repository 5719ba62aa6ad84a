import { now } from '../clock.ts'

const FRAME_MS = 20

/** One steady 20 ms beat for all streams of a process, kept on an absolute schedule so that it does not drift. */
export class Pacer {
  #streams = new Set<() => void>()
  #next = 0
  #timer: NodeJS.Timeout | undefined

  /** Calls `send` at each beat until the returned function is called. */
  join(send: () => void): () => void {
    this.#streams.add(send)
    if (!this.#timer) {
      this.#next = now() + FRAME_MS
      this.#timer = setTimeout(this.#beat, FRAME_MS)
    }
    return () => this.#streams.delete(send)
  }

  #beat = () => {
    // After a stall at most three frames are made up for; the rest is lost, as it would be on a telephone.
    if (now() - this.#next > 3 * FRAME_MS) this.#next = now() - 2 * FRAME_MS
    while (this.#next <= now()) {
      for (const send of this.#streams) send()
      this.#next += FRAME_MS
    }
    this.#timer = this.#streams.size ? setTimeout(this.#beat, Math.max(1, this.#next - now())) : undefined
  }
}
