import { open } from 'node:fs/promises'
import { TielineError } from '#lib/index.ts'
import type { PromptSource } from '#platform/words/index.ts'
import { decodeG711, readWav, toneCycle } from '#protocol/audio/index.ts'
import type { Speech } from './speech.ts'

/** Sound ready to be played: `samples` of `pcm`, which begins again when it is shorter. 8 kHz. */
export interface Prompt {
  pcm: Int16Array
  samples: number
}

/** The largest file that is played: ten minutes of CD sound. */
const LARGEST_FILE = 110 << 20

/** Samples of a list in all: half an hour. */
const LONGEST_LIST = 1800 * 8000

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

/** Makes a prompt of what it is made of; `loop` 0 is without end, `offsetMs` are left out of its beginning. Null when the signal aborts; rejects with TielineError. */
export async function preparePrompt(
  source: PromptSource,
  speech: Speech,
  signal: AbortSignal,
  { loop = 1, offsetMs = 0 }: { loop?: number | undefined; offsetMs?: number | undefined } = {},
): Promise<Prompt | null> {
  try {
    const prompt = from(await make(source, speech, signal, loop === 0 ? Number.POSITIVE_INFINITY : loop), offsetMs * 8)
    return signal.aborted ? null : prompt
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
}

/** The prompt without its first `skipped` samples; where it begins again, it does so whole. */
function from({ pcm, samples }: Prompt, skipped: number): Prompt {
  if (skipped === 0 || pcm.length === 0) return { pcm, samples }
  const start = skipped % pcm.length
  const turned = new Int16Array(pcm.length)
  turned.set(pcm.subarray(start))
  turned.set(pcm.subarray(0, start), pcm.length - start)
  return { pcm: turned, samples: Math.max(0, samples - skipped) }
}

async function make(source: PromptSource, speech: Speech, signal: AbortSignal, times: number): Promise<Prompt> {
  if ('tone' in source) {
    return { pcm: toneCycle(source.tone), samples: Math.round(Math.max(0, source.totalMs) * 8) * times }
  }
  const pcm = await soundOf(source, speech, signal)
  return { pcm, samples: pcm.length === 0 ? 0 : pcm.length * times }
}

async function soundOf(
  source: Exclude<PromptSource, { tone: unknown }>,
  speech: Speech,
  signal: AbortSignal,
): Promise<Int16Array> {
  if ('say' in source) return speech.say(source, signal)
  if ('file' in source) return readSound(source.file)
  const parts: Int16Array[] = []
  for (const item of source.list) {
    const { pcm, samples } = await make(item, speech, signal, 1)
    if (parts.reduce((sum, { length }) => sum + length, samples) > LONGEST_LIST) throw unplayable('the list is too long')
    parts.push(samples === pcm.length ? pcm : Int16Array.from({ length: samples }, (_, i) => pcm[i % pcm.length]!))
  }
  return joined(parts)
}

/** A file's sound. Raw files have no header: their name says what they hold. */
async function readSound(path: string): Promise<Int16Array> {
  const bytes = await readFileBounded(path)
  if (/\.(ulaw|ul)$/i.test(path)) return decodeG711(bytes, 'PCMU')
  if (/\.(alaw|al)$/i.test(path)) return decodeG711(bytes, 'PCMA')
  if (!/\.(sln|raw)$/i.test(path)) return readWav(bytes)
  return Int16Array.from({ length: bytes.length >> 1 }, (_, i) => bytes.readInt16LE(2 * i))
}

function joined(parts: Int16Array[]): Int16Array {
  const whole = new Int16Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
