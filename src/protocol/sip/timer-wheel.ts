import type { Clock, Timer } from '#lib/index.ts'

const TICK_MS = 10
/** A turn is 82 s: the timers of RFC 3261, the longest of 32 s, are met once, when they run out. */
const SLOTS = 8192

/** Who is told that a timer has run out. */
export interface TimerOwner {
  /** `name` is what the timer was armed as: one owner may have several, RFC letters for most. */
  onTimer(name: string): void
}

/** A timer: a link in a slot's list, no closure, no allocation when it is armed. Whoever needs but one is it. */
export abstract class Timed implements TimerOwner {
  name = ''
  /** The tick at which it runs out; -1 while it is not armed. */
  tick = -1
  prev: Timed | null = null
  next: Timed | null = null

  get armed(): boolean {
    return this.tick >= 0
  }

  abstract onTimer(name: string): void
}

/** A timer that its owner keeps, beside others, and arms again and again. */
export class WheelTimer extends Timed {
  readonly #owner: TimerOwner

  constructor(owner: TimerOwner) {
    super()
    this.#owner = owner
  }

  onTimer(name: string): void {
    this.#owner.onTimer(name)
  }
}

/**
 * All timers of a user agent on one timer of the clock. To arm and to cancel takes constant time; a timer runs out at the
 * first multiple of 10 ms at or after its time. Sleeps while no slot holds anything.
 */
export class TimerWheel {
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #slots: (Timed | null)[] = new Array(SLOTS).fill(null)
  #wake: Timer | null = null
  #wakeTick = 0
  /** The last tick whose slot has been emptied. */
  #done: number
  #size = 0
  #running = false

  /** `onError` gets what an owner throws: a bug, which must cost its call and no other. */
  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock
    this.#onError = onError
    this.#done = Math.floor(clock.now() / TICK_MS)
  }

  /** How many timers are armed. */
  get size(): number {
    return this.#size
  }

  /** The tick that a timer has which runs out in `ms`. */
  tickIn(ms: number): number {
    return Math.ceil((this.#clock.now() + ms) / TICK_MS)
  }

  /** Arms a timer, or arms it anew, to run out in `ms`. */
  arm(timer: Timed, ms: number, name: string): void {
    this.armAt(timer, this.tickIn(ms), name)
  }

  /** The same, for a tick of {@link tickIn}. */
  armAt(timer: Timed, at: number, name: string): void {
    if (timer.tick >= 0) {
      if (timer.tick === at && timer.name === name) return
      this.#unlink(timer)
    }
    if (this.#size === 0) this.#done = Math.max(this.#done, Math.floor(this.#clock.now() / TICK_MS))
    timer.name = name
    const tick = Math.max(at, this.#done + 1)
    timer.tick = tick
    const slot = tick % SLOTS
    const head = this.#slots[slot] ?? null
    timer.next = head
    if (head) head.prev = timer
    this.#slots[slot] = timer
    this.#size++
    // While slots are being run, the next wake-up is found when all of them have been.
    if (!this.#running && (!this.#wake || tick < this.#wakeTick)) this.#sleepUntil(tick)
  }

  cancel(timer: Timed): void {
    if (timer.tick < 0) return
    this.#unlink(timer)
    if (this.#size === 0) this.#stop()
  }

  #unlink(timer: Timed): void {
    if (timer.prev) timer.prev.next = timer.next
    else this.#slots[timer.tick % SLOTS] = timer.next
    if (timer.next) timer.next.prev = timer.prev
    timer.prev = null
    timer.next = null
    timer.tick = -1
    this.#size--
  }

  /** Forgets all timers. */
  close(): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      for (let timer = this.#slots[slot] ?? null; timer; timer = this.#slots[slot] ?? null) this.cancel(timer)
    }
    this.#stop()
  }

  #stop(): void {
    this.#wake?.cancel()
    this.#wake = null
  }

  #sleepUntil(tick: number): void {
    this.#wake?.cancel()
    this.#wakeTick = tick
    this.#wake = this.#clock.after(Math.max(0, tick * TICK_MS - this.#clock.now()), () => this.#onWake())
  }

  #onWake(): void {
    this.#wake = null
    const now = Math.floor(this.#clock.now() / TICK_MS)
    // Behind by more than a turn, every slot is visited once; what is armed meanwhile is for a later tick.
    const first = this.#done + 1
    const last = Math.min(now, this.#done + SLOTS)
    this.#done = Math.max(this.#done, now)
    this.#running = true
    for (let tick = first; tick <= last; tick++) this.#runSlot(tick % SLOTS, now)
    this.#running = false
    if (this.#size === 0) return
    let next = this.#done + 1
    while (!this.#slots[next % SLOTS]) next++
    this.#sleepUntil(next)
  }

  #runSlot(slot: number, upTo: number): void {
    // Collected first: an owner may arm or cancel any timer, neighbours in the list included.
    let due: Timed[] | null = null
    for (let timer = this.#slots[slot] ?? null; timer; timer = timer.next) {
      if (timer.tick > upTo) continue
      if (due) due.push(timer)
      else due = [timer]
    }
    if (!due) return
    for (const timer of due) {
      if (timer.tick < 0 || timer.tick > upTo) continue
      this.cancel(timer)
      try {
        timer.onTimer(timer.name)
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}
