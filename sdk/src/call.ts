import type { RecognitionEngine, SpeechEngine } from './engine.ts'
import { CallGone, VerbError } from './error.ts'
import { hear } from './hear.ts'
import { coachOf, heardOf, listenedFor, musicOf, pickUpOf } from './params.ts'
import { CallStream } from './stream.ts'
import type {
  Alerting,
  Amd,
  CallCause,
  ConferenceOptions,
  ConsultOptions,
  DialOptions,
  DialResult,
  Diversion,
  GatherOptions,
  GatherResult,
  Heard,
  HoldOptions,
  ListenOptions,
  ParkOptions,
  ParkResult,
  Party,
  PlayOptions,
  Progress,
  RecordOptions,
  SayOptions,
  SeatOptions,
  SpeechOptions,
  StreamOptions,
  Target,
} from './types.ts'
import { type Commander, Verbs } from './verbs.ts'

/** Samples a second of an engine of the program's own. */
const ENGINE_RATE = 24_000

const GONE = () => new CallGone()

/** With what the switch answers `call.stream`. */
interface OpenedStream {
  socket: string
  token: string
  rateHz: number
}

export interface CallEvents {
  /** The caller has pressed a key. */
  digit: (digit: string) => void
  /** What `gather` has understood so far; it may still change. */
  partial: (text: string) => void
  /** Who has answered, where `amd` was asked for; behind `machine` may come `machine-end`. */
  amd: (amd: Amd) => void
  /** A tone of the network, where `progress` was asked for. */
  progress: (progress: Progress) => void
  /** The call is over; told once, whatever the end. */
  ended: (cause: CallCause) => void
}

/**
 * A call that was offered to the agent. Each verb resolves when it is done, and rejects with CallGone when the call ends
 * first, ResourceUnavailable when a lease is refused, Interrupted when the switch restarts, InvalidArgument.
 */
export class Call {
  readonly id: string
  /** Who calls. */
  readonly from: Party
  /** What was called: a number of the office, or what a telephone has dialled. */
  readonly to: Party
  /** Whether the caller withheld the number. */
  readonly anonymous: boolean
  /** Who sent the call on before it came here, the last one first. */
  readonly diversions: readonly Diversion[]
  /** The id of the call that this one, whose caller is connected already, was split from. */
  readonly splitFrom: string | undefined
  /** Ms within which the call had to be decided when it was offered; then the stored default route is taken. */
  readonly deadlineMs: number
  #commander: Commander
  #verbs: Verbs
  #controller: AbortController | null = null
  #cause: CallCause | null = null
  #why: () => VerbError = GONE
  #listeners: { [E in keyof CallEvents]: CallEvents[E][] } = { digit: [], partial: [], amd: [], progress: [], ended: [] }

  constructor(
    offered: {
      call: string
      from: Party
      to: Party
      anonymous: boolean
      deadlineMs: number
      diversions?: Diversion[]
      split?: string
    },
    commander: Commander,
  ) {
    this.id = offered.call
    this.from = offered.from
    this.to = offered.to
    this.anonymous = offered.anonymous
    this.diversions = offered.diversions ?? []
    this.splitFrom = offered.split
    this.deadlineMs = offered.deadlineMs
    this.#commander = commander
    this.#verbs = new Verbs(commander)
  }

  /** Aborts when the call ends. Hand it to `fetch` and the like. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#cause) this.#controller.abort(this.#why())
    }
    return this.#controller.signal
  }

  /** Why the call ended; null while it is up. */
  get cause(): CallCause | null {
    return this.#cause
  }

  /** Listens; more than one may, and what has been before is not told again. */
  on<E extends keyof CallEvents>(event: E, listener: CallEvents[E]): this {
    this.#listeners[event].push(listener)
    return this
  }

  /** Answers; most verbs do so by themselves. On a call that is answered it does nothing. */
  async answer(): Promise<void> {
    await this.#verb('call.answer', {})
  }

  /** Turns an unanswered call away; default 603 *Decline*. 401, 407 and 503 would be misunderstood, and are told as that, too. */
  async reject(options: { status?: number; reason?: string } = {}): Promise<void> {
    await this.#verb('call.reject', options)
  }

  /** Lets the caller hear ringing. */
  async ring(): Promise<void> {
    await this.#verb('call.ring', {})
  }

