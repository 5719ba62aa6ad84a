import { type Id, newId } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import type { PromptSource } from '#platform/words/index.ts'
import type { IncomingInvite, SipResponse } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import { joinAudio } from './connect.ts'
import { answerBody } from './dialog.ts'
import type { Ears } from './ears.ts'
import { pairUp } from './pair.ts'
import { passOnEarly, updatedEarly } from './renegotiate.ts'

/** The ringback tone that a caller hears whose call is answered already: 425 Hz, one second in five (ETSI TR 101 041). */
const RINGBACK = { tone: [{ frequencies: [425], onMs: 1000, offMs: 4000 }], totalMs: 5000 }

type OnUpdate = NonNullable<IncomingInvite['onUpdate']>

/** What a caller hears while it rings; `silenced` is told when it does no more, which may be more than once. */
export interface Music {
  source: PromptSource
  silenced(): void
}

export interface RingingOptions {
  music?: Music | undefined
  listener?: Leg | undefined
  /** Listens to the tones of early audio. */
  ears?: Ears | undefined
}

/** Passes what the dialled leg says while it rings on to the caller, without anything of its headers (F08). */
export class Ringing implements Disposable {
  readonly #call: Call
  readonly #music: Music | undefined
  readonly #listener: Leg | undefined
  readonly #ears: Ears | undefined
  readonly #delivered: Leg[] = []
  #early = false
  #answer: { leg: Leg; sdp: Uint8Array } | null = null
  #tone: { verb: Id<'verb'>; lease: Id<'lse'>[] } | null = null

  /** `music` is heard by the caller over and over while it rings, in place of a tone; a player has been leased for it. `listener` hears it instead. */
  constructor(call: Call, { music, listener, ears }: RingingOptions = {}) {
    this.#call = call
    this.#listener = listener
    this.#ears = ears
    this.#music = music
    if (music) this.#play(music.source, [])
  }

  /** Where others ring too, nobody is heard before the answer: not `alone`. */
  provisional(leg: Leg, response: SipResponse, { alone }: { alone: boolean }): void {
    if (response.status === 100) return
    leg.alert()
    if (!this.#delivered.includes(leg)) {
      this.#delivered.push(leg)
      this.#call.event('leg.delivered', { leg, data: { sip: response.status } })
    }
    const said = this.#saidBy(leg, response)
    if (said && alone) this.#answer = { leg, sdp: said }
    if (said && leg.outgoing && this.#call.media.has(leg.id)) {
      const onUpdate: OnUpdate = (incoming) => updatedEarly(this.#call, leg, incoming, said)
      leg.outgoing.onUpdate = onUpdate
    }
    if (!alone || (said && this.#ignores(leg))) {
      this.#passRing(180)
      return
    }
    const sdp = said
    if (this.#call.direct || !this.#call.media.has(leg.id)) this.#passDirect(leg, response.status, sdp)
    else if (sdp) this.#passEarly(leg, response.status, sdp)
    else this.#passRing(response.status)
  }

  /** Its description, unless it has asked for another one since by UPDATE: then this one answers nothing (RFC 3261 §13.2.1). */
  #saidBy(leg: Leg, { description, to }: SipResponse): Uint8Array | null {
    const updatedBy = this.#call.media.get(leg.id)?.updatedBy ?? null
    return description.length === 0 || (updatedBy !== null && updatedBy === to.tag) ? null : description
  }

  /** The description that came before the leg's answer, if any. */
  answerOf(leg: Leg): Uint8Array | null {
    return this.#answer?.leg === leg ? this.#answer.sdp : null
  }

  /** PITFALLS S15: nothing of this trunk is heard before its answer, so that the caller hears ringing. */
  #ignores(leg: Leg): boolean {
    const { trunk } = leg.facts
    return trunk !== undefined && this.#call.x.directory().byName(trunk)?.earlyMedia === 'ignore'
  }

  /** Whoever has rung until now does so no more, and somebody else is called. */
  next(): void {
    this.#early = false
  }

  /** Somebody else is called instead (RFC 3261 §21.1.3). */
  sentOn(): void {
    this.#hearer.incoming?.provisional(181)
  }

  answered(): void {
    this.#silence()
  }

  [Symbol.dispose](): void {
    this.#silence()
  }

  /** Who hears that it rings: the caller, unless somebody else was named. */
  get #hearer(): Leg {
    return this.#listener ?? this.#call.a
  }

