// Loaded into a process whose clock a test turns: by `{ turn: ms }` over IPC, and what is due by then runs at once, in its order.

const [now, wall, later, never] = [performance.now.bind(performance), Date.now, setTimeout, clearTimeout]
let ahead = 0

/** A timer of the turned clock. */
class TurnedTimer {
  static readonly pending = new Set<TurnedTimer>()
  readonly at: number
  readonly #run: () => void
  #timeout!: NodeJS.Timeout
  #kept = true

  constructor(run: () => void, ms: number) {
    this.at = performance.now() + ms
    this.#run = run
    TurnedTimer.pending.add(this)
    this.arm()
  }

  /** By the real clock, as long as it is still to come. */
  arm(): void {
    never(this.#timeout)
    this.#timeout = later(() => this.fire(), Math.max(0, this.at - performance.now()))
    if (!this.#kept) this.#timeout.unref()
  }

  fire(): void {
    this.cancel()
    this.#run()
  }

  cancel(): void {
    never(this.#timeout)
    TurnedTimer.pending.delete(this)
  }

  unref(): this {
    this.#kept = false
    this.#timeout.unref()
    return this
  }
}

performance.now = () => now() + ahead
Date.now = () => wall() + ahead
const after = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => new TurnedTimer(() => run(...args), ms)
globalThis.setTimeout = Object.assign(after, later) as unknown as typeof setTimeout
globalThis.clearTimeout = ((timer: unknown) => {
  if (timer instanceof TurnedTimer) timer.cancel()
  else never(timer as NodeJS.Timeout)
}) as typeof clearTimeout

process.on('message', ({ turn }: { turn?: number }) => {
  if (turn === undefined) return
  ahead += turn
  for (const timer of [...TurnedTimer.pending].sort((a, b) => a.at - b.at)) {
    if (!TurnedTimer.pending.has(timer)) continue
    if (timer.at <= performance.now()) timer.fire()
    else timer.arm()
  }
})