  /** Plays a sound file of the bundle, a tone, a text, or a list of them. Answers the call unless `early`. */
  play(source: string | Heard | (string | Heard)[], options: PlayOptions = {}): Promise<{ playedMs: number }> {
    const what = Array.isArray(source) ? { list: source.map(heardOf) } : heardOf(source)
    return this.#verb('call.play', { ...options, ...what }) as Promise<{ playedMs: number }>
  }

  /** Speaks a text. Answers the call unless `early`. */
  say(text: string, options: SayOptions = {}): Promise<{ playedMs: number }> {
    const { engine, ...rest } = options
    if (engine) return this.#sayBy(engine, { text, ...rest })
    return this.#verb('call.say', { ...rest, text }) as Promise<{ playedMs: number }>
  }

  /**
   * Collects digits, or hears what is said; the first key or word ends the prompt. Answers the call. Rejects with a VerbError
   * `recognition-failed` when the recogniser does. An engine of the program's own hears by a stream of the call, which can have
   * no other meanwhile.
   */
  gather(options: GatherOptions = {}): Promise<GatherResult> {
    const { timeout, interDigitTimeout, speechTimeout, maxSpeech, speech, input, ...rest } = options
    const seconds = { speechTimeoutSeconds: speechTimeout, maxSpeechSeconds: maxSpeech }
    const what = input ?? (speech ? ['digits', 'speech'] : undefined)
    const params = { ...rest, ...seconds, input: what, timeoutSeconds: timeout, interDigitTimeoutSeconds: interDigitTimeout }
    if (speech?.engine && what?.includes('speech')) return this.#gatherBy(speech.engine, options, params)
    return this.#verb('call.gather', params) as Promise<GatherResult>
  }

  /** Records the caller. Answers the call. `reason` is `max`, `silence`, `finish-key` or `stopped`. */
  record(options: RecordOptions = {}): Promise<{ recording: string; durationSeconds: number; reason: string }> {
    return this.#verb('call.record', options) as Promise<{ recording: string; durationSeconds: number; reason: string }>
  }

  /**
   * Opens a stream: what the caller says, in frames of 20 ms, and what the program says to the caller. It goes on beside
   * whatever else is done with the call, until it is closed or the call is over; a call has one at a time. Answers the call.
   */
  async stream(options: StreamOptions = {}): Promise<CallStream> {
    const { rate, hear, live } = options
    const opened = (await this.#verb('call.stream', { rateHz: rate, hear, live })) as OpenedStream
    if (this.#cause) throw new CallGone()
    const stream = new CallStream(this.#commander.audio(opened.socket), opened, this.signal)
    await stream.ready
    return stream
  }

  /** Calls the target, or several by `strategy`, and joins the first that answers to the caller. Resolves when the dialled leg is over, or could not be had. */
  dial(target: Target | Target[], options: DialOptions = {}): Promise<DialResult> {
    const { timeout, ring, amd, progress, ...rest } = options
    const music = ring === undefined ? {} : { ring: heardOf(ring) }
    return this.#verb('call.dial', {
      ...rest,
      ...music,
      ...listenedFor({ amd, progress }),
      target,
      timeoutSeconds: timeout,
    }) as Promise<DialResult>
  }

  /**
   * Takes a seat in a conference: it is there while anybody sits in it, and each hears all but itself. Answers the call.
   * Resolves when the seat is given up: by `leave`, or `ended` with its moderator.
   */
  conference(room: string, options: ConferenceOptions = {}): Promise<{ reason: 'left' | 'ended'; durationSeconds: number }> {
    return this.#verb('call.conference', { ...options, ...coachOf(options.coach), room }) as Promise<{
      reason: 'left' | 'ended'
      durationSeconds: number
    }>
  }

  /** Changes at once how the call takes part in its conference; `coach: null` is heard by all again. */
  async seat(options: SeatOptions): Promise<void> {
    const coach = options.coach === null ? { coach: 'none' } : coachOf(options.coach)
    await this.#verb('call.seat', { ...options, ...coach })
  }

  /** Takes the call out of its conference, at once: the program goes on behind `conference`. */
  async leave(): Promise<void> {
    await this.#verb('call.leave', {})
  }

  /** Says a text, or plays a file or a tone, to everyone in the call's conference, which goes on. */
  announce(what: Heard, options: SpeechOptions = {}): Promise<{ playedMs: number }> {
    return this.#verb('call.announce', { ...options, ...what }) as Promise<{ playedMs: number }>
  }