  #passDirect(leg: Leg, status: number, sdp: Uint8Array | null): void {
    const { a } = this.#call
    const body = sdp ? { body: { type: 'application/sdp', content: sdp } } : {}
    a.incoming?.provisional(told(status), body)
    if (!sdp || !leg.outgoing || !a.incoming) return
    const ofCalled: OnUpdate = (incoming) => void passOnEarly(this.#call, leg, a, incoming)
    const ofCaller: OnUpdate = (incoming) => void passOnEarly(this.#call, a, leg, incoming)
    leg.outgoing.onUpdate = ofCalled
    a.incoming.onUpdate = ofCaller
  }

  /** Early audio (S14, S15): both ends are joined before the answer. */
  #passEarly(leg: Leg, status: number, sdp: Uint8Array): void {
    const a = this.#hearer
    const from = this.#call.media.get(leg.id)
    const to = this.#call.media.get(a.id)
    if (!from || !to) return
    try {
      from.readAnswer(sdp)
      const invite = a.incoming
      const offered = invite !== null && invite.request.description.length > 0
      const content = offered ? answerBody(this.#call, a, leg) : ''
      pairUp(this.#call, a, leg, { for: 'now' })
      if (offered) {
        invite.provisional(told(status), { body: { type: 'application/sdp', content } })
        const onUpdate: OnUpdate = (incoming) => updatedEarly(this.#call, a, incoming, null)
        invite.onUpdate = onUpdate
      }
    } catch (error) {
      this.#call.log.warn({ err: error, leg: leg.id }, 'early audio cannot be passed on')
      this.#passRing(status)
      return
    }
    this.#silence()
    this.#ears?.progress?.listen(leg)
    if (!this.#early) joinAudio(this.#call, a, leg, { for: 'now' })
    this.#early = true
  }

  #passRing(status: number): void {
    // Its telephone would ring over the music.
    if (this.#music) return
    const a = this.#hearer
    // A 180 behind early audio: the caller's own telephone rings, and what comes is still heard.
    if (a.incoming) a.incoming.provisional(told(status))
    else if (!this.#early) this.#sound()
  }

  /** The caller has been answered and hears nothing of our 180: it gets a tone where a player can be had. */
  #sound(): void {
    const a = this.#hearer
    const media = this.#call.media.get(a.id)
    if (!media || this.#tone || !a.isConnected) return
    try {
      const lease = this.#call.admit([{ kind: 'voice.prompt', count: 1, leg: a.id }]).map((l) => l.id)
      this.#call.x.registry.answered(lease)
      this.#play(RINGBACK, lease)
    } catch {
      this.#call.log.info({}, 'a caller hears no ringback: no player is left')
    }
  }

  #play(source: PromptSource, lease: Id<'lse'>[]): void {
    const verb = newId('verb')
    this.#tone = { verb, lease }
    const { endpoint } = this.#call.media.get(this.#hearer.id) ?? {}
    endpoint?.play({ verb, source, loop: 0 }).catch((error: unknown) => {
      this.#call.log.info({ err: error }, 'a caller does not hear what it should while it rings')
    })
  }

  #silence(): void {
    if (!this.#tone) return
    this.#call.media.get(this.#hearer.id)?.endpoint.stop(this.#tone.verb)
    this.#call.x.registry.release(this.#tone.lease, 'done')
    this.#music?.silenced()
    this.#tone = null
  }
}

/** What a caller is told: 180 and 183 as they are, forwarding and queueing as progress. */
function told(status: number): number {
  return status === 180 ? 180 : 183
}
