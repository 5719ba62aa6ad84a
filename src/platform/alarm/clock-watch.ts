/** Ms for which a jump is told of. */
const REMEMBERED_MS = 900_000

/** A step that is worth to be remembered, ms: less is what time servers do all day. */
const STEP_MS = 1000

/** Whether the wall clock keeps pace with the monotonic one. */
export class ClockWatch {
  #offset: number | null = null
  #jump = { ms: 0, at: 0 }

  /** Ms by which the wall clock has jumped lately, less than 0 where it was set back. `now` is monotonic, both in ms. */
  look(now: number, wall: number): number {
    const offset = wall - now
    const step = this.#offset === null ? 0 : offset - this.#offset
    this.#offset = offset
    if (Math.abs(step) >= STEP_MS) this.#jump = { ms: step, at: now }
    return now - this.#jump.at < REMEMBERED_MS ? this.#jump.ms : 0
  }
}
