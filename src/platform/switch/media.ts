import { TielineError } from '#lib/index.ts'
import type { EndpointDescription, MediaStats } from '#platform/words/index.ts'
import {
  type Agreement,
  createAnswer,
  createOffer,
  G711,
  type LocalMedia,
  type MediaPolicy,
  negotiate,
  readAnswer,
} from '#protocol/sdp/index.ts'
import type { EndpointSnapshot, VoiceEndpoint } from './voice.ts'

/** What we offer and accept on every leg. */
const POLICY: MediaPolicy<'rtp'> = { transport: 'rtp' }

/** Offer and answer have nothing in common, or are none. */
export class NotAcceptable extends TielineError {
  constructor(why: string) {
    super(`no audio in common: ${why}`, { code: 'not-acceptable', fault: 'peer', retry: false, http: 502, sip: 488, q850: 65 })
    this.name = 'NotAcceptable'
  }
}

type G711Agreement = Agreement<'PCMU' | 'PCMA', 'rtp'>

/** The SDP of a leg as the journal keeps it. */
export interface MediaSnapshot {
  endpoint: EndpointSnapshot
  sessionId: string
  version: number
  /** The last offer of ours that has no answer yet. */
  offer: string | null
  /** What we last sent, and what was agreed on. */
  sent: string | null
  agreement: G711Agreement | null
}

/**
 * The audio of one leg: its end in voice, and offer and answer with its far end (RFC 3264). Addresses in its SDP are
 * those of the leg's own realm (PITFALLS S55). What is agreed on is told to voice at once, behind the turn.
 */
export class LegMedia {
  readonly endpoint: VoiceEndpoint
  /** Voice failed to do what was agreed on. */
  onFault: ((error: unknown) => void) | undefined
  readonly #local: LocalMedia
  #offer: string | null
  #sent: string | null
  #agreement: G711Agreement | null

  constructor(endpoint: VoiceEndpoint, snapshot?: MediaSnapshot) {
    this.endpoint = endpoint
    const { address, port, id } = endpoint.snapshot
    // §8 of RFC 3264 wants numbers; the last digits of our random id are as good as a clock (RFC 8866 §5.2).
    const sessionId = snapshot?.sessionId ?? String(Number.parseInt(id.slice(-8), 16))
    this.#local = { address, port, sessionId, version: snapshot?.version ?? 0 }
    this.#offer = snapshot?.offer ?? null
    this.#sent = snapshot?.sent ?? null
    this.#agreement = snapshot?.agreement ?? null
  }

  /** What the far end was last told. */
  get description(): string | null {
    return this.#sent
  }

  /** Whether telephone-events have been negotiated for what we send. */
  get takesDigits(): boolean {
    return this.#agreement?.send.telephoneEvent !== undefined
  }

  /** Whether an offer of ours went out that nothing has been agreed on yet. */
  get awaitsAnswer(): boolean {
    return this.#offer !== null && this.#agreement === null
  }

  /** An offer of ours; {@link readAnswer} takes what comes back. */
  offer(): string {
    this.#offer = createOffer(this.#next(), POLICY, G711)
    this.#sent = this.#offer
    return this.#offer
  }

  /** The answer to our offer; again for each further one (early and final). @throws NotAcceptable */
  readAnswer(answer: Uint8Array | string): void {
    const negotiation = readAnswer(this.#offer ?? this.#sent ?? '', answer, POLICY, G711)
    if (!negotiation.agreed) throw new NotAcceptable(negotiation.why)
    this.#agree(negotiation.agreement)
  }

  /** Our answer to an offer; the same text where nothing has changed (an early answer and the final one). @throws NotAcceptable */
  answer(offer: Uint8Array | string): string {
    const negotiation = negotiate(offer, POLICY, G711)
    if (!negotiation.agreed) throw new NotAcceptable(negotiation.why)
    this.#offer = null
    if (this.#sent && sameAgreement(this.#agreement, negotiation.agreement)) return this.#sent
    this.#agree(negotiation.agreement)
    this.#sent = createAnswer(offer, negotiation, this.#next(), G711)
    return this.#sent
  }

  snapshot(): MediaSnapshot {
    const { sessionId, version } = this.#local
    const endpoint = this.endpoint.snapshot
    return { endpoint, sessionId, version, offer: this.#offer, sent: this.#sent, agreement: this.#agreement }
  }

  /** Gives the endpoint back, with its figures; null when voice has none. Never rejects. */
  close(): Promise<MediaStats | null> {
    return this.endpoint.close()
  }

  #next(): LocalMedia {
    this.#local.version += 1
    return this.#local
  }

  #agree(agreement: G711Agreement): void {
    if (sameAgreement(this.#agreement, agreement)) return
    this.#agreement = agreement
    this.endpoint.describe(describe(agreement)).catch((error: unknown) => this.onFault?.(error))
  }
}

/** For voice. An address of 0.0.0.0 is a hold in the manner of RFC 2543: nothing is sent there (PITFALLS S48). */
function describe({ transport, remote, send, receive, direction }: G711Agreement): EndpointDescription {
  return { transport, remote, send, receive, direction }
}

function sameAgreement(a: G711Agreement | null, b: G711Agreement): boolean {
  return a !== null && JSON.stringify(a) === JSON.stringify(b)
}
