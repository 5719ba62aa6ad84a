import type { Id } from '#lib/index.ts'
import type { CallCause, ConnectionState, Direction, Instant, LegView, Party, Realm, Via } from '#platform/words/index.ts'
import type {
  HeaderList,
  IncomingInvite,
  IncomingReinvite,
  IncomingRequest,
  IncomingSnapshot,
  OutgoingInvite,
  OutgoingSnapshot,
  Session,
  SessionEnd,
  SessionSnapshot,
  SessionUser,
} from '#protocol/sip/index.ts'

/** What stays the same about a leg from its first moment to its last. */
export interface LegFacts {
  id: Id<'leg'>
  direction: Direction
  via: Via
  realm: Realm
  /** The far end: the caller of a leg in, the callee of a leg out. */
  party: Party
  trunk?: Id<'trk'>
  /** The far end is a telephone of the site, not its PBX. */
  telephone?: true
}

/** The one dialog of a leg, in the form that it has now. */
type Dialog =
  | { kind: 'none' }
  | { kind: 'incoming'; invite: IncomingInvite }
  | { kind: 'outgoing'; invite: OutgoingInvite }
  | { kind: 'session'; session: Session }

/** The dialog as the journal keeps it. */
export type DialogSnapshot =
  | { kind: 'incoming'; incoming: IncomingSnapshot }
  | { kind: 'outgoing'; outgoing: OutgoingSnapshot }
  | { kind: 'session'; session: SessionSnapshot }

/** How a leg tells its end to the other side: the status of a refusal, and headers that say why (RFC 3326). */
export interface Farewell {
  status: number
  headers: HeaderList
}

/** Whose leg it is: a call. */
export interface LegOwner {
  /** The leg has a dialog of this Call-ID; `callerTag` is known for one that has just come in. */
  legNamed(leg: Leg, callId: string, callerTag?: string): void
  /** The state has changed, or the dialog: time for a snapshot. */
  legChanged(leg: Leg): void
  /** It rings there. */
  legRings(leg: Leg): void
  /** The leg is over: once, with its one cause. */
  legEnded(leg: Leg, cause: CallCause): void
  /** What the other side is told for a cause. */
  farewell(cause: CallCause, leg: Leg): Farewell
  /** Inside its dialog: a re-INVITE; INFO, UPDATE, REFER …; and with what body our 2xx was acknowledged. */
  legReinvited(leg: Leg, invite: IncomingReinvite): void
  legRequested(leg: Leg, request: IncomingRequest): void
  legAcknowledged(leg: Leg, body: Uint8Array): void
  /** What its far end was last told; null where it was told nothing. */
  descriptionOf(leg: Leg): string | null
}

const NO_DIALOG: Dialog = { kind: 'none' }
const NOBODY: readonly string[] = []

/**
 * One leg of a call: one SIP dialog, in the connection states of CSTA (ECMA-269 §6.1.5).
 *
 *     null ──► initiated ──► alerting ──► connected ◄──► hold        (leg out)
 *     null ──► alerting ────────────────► connected ◄──► hold        (leg in)
 *       └──────────┴────────────┴──────────────┴──► null | fail      (over; fail when never connected)
 *
 * Whatever happens, `owner.legEnded` is called exactly once (PITFALLS C07).
 */
export class Leg implements SessionUser {
  readonly facts: LegFacts
  /** What its far end was last told, where audio passes by us; {@link LegMedia} knows it otherwise. */
  description: string | null = null
  /** The tag of the fork that the description is owed to, where it was told by UPDATE before the answer (RFC 3311). */
  describedBy: string | null = null
  /** What its far end has offered by such an UPDATE: its INVITE says no longer how it is heard. */
  offered: string | null = null
  /** The last moment at which its far end was known to be there, where it was gone before that was found out (PITFALLS B06). */
  provenUntil: Instant | null = null
  /** The site's users for whose sake it is called, beside whom it is called at. */
  users = NOBODY
  /** While it rang, telephones of the site were told by what it is picked up: its name is no secret of its far end's. */
  named = false
  #owner: LegOwner
  #state: ConnectionState = 'null'
  #dialog = NO_DIALOG
  /** The Call-ID that was told last. */
  #told = ''
  #cause: CallCause | null = null
  #wasConnected = false
  #ended: PromiseWithResolvers<CallCause> | null = null

