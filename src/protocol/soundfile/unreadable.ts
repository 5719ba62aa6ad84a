import { TielineError } from '#lib/index.ts'

/** What a sound file is told that can not be what it says, or is more than is played. */
export function unreadable(why: string, cause?: unknown): TielineError {
  return new TielineError(
    `The sound file can't be played: ${why}.`,
    { code: 'invalid-sound', fault: 'subscriber', retry: false, http: 422 },
    {},
    { cause },
  )
}
