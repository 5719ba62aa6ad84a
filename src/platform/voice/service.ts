import { type Clock, type Id, type Log, TielineError } from '#lib/index.ts'
import type {
  AddressGone,
  HeardByProgram,
  PlatformConfig,
  Realm,
  SeenControl,
  VerbEnd,
  VoiceMethods,
} from '#platform/words/index.ts'
import { type Libc, loadLibc, MSG_DONTWAIT, reserve } from '#protocol/posix/index.ts'
import { AudioDoor, type Ticket } from './audio-door.ts'
import { Claims } from './claims.ts'
import type { Found } from './command.ts'
import { Conferences } from './conferences.ts'
import { noStats } from './control.ts'
import { detect } from './detect.ts'
import { Detections } from './detections.ts'
import { Engine } from './engine.ts'
import { type GatherResult, gather } from './gather.ts'
import { PortPool, type SocketSource } from './pool.ts'
import { pressKeys } from './press.ts'
import { type PromptMakers, preparePrompt } from './prompt.ts'
import { type CreateSoundFile, record } from './recording.ts'
import { type Notify, type Playback, Session } from './session.ts'
import { Sounds } from './sounds.ts'
import { Speech } from './speech.ts'
import { SphinxRecogniser } from './sphinx-recogniser.ts'
import { stream } from './stream.ts'

export interface VoiceOptions {
  clock: Clock
  log: Log
  media: PlatformConfig['media']
  /** Which of how many voice processes this is. */
  share: { index: number; of: number }
  sockets: SocketSource
  /** Where spoken prompts are kept. */
  directory: string
  createRecording: CreateSoundFile
  notify: Notify
  /** Shown the RTCP of all calls. */
  onControl?(seen: SeenControl): void
  onDeath(error: Error): void
  libc?: Libc
  /** For tests: the speech program and its time, the rest of ports. */
  speech?: { command?: string; timeoutMs?: number }
  quarantineMs?: number
}

type Methods = {
  [M in keyof VoiceMethods]: (params: VoiceMethods[M]['params'], signal?: AbortSignal) => Promise<VoiceMethods[M]['result']>
}

interface Verb {
  session: Session
  controller: AbortController
  /** Whether another prompt, or being joined, ends it. */
  plays: boolean
  /** A recording that leaves out what is heard; a prompt that waits. */
  paused: boolean
  pause?: (paused: boolean) => void
  /** A gather whose program listens by itself. */
  heard?: (what: HeardByProgram) => void
  /** A stream that waits for its program. */
  ticket?: Ticket
}

function gone(endpoint: string): TielineError {
  return new TielineError(
    'The endpoint is gone.',
    { code: 'call-gone', fault: 'caller', retry: false, http: 404, sip: 481 },
    { endpoint },
  )
}

function invalid(message: string, http: number): TielineError {
  return new TielineError(message, { code: 'invalid-argument', fault: 'system', retry: false, http })
}

/** Voice processing: everything that the switch may ask of this process, one method each. */
export class VoiceService implements Methods, AsyncDisposable {
  readonly #options: VoiceOptions
  readonly #engine: Engine
  readonly #pool: PortPool
  readonly #makers: PromptMakers
  readonly #recogniser: SphinxRecogniser
  readonly #claims: Claims
  readonly #door: AudioDoor
  readonly #conferences = new Conferences()
  readonly #detections = new Detections()
  readonly #slotOf = (endpoint: Id<'med'>) => this.#session(endpoint).slot
  readonly #sessions = new Map<Id<'med'>, Session>()
  /** Endpoints that wait for their ports. */
  readonly #opening = new Set<Id<'med'>>()
  #switches = 0
  #lastLost = 0
  readonly #verbs = new Map<Id<'verb'>, Verb>()