  constructor(facts: LegFacts, owner: LegOwner) {
    this.facts = facts
    this.#owner = owner
  }

  /** Resolves with its cause when it is over; made for whoever asks, and few do. */
  get ended(): Promise<CallCause> {
    if (!this.#ended) {
      this.#ended = Promise.withResolvers()
      if (this.#cause) this.#ended.resolve(this.#cause)
    }
    return this.#ended.promise
  }

  /** How its far end, which has called, wants to be heard: by its INVITE, or by what it has asked for before the answer. */
  get offer(): Uint8Array | string {
    return this.offered ?? this.incoming?.request.description ?? ''
  }

  get id(): Id<'leg'> {
    return this.facts.id
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** Why it is over; null while it is not. */
  get cause(): CallCause | null {
    return this.#cause
  }

  get isConnected(): boolean {
    return this.#state === 'connected' || this.#state === 'hold'
  }

  /** Whether it ever was connected, which tells `cleared` from `failed`. */
  get wasConnected(): boolean {
    return this.#wasConnected
  }

  get session(): Session | null {
    return this.#dialog.kind === 'session' ? this.#dialog.session : null
  }

  get incoming(): IncomingInvite | null {
    return this.#dialog.kind === 'incoming' ? this.#dialog.invite : null
  }

  get outgoing(): OutgoingInvite | null {
    return this.#dialog.kind === 'outgoing' ? this.#dialog.invite : null
  }

  /** A leg in has arrived: its caller hears nothing yet. */
  arrive(invite: IncomingInvite): void {
    this.#dialog = { kind: 'incoming', invite }
    this.#tellDialog(invite.request.callId, invite.request.fromTag)
    this.#enter('alerting')
    const onCancel = () => this.end(invite.unacknowledged ? NO_PRACK : CANCELLED)
    invite.onCancel = onCancel
    if (invite.cancelled) onCancel()
  }

  /** An INVITE of ours is on its way; again for the next gateway. */
  originate(invite: OutgoingInvite): void {
    this.#dialog = { kind: 'outgoing', invite }
    this.#tellDialog(invite.callId)
    if (this.#cause) invite.cancel()
    else this.#enter('initiated')
  }

  /** It rings there. */
  alert(): void {
    // Its dialog is as it was: there is nothing new that a restart would need.
    if (this.#state !== 'initiated') return
    this.#state = 'alerting'
    this.#owner.legRings(this)
  }

  /** The dialog is confirmed. Where the leg is over already, the session ends at once (S18). */
  connect(session: Session): void {
    this.#dialog = { kind: 'session', session }
    this.#tellDialog(session.callId)
    if (this.#cause) {
      void session.bye(this.#owner.farewell(this.#cause, this).headers)
      return
    }
    this.#wasConnected = true
    this.#enter('connected')
  }

  /** What comes inside its dialog is heard from now on. Every change of it is in the journal before it is answered. */
  listen(): void {
    this.session?.serve(this)
  }

  onReinvite(invite: IncomingReinvite): void {
    this.#owner.legReinvited(this, invite)
  }

  onRequest(request: IncomingRequest): void {
    this.#owner.legRequested(this, request)
  }

  onAcknowledged(body: Uint8Array): void {
    this.#owner.legAcknowledged(this, body)
  }

  /** Its session is over by itself: nobody is left to be told. */
  onEnded({ by }: SessionEnd): void {
    if (!this.#cause) this.#over(endCause(by, this.facts.direction))
  }

  describe(): { type: string; content: string } | undefined {
    const content = this.#owner.descriptionOf(this)
    return content === null ? undefined : { type: 'application/sdp', content }
  }

  /** Another call hears of it from now on. */
  serve(owner: LegOwner): void {
    this.#owner = owner
    if (this.session) owner.legNamed(this, this.session.callId)
    owner.legChanged(this)
  }

  /** Held or retrieved by the far end. */
  hold(held: boolean): void {
    if (this.isConnected) this.#enter(held ? 'hold' : 'connected')
  }

  /** The dialog has changed inside (an ACK, a re-INVITE): time for a snapshot. */
  touch(): void {
    if (!this.#cause) this.#owner.legChanged(this)
  }

  /** Ends it in whatever state it is; the far end is told. The first cause counts. */
  end(cause: CallCause): void {
    if (!this.#cause) this.#over(cause, this.#dialog)
  }

  /** `told`: the dialog whose far end has to hear of it. */
  #over(cause: CallCause, told = NO_DIALOG): void {
    this.#cause = cause
    if (told.kind !== 'none') this.#tell(told, this.#owner.farewell(cause, this))
    this.#state = this.#wasConnected ? 'null' : 'fail'
    this.#owner.legEnded(this, cause)
    this.#ended?.resolve(cause)
  }

  #tell(dialog: Dialog, { status, headers }: Farewell): void {
    switch (dialog.kind) {
      case 'incoming':
        dialog.invite.refuse(status, { headers })
        break
      case 'outgoing':
        dialog.invite.cancel(headers)
        break
      case 'session':
        void dialog.session.bye(headers)
        break
      case 'none':
        break
    }
  }

  /** The attempt has failed by itself: nobody is left to be told. */
  failed(cause: CallCause): void {
    if (this.#dialog.kind === 'outgoing') this.#dialog = NO_DIALOG
    this.end(cause)
  }

  view(): LegView {
    const { id, direction, via, party } = this.facts
    return { id, direction, state: this.#state, via, party }
  }

  /** The dialog for the journal; null where there is none to carry on or to end. */
  snapshot(): DialogSnapshot | null {
    switch (this.#dialog.kind) {
      case 'incoming':
        return { kind: 'incoming', incoming: this.#dialog.invite.snapshot() }
      case 'outgoing': {
        const outgoing = this.#dialog.invite.snapshot()
        return outgoing && { kind: 'outgoing', outgoing }
      }
      case 'session':
        return { kind: 'session', session: this.#dialog.session.snapshot() }
      case 'none':
        return null
    }
  }

  #tellDialog(callId: string, callerTag?: string): void {
    if (callId === this.#told) return
    this.#told = callId
    this.#owner.legNamed(this, callId, callerTag)
  }

  #enter(state: ConnectionState): void {
    if (this.#cause) return
    this.#state = state
    this.#owner.legChanged(this)
  }
}

const CANCELLED: CallCause = { by: 'caller', reason: 'cancelled', sip: 487, q850: 16, text: 'The caller gave up' }

/** RFC 3262 §3: the caller has had its 500 already (PITFALLS S12). */
const NO_PRACK: CallCause = {
  by: 'caller',
  reason: 'no-prack',
  sip: 500,
  q850: 102,
  text: 'A reliable response was never acknowledged',
}

/** Whose doing the end of a confirmed dialog is. A leg in has the caller at its far end, a leg out the callee. */
function endCause(by: SessionEnd['by'], direction: Direction): CallCause {
  const far = direction === 'in' ? 'caller' : 'callee'
  switch (by) {
    case 'remote':
      return { by: far, reason: 'hangup', q850: 16, text: 'Normal call clearing' }
    case 'no-ack':
      return { by: far, reason: 'no-ack', sip: 408, q850: 102, text: 'The answer was never acknowledged' }
    case 'expired':
      return { by: far, reason: 'session-expired', sip: 408, q850: 102, text: 'The session was not refreshed in time' }
    case 'gone':
      return { by: far, reason: 'dialog-gone', sip: 481, q850: 41, text: 'The far end has lost the call' }
    case 'local':
      return { by: 'switch', reason: 'hangup', q850: 16, text: 'Normal call clearing' }
  }
}
