import { closeSync, existsSync, fchmodSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'

/**
 * A file for a secret that is told once, mode 0600. It is opened before the secret is made, so that a place where nothing
 * can be written is found out in time; what was in it stays until {@link write}. Throws what the system says.
 */
export class SecretFile implements Disposable {
  readonly #path: string
  readonly #descriptor: number
  /** Whether it is ours to take away again, while nothing stands in it. */
  #made: boolean

  constructor(path: string) {
    this.#path = path
    this.#made = !existsSync(path)
    this.#descriptor = openSync(path, 'a', 0o600)
  }

  write(text: string): void {
    fchmodSync(this.#descriptor, 0o600)
    ftruncateSync(this.#descriptor)
    this.#made = false
    writeSync(this.#descriptor, text)
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor)
    if (this.#made) rmSync(this.#path, { force: true })
  }
}