  constructor(options: VoiceOptions) {
    const { clock, log, media, share, sockets, directory, onDeath, libc = loadLibc(), quarantineMs } = options
    this.#options = options
    this.#engine = new Engine({ libc, log, controls: options.onControl !== undefined, onDeath })
    this.#pool = new PortPool({
      clock,
      log,
      sockets,
      ports: media.ports,
      share,
      drain: drainer(libc),
      close: (fd) => void libc.close(fd),
      random: Math.random,
      ...(quarantineMs === undefined ? {} : { quarantineMs }),
    })
    this.#makers = { speech: new Speech({ clock, directory, ...options.speech }), sounds: new Sounds({ clock }) }
    this.#recogniser = new SphinxRecogniser({ clock })
    this.#door = new AudioDoor({ clock, log, peerUid: (fd) => libc.peerUid(fd) })
    this.#claims = new Claims(clock, (calls) => void this.#abandon(calls))
  }

  /** Lets programs in at this socket; without it no stream can be had. */
  listen(path: string): Promise<void> {
    return this.#door.listen(path)
  }

  async 'endpoint.open'({ call, endpoint, realm, family }: VoiceMethods['endpoint.open']['params'], signal?: AbortSignal) {
    if (this.#sessions.has(endpoint) || this.#opening.has(endpoint)) {
      throw invalid('The endpoint is there already.', 409)
    }
    this.#opening.add(endpoint)
    const claimedBy = this.#switches
    try {
      const pair = await this.#pool.take(realm, family)
      if (signal?.aborted) {
        // Whoever has asked was lost meanwhile, never hears of it, and asks again for another one.
        this.#pool.give(pair)
        throw gone(endpoint)
      }
      const session = new Session({
        engine: this.#engine,
        clock: this.#options.clock,
        notify: this.#options.notify,
        onControl: this.#options.onControl,
        endpoint,
        call,
        pair,
      })
      session.claimedBy = claimedBy
      this.#sessions.set(endpoint, session)
      return { address: pair.rtp.address, port: pair.rtp.port }
    } finally {
      this.#opening.delete(endpoint)
    }
  }

  async 'endpoint.describe'({ endpoint, description }: VoiceMethods['endpoint.describe']['params']) {
    this.#session(endpoint).describe(description)
    return null
  }

  async 'endpoint.join'({ a, b }: VoiceMethods['endpoint.join']['params']) {
    const [first, second] = [this.#session(a), this.#session(b)]
    if (first.call !== second.call || first === second) {
      throw invalid('Only two endpoints of one call can be joined.', 422)
    }
    this.#interrupt(first)
    this.#interrupt(second)
    this.#engine.send({ type: 'join', a: first.slot, b: second.slot })
    return null
  }

  async 'endpoint.move'({ endpoint, call }: VoiceMethods['endpoint.move']['params']) {
    this.#session(endpoint).call = call
    return null
  }

  async 'endpoint.part'({ endpoint }: VoiceMethods['endpoint.part']['params']) {
    const session = this.#sessions.get(endpoint)
    if (session) this.#engine.send({ type: 'part', slot: session.slot })
    return null
  }

  async 'endpoint.close'({ endpoint }: VoiceMethods['endpoint.close']['params']) {
    const session = this.#sessions.get(endpoint)
    if (!session) return noStats()
    return this.#close(session)
  }

  async 'endpoint.watch'({ endpoint, timeoutMs }: VoiceMethods['endpoint.watch']['params']) {
    this.#engine.send({ type: 'watch', slot: this.#session(endpoint).slot, timeoutMs })
    return null
  }

  async 'endpoint.tones'({ endpoint, tones }: VoiceMethods['endpoint.tones']['params']) {
    this.#engine.send({ type: 'tones', slot: this.#session(endpoint).slot, tones })
    return null
  }

  async 'endpoint.informed'({ endpoint, digit }: VoiceMethods['endpoint.informed']['params']) {
    this.#session(endpoint).informed(digit)
    return null
  }

  play({ endpoint, verb, source, loop, offsetMs, toAll }: VoiceMethods['play']['params'], signal?: AbortSignal) {
    return this.#run<VoiceMethods['play']['result']>(
      { endpoint, verb, signal, plays: !toAll, gone: { reason: 'gone', playedMs: 0 } },
      async (session, stop) => {
        if (!toAll) this.#interrupt(session, verb)
        using prompt = await preparePrompt(source, this.#makers, stop, { loop, offsetMs })
        if (!prompt) return { reason: stop.reason as VerbEnd, playedMs: 0 }
        const playback = toAll ? session.announce(prompt.sounding) : session.play(prompt.sounding)
        this.#pausable(verb, playback)
        stop.addEventListener('abort', playback.stop, { once: true })
        const { end, playedMs } = await playback.done
        if (prompt.failure && !stop.aborted) throw prompt.failure
        return { reason: stop.aborted ? (stop.reason as VerbEnd) : end, playedMs }
      },
    )
  }

  gather(params: VoiceMethods['gather']['params'], signal?: AbortSignal) {
    return this.#run<GatherResult>({ ...params, signal, gone: { digits: '', reason: 'gone' } }, (session, stop) =>
      gather(session, params, stop, {
        clock: this.#options.clock,
        recogniser: this.#recogniser,
        byProgram: (take) => {
          this.#verbs.get(params.verb)!.heard = take
        },
        partial: (text) => this.#options.notify('partial', { endpoint: params.endpoint, text }),
        prepare: (source, bargeIn) => preparePrompt(source, this.#makers, bargeIn),
      }),
    )
  }

  async 'gather.heard'({ verb, ...what }: VoiceMethods['gather.heard']['params']) {
    this.#verbs.get(verb)?.heard?.(what)
    return null
  }

  record(params: VoiceMethods['record']['params'], signal?: AbortSignal) {
    return this.#run<VoiceMethods['record']['result']>(
      { ...params, signal, gone: { file: params.file, durationMs: 0, bytes: 0, reason: 'gone' } },
      (session, stop) => {
        const other = params.other && this.#session(params.other)
        const pausable = (pause: (paused: boolean) => void) => this.#pausable(params.verb, { pause })
        return record({ session, other, pausable }, params, stop, this.#options.createRecording)
      },
    )
  }

  'conference.sit'(params: VoiceMethods['conference.sit']['params'], signal?: AbortSignal) {
    return this.#run<VoiceMethods['conference.sit']['result']>(
      { ...params, signal, gone: { reason: 'gone' } },
      (session, stop) => {
        this.#interrupt(session)
        return this.#conferences.sit(session, params, stop, this.#slotOf)
      },
    )
  }

  async 'conference.change'({ endpoint, ...part }: VoiceMethods['conference.change']['params']) {
    this.#conferences.change(this.#session(endpoint), part, this.#slotOf)
    return null
  }

  stream(params: VoiceMethods['stream']['params'], signal?: AbortSignal) {
    const nothing = { heardMs: 0, playedMs: 0, skippedMs: 0, droppedFrames: 0 }
    return this.#run<VoiceMethods['stream']['result']>(
      { ...params, signal, gone: { reason: 'gone', ...nothing } },
      (session, stop) => {
        const ticket = this.#door.ticket(params.uid)
        this.#verbs.get(params.verb)!.ticket = ticket
        return stream(session, params, stop, ticket)
      },
    )
  }

  /** What listens to a far end outlives the switch that has asked: another one asks again by the same verb. */
  detect(params: VoiceMethods['detect']['params'], signal?: AbortSignal) {
    const { endpoint, verb } = params
    const tell = (found: Found) => {
      if ('verdict' in found) this.#options.notify('answered', { endpoint, verb, ...found.verdict })
      else this.#options.notify('progress', { endpoint, verb, ...found.progress })
    }
    return this.#detections.listen(verb, { tell, signal }, (found) =>
      this.#run<VoiceMethods['detect']['result']>({ ...params, signal: undefined, gone: { reason: 'gone' } }, (session, stop) =>
        detect(session, params, stop, found),
      ),
    )
  }

  async 'stream.ticket'({ verb }: VoiceMethods['stream.ticket']['params']) {
    const ticket = this.#verbs.get(verb)?.ticket
    if (!ticket) throw gone(verb)
    return { socket: this.#door.name, token: ticket.token }
  }

  async 'record.pause'(params: VoiceMethods['record.pause']['params']) {
    return this.#pause(params)
  }

  async 'play.pause'(params: VoiceMethods['play.pause']['params']) {
    return this.#pause(params)
  }

  /** Keys are pressed behind those that are being pressed: none is cut short by the next. */
  async dtmf({ endpoint, ...keys }: VoiceMethods['dtmf']['params']) {
    const session = this.#session(endpoint)
    session.pressed = session.pressed.then(() => pressKeys(session, keys))
    await session.pressed
    return null
  }

  async stop({ verb }: VoiceMethods['stop']['params']) {
    this.#verbs.get(verb)?.controller.abort('stopped')
    return null
  }

  async claim({ calls }: VoiceMethods['claim']['params']) {
    this.#claims.claim(calls)
    const claimed = new Set(calls)
    const sessions = [...this.#sessions.values()].filter(({ call }) => claimed.has(call))
    for (const session of sessions) session.claimedBy = this.#switches
    return { endpoints: sessions.map(({ call, endpoint }) => ({ call, endpoint })) }
  }

  async status() {
    const { inUse, quarantined } = this.#pool.counts
    const calls = new Set([...this.#sessions.values()].map(({ call }) => call)).size
    return { endpoints: this.#sessions.size, calls, portsInUse: inUse, portsQuarantined: quarantined }
  }

  /** A switch has connected: what is opened and claimed from now on is its own. Its number, for {@link switchLost}. */
  switchCame(): number {
    return ++this.#switches
  }

  /** That switch is gone: its calls wait 15 s for one that claims them. */
  switchLost(number: number): void {
    this.#lastLost = Math.max(this.#lastLost, number)
    const left = [...this.#sessions.values()].filter(({ claimedBy }) => claimedBy <= number)
    this.#claims.lost(left.map(({ call }) => call))
  }

  /** A realm is no more: everything in it is closed. */
  async realmGone(realm: Realm): Promise<void> {
    this.#pool.drop(realm)
    await Promise.all([...this.#sessions.values()].filter((session) => session.realm === realm).map((s) => this.#close(s)))
  }

  /** The realm has lost an address: what rests there is closed, and what is in use when it is given back. */
  addressGone({ realm, address }: AddressGone['addressGone']): void {
    this.#pool.dropAddress(realm, address)
  }

  /** Closes every endpoint, every socket and the media thread. */
  async close(): Promise<void> {
    this.#claims.close()
    this.#door.close()
    await Promise.all([...this.#sessions.values()].map((session) => this.#close(session)))
    this.#pool.close()
    await Promise.all([this.#engine.stop(), this.#makers.sounds.close()])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #session(endpoint: Id<'med'>): Session {
    const session = this.#sessions.get(endpoint)
    if (!session) throw gone(endpoint)
    return session
  }

  async #close(session: Session) {
    this.#sessions.delete(session.endpoint)
    const first = !session.gone.aborted
    const stats = await session.close()
    if (first) this.#pool.give(session.pair)
    return stats
  }

  /** Closes all of these calls, but for what a switch has opened or claimed since. */
  async #abandon(calls: Id<'call'>[]): Promise<void> {
    const abandoned = new Set(calls)
    const sessions = [...this.#sessions.values()].filter((one) => abandoned.has(one.call) && one.claimedBy <= this.#lastLost)
    if (sessions.length > 0)
      this.#options.log.warn({ endpoints: sessions.length }, 'endpoints that no switch has claimed are closed')
    for (const { call, endpoint } of sessions) {
      this.#options.log.info({ call, endpoint }, 'an endpoint of a call that no switch has claimed is closed')
    }
    await Promise.all(sessions.map((session) => this.#close(session)))
  }

  /** Runs a verb: it can be stopped by its id, by the end of its endpoint and by the loss of whoever has asked. */
  async #run<T>(
    verb: { endpoint: Id<'med'>; verb: Id<'verb'>; signal: AbortSignal | undefined; plays?: boolean; gone: T },
    run: (session: Session, stop: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const session = this.#sessions.get(verb.endpoint)
    if (!session) return verb.gone
    const controller = new AbortController()
    const onGone = () => controller.abort('gone')
    const onLost = () => controller.abort('stopped')
    session.gone.addEventListener('abort', onGone, { once: true })
    verb.signal?.addEventListener('abort', onLost, { once: true })
    this.#verbs.set(verb.verb, { session, controller, plays: verb.plays ?? false, paused: false })
    try {
      return await run(session, controller.signal)
    } finally {
      this.#verbs.delete(verb.verb)
      session.gone.removeEventListener('abort', onGone)
      verb.signal?.removeEventListener('abort', onLost)
    }
  }

  #pause({ verb: id, paused }: { verb: Id<'verb'>; paused: boolean }): null {
    const verb = this.#verbs.get(id)
    if (verb) verb.paused = paused
    verb?.pause?.(paused)
    return null
  }

  /** From now on it can be told to wait; so it does at once where it was told while it was prepared. */
  #pausable(id: Id<'verb'>, { pause }: Pick<Playback, 'pause'>): void {
    const verb = this.#verbs.get(id)
    if (!verb) return
    verb.pause = pause
    if (verb.paused) pause(true)
  }

  /** Ends what is played, or will be once it is prepared. */
  #interrupt(session: Session, except?: Id<'verb'>): void {
    for (const [id, verb] of this.#verbs) {
      if (verb.plays && verb.session === session && id !== except) verb.controller.abort('interrupted')
    }
  }
}

/** Empties a socket without waiting. */
function drainer(libc: Libc): (fd: number) => number {
  const scrap = reserve(4096)
  return (fd) => {
    let count = 0
    while (count < 10_000 && libc.recv(fd, scrap.address, 2048, MSG_DONTWAIT) >= 0) count++
    return count
  }
}
