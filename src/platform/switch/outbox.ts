/** What has to leave, and through which socket. */
interface Letter {
  send(): void
}

/**
 * Holds back what a turn of the event loop wants to send until the journal has been written: whatever a far end learns
 * from us, a restarted switch knows too (DESIGN §5). One `write` a turn serves all of the turn's messages.
 */
export class Outbox {
  /** Datagrams that found no room to wait for their socket in. */
  dropped = 0
  readonly #flush: () => void
  #letters: Letter[] = []
  /** The end of this turn will come. */
  #scheduled = false
  readonly #atEnd = () => this.deliver()

  constructor(options: { flush(): void }) {
    this.#flush = options.flush
  }

  /** Sends at the end of this turn, after the journal's write. */
  post(letter: Letter): void {
    this.#letters.push(letter)
    this.wake()
  }

  /** Whoever says this says when the turn ends, too: by {@link deliver}, before the loop goes on. */
  begin(): void {
    this.#scheduled = true
  }

  /** Something was appended: this turn ends with a write, also where nothing leaves. */
  wake(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#atEnd)
  }

  /** The end of the turn; of one that nobody has begun, early only by a process that stops. */
  deliver(): void {
    this.#scheduled = false
    this.#flush()
    const letters = this.#letters
    this.#letters = []
    for (const letter of letters) letter.send()
  }
}
