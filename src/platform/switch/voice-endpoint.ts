import { type Id, TielineError } from '#lib/index.ts'
import type {
  Detection,
  EndpointDescription,
  IpFamily,
  MediaStats,
  Realm,
  ToneWay,
  VoiceMethods,
  VoiceNotifications,
} from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import { LinkLost } from '#protocol/link/index.ts'
import type { VoicePool } from './voice.ts'

type Params<M extends keyof VoiceMethods> = VoiceMethods[M]['params']
type Result<M extends keyof VoiceMethods> = VoiceMethods[M]['result']

/** Ms that voice may take for what it does at once. */
export const AT_ONCE_MS = 2000

/** What says how an endpoint is to be: voice may be told twice where it is not known whether it has heard. */
const TWICE: ReadonlySet<keyof VoiceMethods> = new Set(
  (['describe', 'join', 'move', 'part', 'watch', 'tones'] as const).map((name) => `endpoint.${name}` as const),
)

/** No voice process could serve. */
export class VoiceUnavailable extends TielineError {
  constructor(cause: unknown) {
    super(
      'voice processing cannot be had',
      { code: 'voice-unavailable', fault: 'system', retry: true, http: 503, sip: 500, q850: 41 },
      {},
      { cause },
    )
    this.name = 'VoiceUnavailable'
  }
}

/** All that is needed to find an endpoint again after a restart. */
export interface EndpointSnapshot {
  id: Id<'med'>
  voice: number
  address: string
  port: number
}

/**
 * One end of audio, in a voice process. `close` may be called at any time and more than once. Where its process dies it is
 * `lost`, and may be opened anew elsewhere: then it has another id and another port, and nothing that it was told.
 */
export class VoiceEndpoint {
  readonly subscriber: Id<'sub'>
  #snapshot: EndpointSnapshot
  #lost = false
  #watchMs = 0
  /** What becomes of the tones of its far end; null where that is not known: a former process has said it, or voice may not have heard. */
  tonesAre: ToneWay | null = 'heard'
  #tonesToBe: ToneWay = 'heard'
  onPressed: ((digit: string) => void) | undefined
  onDigit: ((digit: string) => void) | undefined
  /** Its far end speaks another codec than what was agreed on first. */
  onCodec: ((codec: CodecName) => void) | undefined
  /** What a gather has understood so far. */
  onPartial: ((text: string) => void) | undefined
  onMedia: ((state: 'silent' | 'flowing', silentMs: number) => void) | undefined
  onProgress: ((progress: VoiceNotifications['progress']) => void) | undefined
  onAnswered: ((verdict: VoiceNotifications['answered']) => void) | undefined
  onSpeaking: ((speaking: boolean) => void) | undefined
  /** Voice has lost it: its process died, so many ms ago. */
  onLost: ((agoMs: number) => void) | undefined
  readonly #pool: VoicePool
  #call: Id<'call'>
  #closed: Promise<MediaStats | null> | null = null

  constructor(pool: VoicePool, call: Id<'call'>, subscriber: Id<'sub'>, snapshot: EndpointSnapshot) {
    this.#pool = pool
    this.#call = call
    this.subscriber = subscriber
    this.#snapshot = snapshot
  }

  get snapshot(): EndpointSnapshot {
    return this.#snapshot
  }

  get call(): Id<'call'> {
    return this.#call
  }

  get id(): Id<'med'> {
    return this.snapshot.id
  }

  /** Whether no process has it. */
  get lost(): boolean {
    return this.#lost
  }

  /** Its process is gone, with all that was going on there. */
  lose(agoMs: number): void {
    this.#lost = true
    this.onLost?.(agoMs)
  }

