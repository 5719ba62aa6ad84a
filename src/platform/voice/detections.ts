import type { Id } from '#lib/index.ts'
import type { VoiceMethods } from '#platform/words/index.ts'
import type { Found } from './command.ts'

type Result = VoiceMethods['detect']['result']

interface Kept {
  found: Found[]
  /** Whoever asked last. */
  tell: (found: Found) => void
  done: Promise<Result>
}

/** How many ends are kept that nobody has heard of; more were of switches that never came back. */
const MOST_UNHEARD = 1000

/**
 * What is listened for, by verb. Who asks again for one that goes on, or that has ended unheard, is told all that was found, and
 * waits for its end as whoever asked first.
 */
export class Detections {
  readonly #kept = new Map<Id<'verb'>, Kept>()
  /** Those of them whose end nobody has heard of, the oldest first. What goes on is never forgotten. */
  readonly #unheard = new Set<Id<'verb'>>()

  /** `begin` is called where the verb is new. `signal` aborts when whoever asks is gone. */
  async listen(
    verb: Id<'verb'>,
    { tell, signal }: { tell(found: Found): void; signal: AbortSignal | undefined },
    begin: (found: (found: Found) => void) => Promise<Result>,
  ): Promise<Result> {
    let kept = this.#kept.get(verb)
    if (kept) {
      kept.tell = tell
      for (const found of kept.found) tell(found)
    } else kept = this.#begin(verb, tell, begin)
    try {
      return await kept.done
    } finally {
      if (!signal?.aborted) this.#forget(verb)
      else if (this.#kept.has(verb)) this.#keep(verb)
    }
  }

  #begin(verb: Id<'verb'>, tell: Kept['tell'], begin: (found: (found: Found) => void) => Promise<Result>): Kept {
    const kept: Kept = { found: [], tell, done: Promise.resolve({ reason: 'gone' as const }) }
    this.#kept.set(verb, kept)
    kept.done = begin((found) => {
      kept.found.push(found)
      kept.tell(found)
    })
    return kept
  }

  #keep(verb: Id<'verb'>): void {
    this.#unheard.add(verb)
    const [oldest] = this.#unheard
    if (this.#unheard.size > MOST_UNHEARD && oldest) this.#forget(oldest)
  }

  #forget(verb: Id<'verb'>): void {
    this.#kept.delete(verb)
    this.#unheard.delete(verb)
  }
}
