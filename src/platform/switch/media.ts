import { randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { TielineError } from '#lib/index.ts'
import type { DigitPolicy, EndpointDescription, MediaStats, SrtpPolicy } from '#platform/words/index.ts'
import { alike } from '#protocol/audio/index.ts'
import { LONGEST_MASTER, SRTP_SUITES } from '#protocol/rtp/index.ts'
import {
  type Agreement,
  AUDIO_CODECS,
  type AudioCodecName,
  type CryptoPolicy,
  codecsOf,
  createAnswer,
  createOffer,
  type LocalMedia,
  type MediaPolicy,
  type Negotiation,
  negotiate,
  readAnswer,
} from '#protocol/sdp/index.ts'
import type { EndpointSnapshot, VoiceEndpoint } from './voice-endpoint.ts'

type Way = 'rtp' | 'srtp'
/** Whether the far end is held by us. */
type Facing = 'sendrecv' | 'sendonly'

/** Suites that we offer and accept, best first. */
const SUITES = SRTP_SUITES.map(({ name, keyBytes, saltBytes }) => ({ name, masterBytes: keyBytes + saltBytes }))

/** The ways that sound may travel under a policy, best first. */
const WAYS: Readonly<Record<SrtpPolicy, readonly Way[]>> = { off: ['rtp'], offered: ['srtp', 'rtp'], required: ['srtp'] }

/** All that we can make and hear, cheapest first. */
export const ALL_CODECS: readonly AudioCodecName[] = AUDIO_CODECS.map(({ name }) => name)

/** What may be agreed on with a far end for the sake of whom it talks to. */
export interface CodecChoice {
  /** Best first: what need not be transcoded. */
  first: readonly AudioCodecName[]
  /** Whether it may be another one. */
  others: boolean
}

/** What its trunk, or its site, says of a leg's sound. */
export interface LegPolicy {
  srtp?: SrtpPolicy | undefined
  /** What its far end may speak, best first. Default: all. */
  codecs?: readonly AudioCodecName[]
  /** Whose order counts in an answer of ours. Default `theirs`. */
  preference?: 'ours' | 'theirs'
  /** How keys reach a far end that takes no telephone-events. Default `tones`. */
  digits?: DigitPolicy
}

/** Where it talks to nobody yet. */
const ANY: CodecChoice = { first: [], others: true }

/** Offer and answer have nothing in common, or are none. */
export class NotAcceptable extends TielineError {
  constructor(why: string) {
    super(`no audio in common: ${why}`, { code: 'not-acceptable', fault: 'peer', retry: false, http: 502, sip: 488, q850: 65 })
    this.name = 'NotAcceptable'
  }
}

/** What we make of an offer under a policy: the first way that leads to an agreement. */
function negotiateUnder(
  srtp: SrtpPolicy,
  offer: Uint8Array | string,
  policy: Omit<MediaPolicy, 'transport' | 'crypto'> & { material: Uint8Array },
): Negotiation<AudioCodecName, Way> {
  const { material, ...wanted } = policy
  let result: Negotiation<AudioCodecName, Way> = { agreed: false, status: 488, why: 'no way' }
  for (const transport of WAYS[srtp]) {
    result = negotiate(offer, { transport, ...wanted, crypto: { suites: SUITES, material } }, AUDIO_CODECS)
    if (result.agreed) break
  }
  return result
}

/** Whether an offer has anything that a leg of this policy can take; one that is no SDP at all is somebody else's to judge. */
export function acceptsOffer(
  offer: Uint8Array,
  { srtp = 'off', codecs = ALL_CODECS }: { srtp?: SrtpPolicy | undefined; codecs?: readonly AudioCodecName[] },
): boolean {
  if (offer.length === 0) return true
  const result = negotiateUnder(srtp, offer, { codecs, material: new Uint8Array(LONGEST_MASTER) })
  return result.agreed || result.status === 400
}

/** What is allowed of a choice, in its order. */
function within(codecs: readonly AudioCodecName[], { first, others }: CodecChoice): AudioCodecName[] {
  const best = first.filter((name) => codecs.includes(name))
  return others ? [...best, ...codecs.filter((name) => !first.includes(name))] : best
}

type AudioAgreement = Agreement<AudioCodecName, Way>

/** The SDP of a leg as the journal keeps it. */
export interface MediaSnapshot {
  endpoint: EndpointSnapshot
  sessionId: string
  version: number
  /** The last offer of ours that has no answer yet. */
  offer: string | null
  /** What we last sent, and what was agreed on. */
  sent: string | null
  agreement: AudioAgreement | null
  /** How it faces the far end; absent means both ways. */
  facing?: Facing
  /** What the far end has named, and what it has spoken beside what was agreed on. */
  named?: AudioCodecName[]
  beside?: AudioCodecName[]
  /** How it is protected; absent means not at all. */
  protection?: { srtp: SrtpPolicy; material: string; clear: boolean }
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
  readonly #srtp: SrtpPolicy
  readonly #codecs: readonly AudioCodecName[]
  readonly #preference: 'ours' | 'theirs'
  /** What the keys of this leg are cut from while voice has it: a key that stays keeps its roll-overs (RFC 3711 §3.3.1). */
  readonly #material: Uint8Array
  /** The far end has refused protection, which we can do without. */
  #clear: boolean
  /** `sendonly` while we hold the far end. */
  #facing: Facing
  #offer: string | null
  /** What was last chosen from for an offer. */
  #choice: CodecChoice = ANY
  #sent: string | null
  /** What we had sent when something was last agreed on. */
  #stands: string | null
  #agreement: AudioAgreement | null
  /** What its far end has said that it speaks, and what it has spoken beside what was agreed on. */
  #named: readonly AudioCodecName[]
  readonly #beside: Set<AudioCodecName>
  readonly #digits: DigitPolicy
  /** The fork whose UPDATE before the answer was answered here, and stands in the place of its answer; '' for a caller. */
  #updatedBy: string | null = null
  /** Whether the far end and voice know where the leg's sound is. */
  #settled = true

  constructor(endpoint: VoiceEndpoint, from: LegPolicy & { snapshot?: MediaSnapshot } = {}) {
    this.endpoint = endpoint
    this.#codecs = from.codecs ?? ALL_CODECS
    this.#preference = from.preference ?? 'theirs'
    this.#digits = from.digits ?? 'tones'
    const { snapshot, srtp = snapshot?.protection?.srtp ?? 'off' } = from
    this.#srtp = srtp
    this.#material = snapshot?.protection ? Buffer.from(snapshot.protection.material, 'base64') : randomBytes(LONGEST_MASTER)
    this.#clear = snapshot?.protection?.clear ?? false
    const { address, port, id } = endpoint.snapshot
    // §8 of RFC 3264 wants numbers; the last digits of our random id are as good as a clock (RFC 8866 §5.2).
    const sessionId = snapshot?.sessionId ?? String(Number.parseInt(id.slice(-8), 16))
    this.#local = { address, port, sessionId, version: snapshot?.version ?? 0 }
    this.#facing = snapshot?.facing ?? 'sendrecv'
    this.#offer = snapshot?.offer ?? null
    this.#sent = snapshot?.sent ?? null
    this.#stands = this.#sent
    this.#agreement = snapshot?.agreement ?? null
    this.#named = snapshot?.named ?? []
    this.#beside = new Set(snapshot?.beside)
  }

  /** What the far end was last told. */
  get description(): string | null {
    return this.#sent
  }

  /** The tag of whoever's offer before the answer (RFC 3311) is what stands, '' for a caller's; null where there was none. */
  get updatedBy(): string | null {
    return this.#updatedBy
  }

  /** Whether its descriptions hold keys. */
  get isSecret(): boolean {
    return this.#srtp !== 'off'
  }

  /** How keys reach its far end. */
  get keysBy(): 'events' | DigitPolicy {
    return this.#agreement?.send.telephoneEvent === undefined ? this.#digits : 'events'
  }

  /** What has been agreed on; null before. */
  get codec(): AudioCodecName | null {
    return this.#agreement?.send.codec ?? null
  }

  /** What its far end may speak of what it has offered, in its order. */
  codecsIn(offer: Uint8Array | string): AudioCodecName[] {
    return codecsOf(offer, WAYS[this.#srtp], AUDIO_CODECS).filter((name) => this.#codecs.includes(name))
  }

  /** What its far end has said that it speaks, and may speak, in its order. */
  get named(): readonly AudioCodecName[] {
    return this.#named
  }

  /** Whether anything of a choice may be spoken here. */
  allows(choice: CodecChoice): boolean {
    return within(this.#codecs, choice).length > 0
  }

  /** Whether what it hears is what the other one speaks, as it is or by a table; null before both have agreed. */
  passes(other: LegMedia): boolean | null {
    return this.codec && other.codec && alike(this.codec).includes(other.codec)
  }

  /** Its far end has spoken a codec that was agreed on beside the first one. @returns whether that is new */
  hears(codec: AudioCodecName): boolean {
    const agreed = this.#agreement?.receive.also?.some((other) => other.codec === codec)
    if (!agreed || this.#beside.has(codec)) return false
    this.#beside.add(codec)
    return true
  }

  /** Whether its far end has spoken something beside what was agreed on first that the other one does not speak. */
  strays(other: LegMedia): boolean {
    return [...this.#beside].some((codec) => other.codec !== null && !alike(codec).includes(other.codec))
  }

  /** From now on nothing is heard but what was agreed on first. @returns whether there was more, so that the far end has to be told (RFC 3264 §10.2) */
  narrow(): boolean {
    this.#beside.clear()
    const { also, ...receive } = this.#agreement?.receive ?? {}
    if (!this.#agreement || !also) return false
    this.#agreement = { ...this.#agreement, receive: receive as AudioAgreement['receive'] }
    this.#tell(this.#agreement)
    return true
  }

  /** Whether its far end does not want to hear: held by it, in any spelling (PITFALLS S48). Null before anything is agreed on. */
  get isHeldByFarEnd(): boolean | null {
    const direction = this.#agreement?.direction
    return direction === undefined ? null : direction === 'recvonly' || direction === 'inactive'
  }

  /** Whether an offer of ours went out that nothing has been agreed on yet. */
  get awaitsAnswer(): boolean {
    return this.#offer !== null && this.#agreement === null
  }

  /**
   * The endpoint has been opened anew: the next offer or answer says where. Our key stays, as far ends are in the field that
   * take one only once; voice sends with it from a new source, whose roll-overs begin at nothing (RFC 3711 §3.3.1, §8.1).
   */
  moved(): void {
    const { address, port } = this.endpoint.snapshot
    this.#local.address = address
    this.#local.port = port
    this.#settled = false
  }

  /** How our descriptions face the far end from now on. @returns whether that is new to it, so that an offer has to follow */
  face(direction: Facing): boolean {
    if (this.#facing === direction) return false
    this.#facing = direction
    return true
  }

  get facing(): Facing {
    return this.#facing
  }

  /** An offer of ours; {@link readAnswer} takes what comes back. @throws NotAcceptable where nothing of the choice is allowed */
  offer(choice: CodecChoice = this.#choice): string {
    const codecs = within(this.#codecs, choice)
    if (codecs.length === 0) throw new NotAcceptable('no codec that both may speak')
    this.#choice = choice
    const policy = { ...this.#policy, codecs, agreed: this.#agreement?.receive }
    this.#offer = createOffer(this.#next(), policy, AUDIO_CODECS)
    this.#sent = this.#offer
    return this.#offer
  }

  /**
   * Our offer, for whoever is asked next: what one that was asked before it has wanted by UPDATE (RFC 3311) is over with it. Null where
   * we have made none.
   */
  offerAnew(): string | null {
    if (this.#offer === null) return null
    this.#updatedBy = null
    this.#sent = this.#offer
    return this.#offer
  }

  /**
   * Our offer was refused: what had been agreed on stands (RFC 3264 §4). The far end has read it all the same, so that its next
   * offer is not answered with a description of a lower version than that (§8).
   */
  refused(): void {
    this.#offer = null
    this.#sent = this.#stands
    this.#settled = false
  }

  /** An offer without protection, where the one with it was refused and the policy can do without; else null. */
  offerInClear(): string | null {
    if (this.#srtp !== 'offered' || this.#clear) return null
    this.#clear = true
    return this.offer()
  }

  /** The answer to our offer; again for each further one (early and final). @throws NotAcceptable */
  readAnswer(answer: Uint8Array | string): void {
    const negotiation = readAnswer(this.#offer ?? this.#sent ?? '', answer, this.#policy, AUDIO_CODECS)
    if (!negotiation.agreed) throw new NotAcceptable(negotiation.why)
    this.#checkFamily(negotiation.agreement)
    const said = codecsOf(answer, [negotiation.agreement.transport], AUDIO_CODECS)
    this.#named = [...new Set([...this.#named, ...said.filter((name) => this.#codecs.includes(name))])]
    this.#stands = this.#sent
    this.#updatedBy = null
    this.#agree(negotiation.agreement)
  }

  /**
   * Our answer to an offer; the same text where nothing has changed (an early answer and the final one). An offer that comes
   * `again`, in the middle of a call, is told to voice all the same: a far end behind a NAT may have moved (PITFALLS F03).
   * What was told before stays, so that all answers to one offer say the same. `early`: the offer came before the answer, from the
   * fork of that tag; ours is open for the others. @throws NotAcceptable, with all as it was
   */
  answer(
    offer: Uint8Array | string,
    { again = false, choice = ANY, early = null }: { again?: boolean; choice?: CodecChoice; early?: string | null } = {},
  ): string {
    const told = !again && this.#sent !== null && this.codec ? [[this.codec]] : []
    const prefer = [...told, ...choice.first.map((name) => [name])]
    const codecs = [...told.flat(), ...within(this.#codecs, choice)]
    const negotiation = negotiateUnder(this.#srtp, offer, {
      material: this.#material,
      direction: this.#facing,
      codecs,
      prefer,
      preference: this.#preference,
    })
    if (!negotiation.agreed) throw new NotAcceptable(negotiation.why)
    this.#checkFamily(negotiation.agreement)
    this.#named = this.codecsIn(offer)
    this.#updatedBy = early
    if (early === null) this.#offer = null
    if (this.#sent && this.#settled && sameAgreement(this.#agreement, negotiation.agreement)) {
      if (again) this.#tell(negotiation.agreement)
      // The same sound may be asked for beside other streams than before, and the answer has a line for each (RFC 3264 §6).
      if (createAnswer(offer, negotiation, this.#local, AUDIO_CODECS) === this.#sent) return this.#sent
    }
    this.#agree(negotiation.agreement)
    this.#stands = createAnswer(offer, negotiation, this.#next(), AUDIO_CODECS)
    this.#sent = this.#stands
    return this.#sent
  }

  snapshot(): MediaSnapshot {
    const { sessionId, version } = this.#local
    const endpoint = this.endpoint.snapshot
    const material = Buffer.from(this.#material).toString('base64')
    const protection = this.#srtp === 'off' ? {} : { protection: { srtp: this.#srtp, material, clear: this.#clear } }
    const facing = this.#facing === 'sendrecv' ? {} : { facing: this.#facing }
    return {
      endpoint,
      sessionId,
      version,
      offer: this.#offer,
      sent: this.#sent,
      agreement: this.#agreement,
      ...protection,
      ...facing,
      ...(this.#named.length > 0 ? { named: [...this.#named] } : {}),
      ...(this.#beside.size > 0 ? { beside: [...this.#beside] } : {}),
    }
  }

  /** Gives the endpoint back, with its figures; null when voice has none. Never rejects. */
  close(): Promise<MediaStats | null> {
    return this.endpoint.close()
  }

  /** What our offers ask for: what was agreed on, else the best that the policy knows. */
  get #policy(): { transport: Way; direction: Facing; crypto?: CryptoPolicy } {
    const transport = this.#clear ? 'rtp' : (this.#agreement?.transport ?? WAYS[this.#srtp][0]!)
    const direction = this.#facing
    return transport === 'srtp'
      ? { transport, direction, crypto: { suites: SUITES, material: this.#material } }
      : { transport, direction }
  }

  #next(): LocalMedia {
    this.#local.version += 1
    return this.#local
  }

  /** Nothing is sent by one family of IP to an address of the other; that of a hold in the manner of RFC 2543 is none. */
  #checkFamily({ remote: { address } }: AudioAgreement): void {
    const nowhere = address === '0.0.0.0' || address === '::'
    if (!nowhere && isIPv6(address) !== isIPv6(this.#local.address))
      throw new NotAcceptable('its address is of another family of IP')
  }

  #agree(agreement: AudioAgreement): void {
    if (this.#settled && sameAgreement(this.#agreement, agreement)) return
    if (JSON.stringify(this.#agreement?.receive) !== JSON.stringify(agreement.receive)) this.#beside.clear()
    this.#agreement = agreement
    this.#settled = true
    this.#tell(agreement)
  }

  #tell(agreement: AudioAgreement): void {
    const keys = this.#digits === 'info' ? { keys: 'none' as const } : {}
    const { id } = this.endpoint
    this.endpoint.describe({ ...describe(agreement), ...keys }).catch((error: unknown) => {
      // What was told to a process that is gone is told anew, or the leg's end says it.
      if (this.endpoint.id === id) this.onFault?.(error)
    })
  }
}

/** For voice. An address of 0.0.0.0 is a hold in the manner of RFC 2543: nothing is sent there (PITFALLS S48). */
function describe({ transport, remote, send, receive, direction, crypto }: AudioAgreement): EndpointDescription {
  const keys = crypto && { suite: crypto.suite, send: crypto.send, receive: crypto.receive }
  return { transport, remote, send, receive, direction, ...(keys ? { crypto: keys } : {}) }
}

function sameAgreement(a: AudioAgreement | null, b: AudioAgreement): boolean {
  return a !== null && JSON.stringify(a) === JSON.stringify(b)
}
