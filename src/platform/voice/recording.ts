import { TielineError } from '#lib/index.ts'
import type { RecordingHeader, VoiceMethods } from '#platform/words/index.ts'
import { toneCycle } from '#protocol/audio/index.ts'
import { RecordingLimit } from './recording-limit.ts'
import type { Session } from './session.ts'
import { Sides } from './sides.ts'

type RecordParams = VoiceMethods['record']['params']
type RecordResult = VoiceMethods['record']['result']
type RecordEnd = RecordResult['reason']

/** Where recorded sound goes. `close` rejects with the first thing that went wrong. */
export interface SoundFile extends AsyncDisposable {
  readonly samples: number
  readonly bytes: number
  readonly failed: boolean
  write(pcm: Int16Array): void
  close(): Promise<void>
}

/** Makes the file of a recording; rejects when it can't. */
export type CreateSoundFile = (file: string, key: Buffer, header: RecordingHeader) => Promise<SoundFile>

const BEEP = { tone: [{ frequencies: [1000], onMs: 1000, offMs: 0 }], ms: 250 }

function failed(cause: unknown): TielineError {
  return new TielineError(
    'The recording could not be written.',
    { code: 'recording-failed', fault: 'system', retry: true, http: 507 },
    { cause: (cause as NodeJS.ErrnoException).code ?? 'unknown' },
    { cause },
  )
}

export interface RecordSides {
  session: Session
  /** The other side, when both are recorded. */
  other: Session | undefined
  /** Told, once it listens, how what is heard is left out and taken in again. */
  pausable(pause: (paused: boolean) => void): void
}

/** Opens the file, beeps, records until something ends it. Rejects with TielineError `recording-failed`. */
export async function record(
  sides: RecordSides,
  params: RecordParams,
  stop: AbortSignal,
  create: CreateSoundFile,
): Promise<RecordResult> {
  const { file, key, header, beep } = params
  await using writer = await create(file, Buffer.from(key, 'base64'), header).catch((error: unknown) => {
    throw failed(error)
  })
  let reason: RecordEnd | null = endOf(stop)
  if (!reason && beep) {
    const tone = sides.session.play({ pcm: toneCycle(BEEP.tone), samples: BEEP.ms * 8 })
    stop.addEventListener('abort', tone.stop, { once: true })
    await tone.done
    reason = endOf(stop)
  }
  reason ??= await listen(sides, params, stop, writer)
  try {
    await writer.close()
  } catch (error) {
    throw failed(error)
  }
  return { file, durationMs: Math.round(writer.samples / 8), bytes: writer.bytes, reason }
}

function endOf(stop: AbortSignal): 'stopped' | 'gone' | null {
  if (!stop.aborted) return null
  return stop.reason === 'gone' ? 'gone' : 'stopped'
}

/** Writes what is heard until the end, and says what the end was. When one side is gone, both are over. */
async function listen(
  { session, other, pausable }: RecordSides,
  params: RecordParams,
  stop: AbortSignal,
  writer: SoundFile,
): Promise<RecordEnd> {
  const { channels } = params.header
  const limit = new RecordingLimit(params.maxMs, params.silenceMs, channels)
  const sessions = other ? [session, other] : [session]
  const sides = new Sides(sessions.length, channels)
  const { promise, resolve } = Promise.withResolvers<void>()
  let reason: RecordEnd | null = null
  let going = sessions.length
  const finish = (why: RecordEnd) => {
    if (reason) return
    reason = why
    for (const recording of recordings) recording.stop()
  }
  const take = (pcm: Int16Array) => {
    if (pcm.length === 0 || reason === 'max' || reason === 'silence') return
    const { keep, end } = limit.take(pcm)
    writer.write(pcm.subarray(0, keep))
    if (end || writer.failed) finish(end ?? 'max')
  }
  const recordings = sessions.map((one, side) =>
    one.record((pcm, last) => {
      sides.push(side, pcm)
      if (last) going--
      take(sides.pull(going === 0))
      if (last) finish('gone')
      if (going === 0) resolve()
    }),
  )
  pausable((paused) => {
    for (const recording of recordings) recording.pause(paused)
  })
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
