import { setTimeout as delay } from 'node:timers/promises'
import { CliError, Unreachable } from './error.ts'

const PAUSE_MS = 200

/** `--wait [seconds]`, as commander has it behind `whole('--wait')`. */
export interface WaitOption {
  wait?: true | number
}

/** Seconds to wait: none where it was not asked for, `unless` where nobody has said how many. */
export function secondsOf({ wait }: WaitOption, unless: number): number {
  if (wait === undefined) return 0
  return wait === true ? unless : wait
}

export interface Wanted<T> {
  /** What is waited for, as `Waited 5 s for …` goes on. */
  what: string
  ask: () => Promise<T>
  holds: (answer: T) => boolean
  /** Why it is not so yet, for whoever has waited in vain. */
  why?: (answer: T) => string | null | undefined
  /** Why it will never be so, and need not be waited for any longer. */
  never?: (answer: T) => string | null
  /** A platform that does not answer yet, or is not ready to, is waited for, too. */
  fromNothing?: boolean
}

/** Asks again and again until it holds; answers the last answer. Rejects after `seconds`. */
export async function waitFor<T>(seconds: number, { what, ask, holds, why, never, fromNothing = false }: Wanted<T>): Promise<T> {
  const deadline = performance.now() + seconds * 1000
  for (let last = ''; ; ) {
    try {
      const answer = await ask()
      if (holds(answer)) return answer
      const hopeless = never?.(answer)
      if (hopeless) throw new CliError(hopeless)
      last = why?.(answer) ?? ''
    } catch (error) {
      if (!fromNothing || !(error instanceof Unreachable)) throw error
      last = error.message
    }
    if (performance.now() > deadline)
      throw new CliError(`Waited ${seconds} s for ${what}${last && `: ${last}`}.`.replace('..', '.'))
    await delay(PAUSE_MS)
  }
}
