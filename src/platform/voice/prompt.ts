import type { TielineError } from '#lib/index.ts'
import type { PromptSource } from '#platform/words/index.ts'
import { toneCycle } from '#protocol/audio/index.ts'
import { unreadable } from '#protocol/soundfile/index.ts'
import { type Sounding, sharedSound } from './sounding.ts'
import type { Sounds } from './sounds.ts'
import type { SpeechEngine } from './speech-engine.ts'

/** Sound ready to be played. To be disposed of once it was. */
export interface Prompt extends Disposable {
  readonly sounding: Sounding
  /** Why it has ended before its end. */
  readonly failure: TielineError | null
}

/** What prompts are made with. */
export interface PromptMakers {
  speech: SpeechEngine
  sounds: Sounds
}

/** Samples of a list in all: half an hour. */
const LONGEST_LIST = 1800 * 8000

/** Makes a prompt of what it is made of; `loop` 0 is without end, `offsetMs` are left out of its beginning. Null when the signal aborts; rejects with TielineError. */
export async function preparePrompt(
  source: PromptSource,
  makers: PromptMakers,
  signal: AbortSignal,
  { loop = 1, offsetMs = 0 }: { loop?: number | undefined; offsetMs?: number | undefined } = {},
): Promise<Prompt | null> {
  try {
    const prompt = await make(source, makers, signal, loop === 0 ? Number.POSITIVE_INFINITY : loop, offsetMs * 8)
    if (!signal.aborted) return prompt
    prompt[Symbol.dispose]()
    return null
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
}

/** `times` rounds of it, of which the first begins at `from`. */
async function make(
  source: PromptSource,
  makers: PromptMakers,
  signal: AbortSignal,
  times: number,
  from: number,
): Promise<Prompt> {
  if ('file' in source) return makers.sounds.open(source.file, times, from)
  if ('tone' in source) {
    const pcm = toneCycle(source.tone)
    return ready(pcm, Math.round(Math.max(0, source.totalMs) * 8) * times - from, from)
  }
  const pcm = 'say' in source ? await said(source, makers, signal) : await listed(source.list, makers, signal)
  return ready(pcm, pcm.length === 0 ? 0 : pcm.length * times - from, from)
}

/** What is there already. */
function ready(pcm: Int16Array, samples: number, from: number): Prompt {
  const start = pcm.length === 0 ? 0 : from % pcm.length
  return { sounding: { pcm, samples: Math.max(0, samples), start }, failure: null, [Symbol.dispose]: () => {} }
}

async function said(
  { say, ...how }: Extract<PromptSource, { say: string }>,
  { speech }: PromptMakers,
  signal: AbortSignal,
): Promise<Int16Array> {
  return joined(await Array.fromAsync(speech.speak({ ...how, text: say }, signal)))
}

/** One after the other, as one piece. */
async function listed(list: PromptSource[], makers: PromptMakers, signal: AbortSignal): Promise<Int16Array> {
  const parts: Int16Array[] = []
  let left = LONGEST_LIST
  for (const item of list) {
    const part = await itemOf(item, makers, signal, left)
    left -= part.length
    if (left < 0) throw unreadable('the list is too long')
    parts.push(part)
  }
  return joined(parts)
}

function joined(parts: Int16Array[]): Int16Array {
  if (parts.length === 1) return parts[0]!
  const { pcm } = sharedSound(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    pcm.set(part, at)
    at += part.length
  }
  return pcm
}

async function itemOf(item: PromptSource, makers: PromptMakers, signal: AbortSignal, most: number): Promise<Int16Array> {
  if ('file' in item) return makers.sounds.whole(item.file, most)
  if ('say' in item) return said(item, makers, signal)
  if ('list' in item) return listed(item.list, makers, signal)
  const cycle = toneCycle(item.tone)
  const samples = Math.round(Math.max(0, item.totalMs) * 8)
  if (samples > most) throw unreadable('the list is too long')
  return Int16Array.from({ length: cycle.length === 0 ? 0 : samples }, (_, i) => cycle[i % cycle.length]!)
}
