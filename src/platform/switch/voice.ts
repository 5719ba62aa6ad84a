import { type Clock, type Id, type Log, newId, type Timer } from '#lib/index.ts'
import type { IpFamily, Realm, VoiceMethods, VoiceNotifications } from '#platform/words/index.ts'
import { connectLink, type LinkClient, LinkLost } from '#protocol/link/index.ts'
import { AT_ONCE_MS, type EndpointSnapshot, VoiceEndpoint, VoiceUnavailable } from './voice-endpoint.ts'

/** The switch's side of a link to voice. */
type VoiceLink = { calls: VoiceMethods; hears: VoiceNotifications }
type Params<M extends keyof VoiceMethods> = VoiceMethods[M]['params']
type Result<M extends keyof VoiceMethods> = VoiceMethods[M]['result']

/** Where another process could serve, a lost one has this long to be reached again, ms: a link may break without its process. */
const GRACE_MS = 300

/** The same where there is none: it is started again within a second. */
const RESTART_MS = 5000

/**
 * The voice processes, as the switch uses them: all endpoints of a subscriber live in one process while any is up, so
 * that a join never crosses processes. A lost link is made anew and its calls are claimed again; what voice does not
 * have any more is reported as lost.
 */
export class VoicePool {
  readonly #log: Log
  readonly #links: LinkClient<VoiceLink>[] = []
  readonly #endpoints = new Map<Id<'med'>, VoiceEndpoint>()
  readonly #homes = new Map<Id<'sub'>, { voice: number; endpoints: number }>()
  readonly #load: number[] = []
  readonly #clock: Clock
  /** Processes that cannot be reached, with the time that they have left. */
  readonly #missing = new Map<number, { since: number; timer: Timer; settled: PromiseWithResolvers<void> }>()

  constructor(options: { log: Log; clock: Clock }) {
    this.#log = options.log
    this.#clock = options.clock
  }

