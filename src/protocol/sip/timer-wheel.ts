import type { Clock, Timer } from '#lib/index.ts'

const TICK_MS = 10
/** A turn is 82 s: the timers of RFC 3261, the longest of 32 s, are met once, when they run out. */
const SLOTS = 8192

/** Who is told that a timer has run out. */
export interface TimerOwner {
  /** `name` is what the timer was armed as: one owner may have several, RFC letters for most. */
  onTimer(name: string): void
}

/** A timer that its owner keeps and arms again and again: a link in a slot's list, no closure, no allocation. */
export class WheelTimer {
  readonly owner: TimerOwner
  name = ''
  /** The tick at which it runs out; -1 while it is not armed. */
  tick = -1
  prev: WheelTimer | null = null
  next: WheelTimer | null = null

  constructor(owner: TimerOwner) {
    this.owner = owner
  }

  get armed(): boolean {
    return this.tick >= 0
  }
}

/**
 * All timers of a user agent on one timer of the clock. To arm and to cancel takes constant time; a timer runs out at the
 * first multiple of 10 ms at or after its time. Sleeps while no slot holds anything.
 */
export class TimerWheel {
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #slots: (WheelTimer | null)[] = new Array(SLOTS).fill(null)
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

  /** Arms a timer, or arms it anew, to run out in `ms`. */
  arm(timer: WheelTimer, ms: number, name: string): void {
    this.cancel(timer)
    const now = this.#clock.now()
    if (this.#size === 0) this.#done = Math.max(this.#done, Math.floor(now / TICK_MS))
    timer.name = name
    timer.tick = Math.max(Math.ceil((now + ms) / TICK_MS), this.#done + 1)
    const slot = timer.tick % SLOTS
    const head = this.#slots[slot] ?? null
    timer.next = head
    if (head) head.prev = timer
    this.#slots[slot] = timer
    this.#size++
    // While slots are being run, the next wake-up is found when all of them have been.
    if (!this.#running && (!this.#wake || timer.tick < this.#wakeTick)) this.#sleepUntil(timer.tick)
  }

  cancel(timer: WheelTimer): void {
    if (timer.tick < 0) return
    if (timer.prev) timer.prev.next = timer.next
    else this.#slots[timer.tick % SLOTS] = timer.next
    if (timer.next) timer.next.prev = timer.prev
    timer.prev = null
    timer.next = null
    timer.tick = -1
    this.#size--
    if (this.#size === 0) this.#stop()
  }

  /** Ms until an armed timer runs out. */
  left(timer: WheelTimer): number {
    return timer.tick * TICK_MS - this.#clock.now()
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
    let due: WheelTimer[] | null = null
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
        timer.owner.onTimer(timer.name)
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}
