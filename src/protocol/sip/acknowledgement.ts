type Body = { body: Uint8Array }

/** Whether the ACK of a 2xx of ours has come; a promise of it is made for whoever asks, and few do. The first word counts. */
export class Acknowledgement {
  #promised: PromiseWithResolvers<Body> | null = null
  #word: Uint8Array | Error | null = null

  get awaited(): Promise<Body> {
    if (!this.#promised) {
      this.#promised = Promise.withResolvers<Body>()
      // Nobody has to await it: that none will come must not become an unhandled rejection.
      this.#promised.promise.catch(() => {})
      this.#tell()
    }
    return this.#promised.promise
  }

  /** What the ACK said, once it has come. */
  get body(): Uint8Array | null {
    return this.#word instanceof Uint8Array ? this.#word : null
  }

  comes(body: Uint8Array): void {
    this.#word ??= body
    this.#tell()
  }

  fails(failure: Error): void {
    this.#word ??= failure
    this.#tell()
  }

  #tell(): void {
    if (this.#word instanceof Error) this.#promised?.reject(this.#word)
    else if (this.#word) this.#promised?.resolve({ body: this.#word })
  }
}
