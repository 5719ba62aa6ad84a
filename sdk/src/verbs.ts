import type { Duplex } from 'node:stream'
import { placeless } from '#lib/index.ts'
import { CallGone, type VerbError, verbError } from './error.ts'

/** What a call needs of the agent that has it. */
export interface Commander {
  command(method: string, params: object): Promise<unknown>
  /** Opens the audio socket of this name. */
  audio(socket: string): Duplex
}

/** The verbs of one call that are being carried out. */
export class Verbs {
  readonly #commander: Commander
  readonly #pending = new Set<(reason: unknown) => void>()
  #gone = false

  constructor(commander: Commander) {
    this.#commander = commander
  }

  /** Whether one has been told that the call is over, which may be a moment before the call is. */
  get gone(): boolean {
    return this.#gone
  }

  /** Resolves with the verb's result; what it rejects with leads to where it was `asked` for. */
  send(method: string, params: object, asked: Error): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const done = (result: unknown) => {
        if (this.#pending.delete(fail)) resolve(result)
      }
      const fail = (reason: unknown) => {
        if (!this.#pending.delete(fail)) return
        const error = verbError(reason, asked)
        this.#gone ||= error instanceof CallGone
        reject(error)
      }
      this.#pending.add(fail)
      this.#commander.command(method, params).then(done, fail)
    })
  }

  /** Whatever is still being carried out has come to nothing. */
  end(why: () => VerbError): void {
    for (const fail of this.#pending) fail(placeless(why))
  }
}
