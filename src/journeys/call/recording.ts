import { type Id, newId, TielineError } from '#lib/index.ts'
import type { LegMedia } from '#platform/switch/index.ts'
import type { VerbMethods } from '#platform/words/index.ts'
import type { Call } from './call.ts'

/** Ms that voice has, after the end of a call, to say how a recording ended. */
const LAST_WORD_MS = 2000

export interface RecordingOptions {
  media: LegMedia
  /** The other side of the call, when both are recorded. */
  other?: LegMedia
  channels: 1 | 2
  maxSeconds?: number | undefined
  silenceSeconds?: number | undefined
  finishKey?: string | undefined
  beep: boolean
}

export interface Recorded {
  recording: Id<'rec'>
  durationSeconds: number
  reason: string
}

/**
 * A recording that is being made. However it ends, `recording.ended` or `recording.failed` says so, before the call's last
 * event (PITFALLS M12); a failure is nobody's but the recording's.
 */
export class CallRecording {
  readonly id = newId('rec')
  readonly verb = newId('verb')
  /** Rejects with `recording-failed`. */
  readonly done: Promise<Recorded>
  readonly #call: Call
  readonly #media: LegMedia

  constructor(call: Call, options: RecordingOptions) {
    this.#call = call
    this.#media = options.media
    call.event('recording.started', { data: { recording: this.id } })
    call.recordings = [...call.recordings, this]
    this.done = this.#run(options).finally(() => {
      call.recordings = call.recordings.filter((other) => other !== this)
    })
    call.awaitBeforeEnd(this.done, LAST_WORD_MS)
  }

  stop(): void {
    this.#media.endpoint.stop(this.verb)
  }

  async pause(paused: boolean): Promise<void> {
    await this.#media.endpoint.pauseRecord(this.verb, paused)
  }

  async #run(options: RecordingOptions): Promise<Recorded> {
    try {
      const { durationMs, reason } = await this.#media.endpoint.record(this.#params(options))
      const recorded = { recording: this.id, durationSeconds: durationMs / 1000, reason }
      this.#call.event('recording.ended', { data: recorded })
      return recorded
    } catch (error) {
      const known = error instanceof TielineError
      this.#call.log.warn({ err: error, recording: this.id }, 'a recording has failed')
      const why = known && error.details.cause !== undefined ? String(error.details.cause) : known ? error.verdict.code : 'fault'
      this.#call.event('recording.failed', { data: { recording: this.id, why } })
      throw new TielineError(
        'the recording could not be made',
        { code: 'recording-failed', fault: 'system', retry: true, http: 507 },
        { recording: this.id, why },
        { cause: error },
      )
    }
  }

  #params({ other, channels, maxSeconds, silenceSeconds, finishKey, beep }: RecordingOptions) {
    const call = this.#call
    const startedAt = call.x.instantText(call.now().wall)
    const place = call.x.recordings.place({ id: this.id, subscriber: call.subscriber.id, call: call.id, startedAt, channels })
    return {
      verb: this.verb,
      ...place,
      ...(other ? { other: other.endpoint.id } : {}),
      maxMs: (maxSeconds ?? 3600) * 1000,
      silenceMs: (silenceSeconds ?? 0) * 1000,
      ...(finishKey ? { finishKey } : {}),
      beep,
    }
  }
}

/** Leaves out what is heard from now on, or takes it in again, in every recording of the call. */
export async function pauseRecordings(call: Call, { paused }: VerbMethods['call.pauseRecording']['params']): Promise<null> {
  await Promise.all(call.recordings.map((recording) => recording.pause(paused)))
  return null
}