  /** What `play` or `say` plays stays where it is, at once, until `resumePlay`. */
  async pausePlay(): Promise<void> {
    await this.#verb('call.pausePlay', { paused: true })
  }

  async resumePlay(): Promise<void> {
    await this.#verb('call.pausePlay', { paused: false })
  }

  /** Leaves out what is heard from now on, in every recording of the call. At once, whatever else is being done. */
  async pauseRecording(): Promise<void> {
    await this.#verb('call.pauseRecording', { paused: true })
  }

  async resumeRecording(): Promise<void> {
    await this.#verb('call.pauseRecording', { paused: false })
  }

  /**
   * While `dial` has joined a leg to the caller: the caller goes on with the target, and that leg is let go when the target
   * answers. At once; `dial` then resolves when the target's leg is over. If the target cannot be had, all is as it was.
   */
  transfer(target: Target, options: ListenOptions = {}): Promise<{ transferred: boolean; cause?: CallCause }> {
    return this.#verb('call.transfer', { target, ...listenedFor(options) }) as Promise<{
      transferred: boolean
      cause?: CallCause
    }>
  }

  /** Holds one of two who talk: the other one hears nothing, and a telephone shows that it is held. At once. */
  async hold({ music, ...options }: HoldOptions = {}): Promise<void> {
    await this.#verb('call.hold', { ...options, ...musicOf(music) })
  }

  /** Who is held talks again; whoever consults somebody goes back to the caller. At once. */
  async retrieve(options: { party?: 'caller' | 'dialled' } = {}): Promise<void> {
    await this.#verb('call.retrieve', options)
  }

  /**
   * While `dial` has joined a leg: that one talks to the target, and the caller is held. Resolves when the target has
   * answered, or could not be had, and then the two talk again. Behind it, `complete()` or `retrieve()`.
   */
  consult(
    target: Target,
    { timeout, music, amd, progress, ...options }: ConsultOptions = {},
  ): Promise<Pick<DialResult, 'status'> & { cause?: CallCause }> {
    const params = { ...options, ...musicOf(music), ...listenedFor({ amd, progress }), target, timeoutSeconds: timeout }
    return this.#verb('call.consult', params) as Promise<Pick<DialResult, 'status'> & { cause?: CallCause }>
  }

  /** The caller goes on with whoever is consulted, and the dialled leg is let go. At once. */
  async complete(): Promise<void> {
    await this.#verb('call.complete', {})
  }

  /**
   * The caller of another call of this agent, which is joined to nobody, is joined to this one's. That call is over by it;
   * this resolves as `dial` does.
   */
  join(other: { id: string }): Promise<DialResult> {
    return this.#verb('call.join', { other: other.id }) as Promise<DialResult>
  }

  /** Two who talk are two calls again: the dialled one is given to `call` of the program, with `splitFrom` set. At once. */
  async split(): Promise<string> {
    return ((await this.#verb('call.split', {})) as { call: string }).call
  }

  /**
   * The caller waits in a slot (1 to 6 digits, with or without a star before them) until a telephone of the office dials it,
   * or a call of this agent picks it up. Resolves when their talk is over, or nobody has come. While somebody is joined, that
   * one is let go, rung back when nobody comes, and this resolves at once.
   */
  async park(slot: string, { timeout, music }: ParkOptions = {}): Promise<ParkResult> {
    const result = await this.#verb('call.park', { slot, timeoutSeconds: timeout, ...musicOf(music) })
    return (result ?? { reason: 'parked', durationSeconds: 0 }) as ParkResult
  }

  /**
   * The caller goes over to the call that is parked in the slot, or that rings elsewhere: at or for a user of the office, or as
   * one call or leg. Whoever it rang at is let go, and this call is over by it. Rejects with a VerbError where somebody else was faster; this
   * call, which has been answered, is still up then.
   */
  async pickUp(what: string | Alerting): Promise<void> {
    await this.#verb('call.pickUp', typeof what === 'string' ? { slot: what } : pickUpOf(what))
  }

  /**
   * Of a call that was made with `amd`: resolves once it is known who has answered, with `message-end` once a machine listens. That is
   * something to do for a call: nothing else need be done with it meanwhile.
   */
  answeredBy(options: { until?: 'verdict' | 'message-end' } = {}): Promise<Amd> {
    return this.#verb('call.answeredBy', options) as Promise<Amd>
  }

  /** Presses keys: towards the dialled leg while one is joined, else towards the caller. At once, or behind those being pressed. */
  async dtmf(digits: string): Promise<void> {
    await this.#verb('call.dtmf', { digits })
  }

  /** Ends the call; on one that has ended it does nothing. */
  async hangup(options: { reason?: string } = {}): Promise<void> {
    try {
      await this.#verb('call.hangup', options)
    } catch (error) {
      if (!(error instanceof CallGone)) throw error
    }
  }

  /** The switch collects keys and plays the prompt, while a stream of the call is heard here and handed to the engine. */
  async #gatherBy(engine: RecognitionEngine, options: GatherOptions, params: object): Promise<GatherResult> {
    const { language = 'en', grammar, speechTimeout = 0.8, maxSpeech = 30 } = options
    const expected = { language, ...(grammar ? { phrases: grammar } : {}) }
    await using stream = await this.stream({ rate: 8000 })
    let over = false
    let understood = false
    let failure: unknown
    const recognition = engine.listen(expected, (text) => {
      if (!over && !understood && typeof text === 'string' && text !== '') this._partial(text)
    })
    const tell = (what: object) => {
      if (!over) void this.#verb('call.heard', what).catch(() => {})
    }
    recognition.done.then(
      ({ text, confidence }) => {
        understood = true
        tell({ text, ...(confidence === undefined ? {} : { confidence }) })
      },
      (error) => {
        understood = true
        failure = error
        tell({ failed: true })
      },
    )
    const began = () => tell({ speaking: true })
    const gathered = this.#verb('call.gather', { ...params, byProgram: true }) as Promise<GatherResult>
    void hear(stream, recognition, { silence: speechTimeout, longest: maxSpeech, began }).catch(() => recognition.close())
    try {
      return await gathered
    } catch (error) {
      throw error instanceof VerbError && error.code === 'recognition-failed' ? (failure ?? error) : error
    } finally {
      over = true
      recognition.close()
    }
  }

  /** What an engine of the program's own says goes to the caller as a stream, as soon as there is some of it. */
  async #sayBy(
    engine: SpeechEngine,
    { text, language, voice, rate: words }: SayOptions & { text: string },
  ): Promise<{ playedMs: number }> {
    const utterance = {
      ...{ text, ...(language === undefined ? {} : { language }) },
      ...{ ...(voice === undefined ? {} : { voice }), ...(words === undefined ? {} : { rate: words }) },
    }
    const sound = engine.speak(utterance, this.signal)[Symbol.asyncIterator]()
    // Nothing is answered and nothing is leased for an engine that says nothing.
    let piece = await sound.next()
    const rate = engine.rateHz ?? ENGINE_RATE
    await using stream = await this.stream({ rate, hear: false })
    let count = 0
    for (; !piece.done; piece = await sound.next()) {
      count += piece.value.length
      await stream.write(piece.value)
    }
    await stream.mark()
    return { playedMs: Math.round((1000 * count) / rate) }
  }

  /** @internal The switch says what a gather has understood so far. */
  _partial(text: string): void {
    for (const listener of this.#listeners.partial) listener(text)
  }

  /** @internal The switch says who has answered. */
  _amd(amd: Amd): void {
    for (const listener of this.#listeners.amd) listener(amd)
  }

  /** @internal The switch says what a network says by a tone. */
  _progress(progress: Progress): void {
    for (const listener of this.#listeners.progress) listener(progress)
  }

  /** @internal The switch says that a key was pressed. */
  _digit(digit: string): void {
    for (const listener of this.#listeners.digit) listener(digit)
  }

  /** @internal Whether a verb has been told that the call is over, which may be a moment before the call is. */
  get _gone(): boolean {
    return this.#verbs.gone || this.#cause !== null
  }

  /** @internal The switch says that the call is over, or the link to it is. */
  _end(cause: CallCause, why: () => VerbError = GONE): void {
    if (this.#cause) return
    this.#cause = cause
    this.#why = why
    this.#verbs.end(why)
    this.#controller?.abort(why())
    for (const listener of this.#listeners.ended) listener(cause)
  }

  #verb(method: string, params: object): Promise<unknown> {
    if (this.#cause) return Promise.reject(new CallGone())
    return this.#verbs.send(method, { call: this.id, ...params }, new Error())
  }
}
