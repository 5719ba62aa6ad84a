import { open } from 'node:fs/promises'
import { TielineError } from '#lib/index.ts'
import type { PromptSource } from '#platform/words/index.ts'
import { readWav, toneCycle } from '#protocol/audio/index.ts'
import type { Speech } from './speech.ts'

/** Sound ready to be played: `samples` of `pcm`, which begins again when it is shorter. 8 kHz. */
export interface Prompt {
  pcm: Int16Array
  samples: number
}

/** The largest file that is played: ten minutes of CD sound. */
const LARGEST_FILE = 110 << 20

async function readFileBounded(path: string): Promise<Buffer> {
  try {
    await using file = await open(path, 'r')
    const { size } = await file.stat()
    if (size > LARGEST_FILE) throw unplayable('it is too large')
    return await file.readFile()
  } catch (error) {
    if (error instanceof TielineError) throw error
    throw unplayable('it can not be read', error)
  }
}

function unplayable(why: string, cause?: unknown): TielineError {
  return new TielineError(
    `The sound file can't be played: ${why}.`,
    { code: 'invalid-sound', fault: 'subscriber', retry: false, http: 422 },
    {},
    { cause },
  )
}

/** Makes a prompt of what it is made of; `loop` 0 is without end. Null when the signal aborts; rejects with TielineError. */
export async function preparePrompt(source: PromptSource, speech: Speech, signal: AbortSignal, loop = 1): Promise<Prompt | null> {
  try {
    const prompt = await make(source, speech, signal, loop === 0 ? Number.POSITIVE_INFINITY : loop)
    return signal.aborted ? null : prompt
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
}

async function make(source: PromptSource, speech: Speech, signal: AbortSignal, times: number): Promise<Prompt> {
  if ('tone' in source) {
    return { pcm: toneCycle(source.tone), samples: Math.round(Math.max(0, source.totalMs) * 8) * times }
  }
  const pcm = 'file' in source ? readWav(await readFileBounded(source.file)) : await speech.say(source, signal)
  return { pcm, samples: pcm.length === 0 ? 0 : pcm.length * times }
}