  /** Opens it in another process, or in the one that has taken the place of its own. @throws VoiceUnavailable */
  async reopen(realm: Realm, family?: IpFamily): Promise<void> {
    const snapshot = await this.#pool.reopen(this, realm, family)
    this.#snapshot = snapshot
    this.#lost = false
    if (this.#closed) {
      this.#closed = null
      await this.close()
      throw new VoiceUnavailable('the endpoint was closed while it was opened')
    }
    if (this.#watchMs > 0) await this.watch(this.#watchMs)
    this.tonesAre = 'heard'
    await this.tones(this.#tonesToBe)
  }

  async describe(description: EndpointDescription): Promise<void> {
    await this.#ask('endpoint.describe', { endpoint: this.id, description })
  }

  async join(other: VoiceEndpoint): Promise<void> {
    await this.#ask('endpoint.join', { a: this.id, b: other.id })
  }

  /** It belongs to another call of its subscriber from now on; voice has it before whatever is asked next. */
  async move(call: Id<'call'>): Promise<void> {
    this.#call = call
    await this.#ask('endpoint.move', { endpoint: this.id, call })
  }

  async part(): Promise<void> {
    await this.#ask('endpoint.part', { endpoint: this.id })
  }

  async watch(timeoutMs: number): Promise<void> {
    this.#watchMs = timeoutMs
    await this.#ask('endpoint.watch', { endpoint: this.id, timeoutMs })
  }

  play(params: Omit<Params<'play'>, 'endpoint'>): Promise<Result<'play'>> {
    return this.#pool.call(this.snapshot.voice, 'play', { ...params, endpoint: this.id })
  }

  gather(params: Omit<Params<'gather'>, 'endpoint'>): Promise<Result<'gather'>> {
    return this.#pool.call(this.snapshot.voice, 'gather', { ...params, endpoint: this.id })
  }

  record(params: Omit<Params<'record'>, 'endpoint'>): Promise<Result<'record'>> {
    return this.#pool.call(this.snapshot.voice, 'record', { ...params, endpoint: this.id })
  }

  /** Resolves when there is nothing more to be found; `onAnswered` or `onProgress` is told. */
  detect(params: { verb: Id<'verb'> } & Detection): Promise<Result<'detect'>> {
    return this.#pool.call(this.snapshot.voice, 'detect', { ...params, endpoint: this.id })
  }

  sit(params: Omit<Params<'conference.sit'>, 'endpoint'>): Promise<Result<'conference.sit'>> {
    return this.#pool.call(this.snapshot.voice, 'conference.sit', { ...params, endpoint: this.id })
  }

  /** Resolves when the stream is over. */
  stream(params: Omit<Params<'stream'>, 'endpoint'>): Promise<Result<'stream'>> {
    return this.#pool.call(this.snapshot.voice, 'stream', { ...params, endpoint: this.id })
  }

  /** With what the stream is opened that was asked for just before. */
  streamTicket(verb: Id<'verb'>): Promise<Result<'stream.ticket'>> {
    return this.#ask('stream.ticket', { verb })
  }

  async takePart(params: Omit<Params<'conference.change'>, 'endpoint'>): Promise<void> {
    await this.#ask('conference.change', { ...params, endpoint: this.id })
  }

  async heard(params: Params<'gather.heard'>): Promise<void> {
    await this.#ask('gather.heard', params)
  }

  /** What becomes of the tones by which its far end tells of keys. */
  async tones(tones: ToneWay): Promise<void> {
    this.#tonesToBe = tones
    if (this.tonesAre === tones) return
    this.tonesAre = tones
    await this.#ask('endpoint.tones', { endpoint: this.id, tones }).catch((error: unknown) => {
      if (this.tonesAre === tones) this.tonesAre = null
      throw error
    })
  }

  /** Its far end has told of a key beside its sound. */
  async informed(digit: string): Promise<void> {
    await this.#ask('endpoint.informed', { endpoint: this.id, digit })
  }

  async pausePlay(verb: Id<'verb'>, paused: boolean): Promise<void> {
    await this.#ask('play.pause', { verb, paused })
  }

  async pauseRecord(verb: Id<'verb'>, paused: boolean): Promise<void> {
    await this.#ask('record.pause', { verb, paused })
  }

  /** Sends telephone-events to the far end. */
  async dtmf(params: Omit<Params<'dtmf'>, 'endpoint'>): Promise<void> {
    await this.#pool.call(this.snapshot.voice, 'dtmf', { ...params, endpoint: this.id })
  }

  /** Ends a play, gather or record before its time. */
  stop(verb: Id<'verb'>): void {
    this.#ask('stop', { verb }).catch(() => {})
  }

  /** Gives the ports back. Resolves with null when voice could not be told; it finds out by itself. */
  close(): Promise<MediaStats | null> {
    if (this.#lost) this.#closed ??= Promise.resolve(null)
    this.#closed ??= (this.#pool.reach(this)?.then(() => this.#close()) ?? this.#close())
      .catch(() => null)
      .finally(() => this.#pool.forget(this))
    return this.#closed
  }

  #close(): Promise<MediaStats | null> {
    return this.#ask('endpoint.close', { endpoint: this.id })
  }

  /**
   * While its process can't be reached, this waits until it is known what has become of it, in the order in which it was asked; so does
   * what was on its way when the link broke.
   */
  #ask<M extends keyof VoiceMethods>(method: M, params: Params<M>): Promise<Result<M>> {
    const { id, voice } = this.snapshot
    const ask = () => this.#pool.call(voice, method, params, AT_ONCE_MS)
    const then = (known: Promise<void>) =>
      known.then(() => {
        if (this.#lost || this.id !== id) throw new VoiceUnavailable('the endpoint is not there any more')
        return ask()
      })
    const known = this.#pool.away(this)
    if (known) return then(known)
    if (!TWICE.has(method)) return ask()
    return ask().catch((error: unknown) => {
      const known = error instanceof LinkLost ? this.#pool.away(this) : null
      if (!known) throw error
      return then(known)
    })
  }
}
