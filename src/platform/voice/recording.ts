import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { TielineError } from '#lib/index.ts'
import type { VoiceMethods } from '#platform/words/index.ts'
import { level, toneCycle, WavWriter } from '#protocol/audio/index.ts'
import type { Session } from './session.ts'

type RecordParams = VoiceMethods['record']['params']
type RecordResult = VoiceMethods['record']['result']
type RecordEnd = RecordResult['reason']

/** RMS below which there is silence: about −44 dBFS, above line noise, below a whisper. */
const SILENCE_LEVEL = 200

/** Silence is judged in pieces of this many samples. */
const PIECE = 160

const BEEP = { tone: [{ frequencies: [1000], onMs: 1000, offMs: 0 }], ms: 250 }

/** Says when a recording is over, by what has been recorded. Pure: time is counted in samples. */
export class RecordingLimit {
  readonly #maxSamples: number
  readonly #silenceSamples: number
  #samples = 0
  #silent = 0

  /** `silenceMs` 0 means that silence never ends it. */
  constructor(maxMs: number, silenceMs: number) {
    this.#maxSamples = maxMs * 8
    this.#silenceSamples = silenceMs * 8
  }

  /** Takes the next sound; how much of it belongs to the recording, and why that is the end, if it is. */
  take(pcm: Int16Array): { keep: number; end: 'max' | 'silence' | null } {
    for (let at = 0; at < pcm.length; at += PIECE) {
      const piece = pcm.subarray(at, at + PIECE)
      if (this.#samples + piece.length >= this.#maxSamples) return { keep: at + this.#maxSamples - this.#samples, end: 'max' }
      this.#samples += piece.length
      this.#silent = level(piece) < SILENCE_LEVEL ? this.#silent + piece.length : 0
      if (this.#silenceSamples > 0 && this.#silent >= this.#silenceSamples) return { keep: at + piece.length, end: 'silence' }
    }
    return { keep: pcm.length, end: null }
  }
}

function failed(cause: unknown): TielineError {
  return new TielineError(
    'The recording could not be written.',
    { code: 'recording-failed', fault: 'system', retry: true, http: 507 },
    { cause: (cause as NodeJS.ErrnoException).code ?? 'unknown' },
    { cause },
  )
}

/** Opens the file, beeps, records until something ends it. Rejects with TielineError `recording-failed`. */
export async function record(session: Session, params: RecordParams, stop: AbortSignal): Promise<RecordResult> {
  const { file, beep } = params
  await using writer = await create(file)
  let reason: RecordEnd | null = endOf(stop)
  if (!reason && beep) {
    const tone = session.play({ pcm: toneCycle(BEEP.tone), samples: BEEP.ms * 8 })
    stop.addEventListener('abort', tone.stop, { once: true })
    await tone.done
    reason = endOf(stop)
  }
  reason ??= await listen(session, params, stop, writer)
  try {
    await writer.close()
  } catch (error) {
    throw failed(error)
  }
  return { file, durationMs: Math.round(writer.samples / 8), bytes: writer.bytes, reason }
}

async function create(file: string): Promise<WavWriter> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o750 })
    return await WavWriter.create(file)
  } catch (error) {
    throw failed(error)
  }
}

function endOf(stop: AbortSignal): 'stopped' | 'gone' | null {
  if (!stop.aborted) return null
  return stop.reason === 'gone' ? 'gone' : 'stopped'
}

/** Writes what is heard until the end, and says what the end was. */
async function listen(session: Session, params: RecordParams, stop: AbortSignal, writer: WavWriter): Promise<RecordEnd> {
  const limit = new RecordingLimit(params.maxMs, params.silenceMs)
  const { promise, resolve } = Promise.withResolvers<void>()
  let reason: RecordEnd | null = null
  const recording = session.record((pcm, last) => {
    if (reason !== 'max' && reason !== 'silence' && pcm.length > 0) {
      const { keep, end } = limit.take(pcm)
      writer.write(pcm.subarray(0, keep))
      if (end || writer.failed) finish(end ?? 'max')
    }
    if (last) resolve()
  })
  const finish = (why: RecordEnd) => {
    if (reason) return
    reason = why
    recording.stop()
  }
  const digits = {
    started: () => {},
    ended: (digit: string) => {
      if (params.finishKey?.includes(digit)) finish('finish-key')
    },
  }
  const onStop = () => finish(endOf(stop) ?? 'stopped')
  session.digits.add(digits)
  stop.addEventListener('abort', onStop, { once: true })
  try {
    await promise
  } finally {
    session.digits.delete(digits)
    stop.removeEventListener('abort', onStop)
  }
  return reason ?? 'gone'
}
