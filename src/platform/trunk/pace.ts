import type { TrunkConfig } from '#platform/words/index.ts'

/** How many calls out may begin on each trunk: a bucket that fills by the second and holds one second's worth. */
export class CallPace {
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  /** Whether one more may begin now; `now` in monotonic ms. */
  take({ id, callsPerSecond }: Pick<TrunkConfig, 'id' | 'callsPerSecond'>, now: number): boolean {
    if (callsPerSecond === undefined) return true
    const bucket = this.#buckets.get(id) ?? { tokens: callsPerSecond, at: now }
    bucket.tokens = Math.min(callsPerSecond, bucket.tokens + ((now - bucket.at) * callsPerSecond) / 1000)
    bucket.at = now
    this.#buckets.set(id, bucket)
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }
}
