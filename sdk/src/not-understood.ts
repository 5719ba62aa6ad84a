import { VerbError } from './error.ts'

/** Characters of a transcript; more is none of what one person says in one go. */
export const LONGEST_TRANSCRIPT = 20_000

/** Samples that are sent to be understood: two minutes. */
export const LONGEST_SOUND = 120 * 8000

/** How a recognition fails that a server was asked for. */
export function notUnderstood(why: string, cause?: unknown): VerbError {
  return new VerbError(`Nothing was understood: ${why}.`, 'recognition-failed', true, { cause })
}