  /** Connects to the processes' links. Endpoints that are to be claimed must have been adopted before. */
  start(paths: readonly string[]): void {
    for (const [voice, path] of paths.entries()) {
      this.#load[voice] ??= 0
      if (this.#at(voice).length > 0) this.#miss(voice)
      this.#links[voice] = connectLink<VoiceLink>({
        path,
        hello: { process: 'switch', version: 1 },
        log: this.#log,
        onConnected: () => void this.#claim(voice),
        onLost: (lost) => {
          this.#log.warn({ voice, reason: lost.reason }, 'the link to voice is lost')
          this.#miss(voice)
        },
        onNotification: {
          codec: ({ endpoint, codec }) => this.#endpoints.get(endpoint)?.onCodec?.(codec),
          partial: ({ endpoint, text }) => this.#endpoints.get(endpoint)?.onPartial?.(text),
          progress: (progress) => this.#endpoints.get(progress.endpoint)?.onProgress?.(progress),
          answered: (verdict) => this.#endpoints.get(verdict.endpoint)?.onAnswered?.(verdict),
          pressed: ({ endpoint, digit }) => this.#endpoints.get(endpoint)?.onPressed?.(digit),
          digit: ({ endpoint, digit }) => this.#endpoints.get(endpoint)?.onDigit?.(digit),
          speaking: ({ endpoint, speaking }) => this.#endpoints.get(endpoint)?.onSpeaking?.(speaking),
          media: ({ endpoint, state, silentMs }) => this.#endpoints.get(endpoint)?.onMedia?.(state, silentMs),
        },
      })
    }
  }

  /** Endpoints that are open: zero when nothing is left. */
  get size(): number {
    return this.#endpoints.size
  }

  /** Opens an endpoint for a call in a realm, at its address of this family or else its first one. @throws VoiceUnavailable */
  async open(call: Id<'call'>, subscriber: Id<'sub'>, realm: Realm, family?: IpFamily): Promise<VoiceEndpoint> {
    const snapshot = await this.#open({ call, realm, family }, subscriber)
    const endpoint = new VoiceEndpoint(this, call, subscriber, snapshot)
    this.#endpoints.set(snapshot.id, endpoint)
    return endpoint
  }

  /** Opens a lost endpoint anew. @throws VoiceUnavailable */
  async reopen(endpoint: VoiceEndpoint, realm: Realm, family?: IpFamily): Promise<EndpointSnapshot> {
    const snapshot = await this.#open({ call: endpoint.call, realm, family }, endpoint.subscriber)
    this.#endpoints.set(snapshot.id, endpoint)
    return snapshot
  }

  async #open(
    { call, realm, family }: { call: Id<'call'>; realm: Realm; family: IpFamily | undefined },
    subscriber: Id<'sub'>,
  ): Promise<EndpointSnapshot> {
    try {
      return await this.#openAt(this.#home(subscriber), { call, realm, ...(family ? { family } : {}) })
    } catch (error) {
      this.#leave(subscriber)
      throw new VoiceUnavailable(error)
    }
  }

  /** A process that dies with the question is there again within moments, and is asked once more; it may be the question that kills. */
  async #openAt(voice: number, wanted: Omit<Params<'endpoint.open'>, 'endpoint'>): Promise<EndpointSnapshot> {
    const until = this.#clock.now() + AT_ONCE_MS
    for (let again = false; ; again = true) {
      await this.#links[voice]?.ready(Math.max(0, until - this.#clock.now()))
      // Another one each time: whether the former was opened is not known.
      const id = newId('med')
      try {
        const { address, port } = await this.call(voice, 'endpoint.open', { ...wanted, endpoint: id }, AT_ONCE_MS)
        return { id, voice, address, port }
      } catch (error) {
        if (again || !(error instanceof LinkLost)) throw error
      }
    }
  }

  /** An endpoint that a former process had opened. It is claimed once the link is up. */
  adopt(call: Id<'call'>, subscriber: Id<'sub'>, snapshot: EndpointSnapshot): VoiceEndpoint {
    const endpoint = new VoiceEndpoint(this, call, subscriber, snapshot)
    endpoint.tonesAre = null
    this.#endpoints.set(snapshot.id, endpoint)
    const home = this.#homes.get(subscriber)
    if (home) home.endpoints += 1
    else this.#homes.set(subscriber, { voice: snapshot.voice, endpoints: 1 })
    this.#load[snapshot.voice] = (this.#load[snapshot.voice] ?? 0) + 1
    return endpoint
  }

  async call<M extends keyof VoiceMethods>(voice: number, method: M, params: Params<M>, timeoutMs?: number): Promise<Result<M>> {
    const link = this.#links[voice]
    if (!link) throw new VoiceUnavailable(`there is no voice process ${voice}`)
    const answer = link.call(method, params as never, timeoutMs === undefined ? undefined : { timeoutMs })
    return (await answer) as Result<M>
  }

  /** Where its process is not linked at the moment: resolves when it is, rejects after 2 s. */
  reach({ snapshot: { voice } }: VoiceEndpoint): Promise<unknown> | null {
    const link = this.#links[voice]
    return link && !link.link ? link.ready(AT_ONCE_MS) : null
  }

  /** Resolves when it is known whether the endpoint's process still has it; at once while it can be reached. */
  async settled(endpoint: VoiceEndpoint): Promise<void> {
    await this.away(endpoint)
  }

  /** The same where it can't be reached; null where it can. */
  away({ snapshot: { voice } }: VoiceEndpoint): Promise<void> | null {
    return this.#missing.get(voice)?.settled.promise ?? null
  }

  forget(endpoint: VoiceEndpoint): void {
    if (this.#endpoints.delete(endpoint.id)) this.#leave(endpoint.subscriber)
  }

  close(): void {
    for (const { timer } of this.#missing.values()) timer.cancel()
    for (const link of this.#links) link.close()
  }

  /** The process where the subscriber's endpoints live; a subscriber without any goes where the least load is. */
  #home(subscriber: Id<'sub'>): number {
    let home = this.#homes.get(subscriber)
    if (!home) {
      let voice = 0
      for (const [index, load] of this.#load.entries()) {
        const better =
          (this.#links[index]?.link ? 0 : 1e9) + load < (this.#links[voice]?.link ? 0 : 1e9) + (this.#load[voice] ?? 0)
        if (better) voice = index
      }
      home = { voice, endpoints: 0 }
      this.#homes.set(subscriber, home)
    }
    home.endpoints += 1
    this.#load[home.voice] = (this.#load[home.voice] ?? 0) + 1
    return home.voice
  }

  #leave(subscriber: Id<'sub'>): void {
    const home = this.#homes.get(subscriber)
    if (!home) return
    home.endpoints -= 1
    this.#load[home.voice] = (this.#load[home.voice] ?? 1) - 1
    if (home.endpoints === 0) this.#homes.delete(subscriber)
  }

  #at(voice: number): VoiceEndpoint[] {
    return [...this.#endpoints.values()].filter(({ snapshot }) => snapshot.voice === voice)
  }

  /** The process can be reached: what it has is ours, and what it has not is lost. */
  async #claim(voice: number): Promise<void> {
    const mine = this.#at(voice)
    try {
      if (mine.length === 0) return
      const { endpoints } = await this.call(voice, 'claim', { calls: [...new Set(mine.map((e) => e.call))] }, AT_ONCE_MS)
      const there = new Set(endpoints.map((e) => e.endpoint))
      this.#lose(
        voice,
        mine.filter((endpoint) => !there.has(endpoint.id) && endpoint.snapshot.voice === voice),
      )
      for (const { endpoint } of endpoints) if (!this.#endpoints.has(endpoint)) this.#drop(voice, endpoint)
    } catch (error) {
      this.#log.error({ err: error, voice }, 'the calls at voice cannot be claimed')
    } finally {
      this.#settle(voice)
    }
  }

  /** One that was opened while the link broke: we never learnt of it, so nobody else would ever close it. */
  #drop(voice: number, endpoint: Id<'med'>): void {
    this.call(voice, 'endpoint.close', { endpoint }, AT_ONCE_MS).catch(() => {})
  }

  /** It may come back with all that it has; else that is lost, once there is, or could be, another process. */
  #miss(voice: number): void {
    if (this.#missing.has(voice)) return
    const others = this.#links.some((link, index) => index !== voice && link.link)
    const timer = this.#clock.after(others ? GRACE_MS : RESTART_MS, () => {
      this.#lose(voice, this.#at(voice))
      this.#settle(voice)
    })
    this.#missing.set(voice, { since: this.#clock.now(), timer, settled: Promise.withResolvers() })
  }

  #settle(voice: number): void {
    const missing = this.#missing.get(voice)
    this.#missing.delete(voice)
    missing?.timer.cancel()
    missing?.settled.resolve()
  }

  /** All are forgotten before the first is told, so that a subscriber finds a new home for all of them. */
  #lose(voice: number, endpoints: VoiceEndpoint[]): void {
    const now = this.#clock.now()
    const agoMs = now - (this.#missing.get(voice)?.since ?? now)
    for (const endpoint of endpoints) this.forget(endpoint)
    for (const endpoint of endpoints) endpoint.lose(agoMs)
  }
}
