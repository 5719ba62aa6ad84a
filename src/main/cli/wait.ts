import { setTimeout as delay } from 'node:timers/promises'
import { CliError } from './error.ts'

const PAUSE_MS = 200

/** Asks again and again until it holds; answers the last answer. Rejects after `seconds`. */
export async function waitFor<T>(
  what: string,
  seconds: number,
  ask: () => Promise<T>,
  holds: (answer: T) => boolean,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000
  for (;;) {
    const answer = await ask()
    if (holds(answer)) return answer
    if (performance.now() > deadline) throw new CliError(`Waited ${seconds} s for ${what}.`)
    await delay(PAUSE_MS)
  }
}
