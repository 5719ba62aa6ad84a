import { writeSync } from 'node:fs'
import { inspect } from 'node:util'
import koffi, { type node } from 'koffi'

/** libuv's own arguments; koffi's types leave the status out. */
type OnPoll = (status: number) => void

/**
 * Calls `read` in each turn of the event loop in which there is something to be read, until it is closed. libuv watches a
 * descriptor for one handle alone: `fd` must be none that Node watches, but may be a duplicate of it.
 */
export class Readable {
  readonly #poll: node.PollHandle
  #closed = false

  /** Promises go on when `read` calls {@link settle}, not by themselves. What it throws ends the process, as nobody can catch it. */
  constructor(fd: number, read: () => void) {
    const onPoll: OnPoll = (status) => {
      try {
        read()
      } catch (error) {
        writeSync(2, `${inspect(error)}\n`)
        process.exit(1)
      }
      // A descriptor that has an error is looked at no longer, though reading has taken it away.
      if (status < 0 && !this.#closed) this.#poll.start(onPoll as never)
    }
    this.#poll = koffi.node.poll(fd, onPoll as never)
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true
    this.#poll.close()
  }
}

const { _tickCallback: runTicks } = process as unknown as { _tickCallback(): void }

/** Does what promises and ticks wait to do, as Node does after each callback of its own. Throws what a tick throws. */
export function settle(): void {
  runTicks()
}
