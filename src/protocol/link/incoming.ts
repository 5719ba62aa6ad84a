import type { CallContext, LinkTypes } from './contract.ts'
import type { Link } from './link.ts'

/** A call that is being answered. The signal is made on first use: most handlers never ask for it. */
export class Incoming<T extends LinkTypes> implements CallContext<T> {
  readonly link: Link<T>
  #controller: AbortController | null = null
  #reason: unknown

  constructor(link: Link<T>) {
    this.link = link
  }

  get signal(): AbortSignal {
    if (this.#controller) return this.#controller.signal
    this.#controller = new AbortController()
    if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    this.#reason ??= reason
    this.#controller?.abort(reason)
  }
}
