import type { Id } from '#lib/index.ts'
import type { Lease } from '#platform/words/index.ts'
import type { ResourceRegistry } from './registry.ts'

/**
 * Leases taken together, as a thing that a call's `AsyncDisposableStack` carries: disposed, they are released with
 * `reason`. `stack.move()` carries them on without releasing.
 */
export class LeaseHold implements Disposable, AsyncDisposable {
  readonly leases: readonly Lease[]
  /** What is written as the reason when the stack releases it. */
  reason = 'ended'
  readonly #registry: ResourceRegistry

  constructor(registry: ResourceRegistry, leases: readonly Lease[]) {
    this.#registry = registry
    this.leases = leases
  }

  get ids(): Id<'lse'>[] {
    return this.leases.map((lease) => lease.id)
  }

  /** From now on it is billable. */
  answered(): void {
    this.#registry.answered(this.ids)
  }

  release(reason: string = this.reason): void {
    this.#registry.release(this.ids, reason)
  }

  [Symbol.dispose](): void {
    this.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
  }
}
