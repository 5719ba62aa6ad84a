import { AcceptedAnswer, type AnswerOwner } from './accepted-answer.ts'
import { SentAck } from './ack.ts'
import { Acknowledgement } from './acknowledgement.ts'
import type { ClientUser } from './client-transaction.ts'
import { type Core, NOBODY, retryAfter } from './core.ts'
import { contactOf, type Dialog, hopNow } from './dialog.ts'
import type { DialogUser } from './dialogs.ts'
import { SipFailure } from './failure.ts'
import { answerByDefault, ReceivedRequest } from './incoming-request.ts'
import type { SipRequest, SipResponse } from './message.ts'
import { OutgoingMessage } from './outgoing-message.ts'
import { OwnRequests, type RequestOwner } from './own-requests.ts'
import { ReceivedReinvite } from './reinvite.ts'
import type { Replaces } from './replaces.ts'
import type { ServerTransaction } from './server-transaction.ts'
import { answerInterval, type SessionInterval, TIMER } from './session-interval.ts'
import { SessionTimer, type TimedSession } from './session-timer.ts'
import type { HeaderList, Hop, ResponseOptions, Session, SessionEnd, SessionSnapshot, SessionUser } from './types.ts'

/** Confirmed until either side ends it; then `ending` while our BYE is unanswered or has to wait for an ACK. */
type State = 'confirmed' | 'ending' | 'over'

/** A confirmed dialog with its invite usage (RFC 3261 §12, §14, §15). */
export class ConfirmedSession implements Session, DialogUser, TimedSession, AnswerOwner, RequestOwner {
  readonly remoteBody: Uint8Array
  /** Of the clock's `now`. */
  heardAt: number
  readonly #core: Core
  readonly #dialog: Dialog
  readonly #acknowledgement = new Acknowledgement()
  #end: SessionEnd | null = null
  #user: SessionUser | null = null
  /** Made for whoever asks. */
  #ended: PromiseWithResolvers<SessionEnd> | null = null
  #state: State = 'confirmed'
  #answer: AcceptedAnswer | null = null
  #ack: SentAck | null = null
  /** Made with the first of them. */
  #own: OwnRequests | null = null
  /** Of a session that has an interval. */
  #timer: SessionTimer | null = null
  #reinvite: ReceivedReinvite | null = null
  /** The highest number that a request has come with, whatever became of it; null where none is known. */
  #newest: number | null
  /** What a bye() that waits for an ACK will send (§15: no BYE before the ACK of our 2xx, or 64*T1). */
  #waitingBye: { headers: HeaderList | undefined; done: () => void } | null = null

  constructor(core: Core, dialog: Dialog, remoteBody: Uint8Array) {
    this.#core = core
    this.#dialog = dialog
    this.remoteBody = remoteBody
    this.heardAt = core.options.clock.now()
    this.#newest = dialog.remoteSequence
    core.dialogs.add(this)
    core.sessions++
    this.#setInterval(dialog.interval ?? null)
  }

  /** Acknowledges the 2xx that made the session (§13.2.2.4). */
  sendAck(sequence: number): SentAck {
    const ack = this.#requests.ack(sequence)
    this.#acknowledges(this.remoteBody)
    return ack
  }

  get acknowledged(): Promise<{ body: Uint8Array }> {
    return this.#acknowledgement.awaited
  }

  get ended(): Promise<SessionEnd> {
    if (!this.#ended) {
      this.#ended = Promise.withResolvers<SessionEnd>()
      if (this.#end) this.#ended.resolve(this.#end)
    }
    return this.#ended.promise
  }

  get isOver(): boolean {
    return this.#end !== null
  }

  serve(user: SessionUser): void {
    this.#user = user
    const { body } = this.#acknowledgement
    if (body) this.#tellAcknowledged(body)
    if (this.#end) this.#tellEnd(this.#end)
    if (this.#state === 'over') this.#user = null
  }

  #acknowledges(body: Uint8Array): void {
    this.#acknowledgement.comes(body)
    this.#tellAcknowledged(body)
  }

  #tellAcknowledged(body: Uint8Array): void {
    const user = this.#user
    if (user?.onAcknowledged) void Promise.resolve(body).then((acknowledged) => user.onAcknowledged?.(acknowledged))
  }

  #tellEnd(end: SessionEnd): void {
    const user = this.#user
    if (user?.onEnded) void Promise.resolve(end).then((told) => user.onEnded?.(told))
  }

  get #requests(): OwnRequests {
    this.#own ??= new OwnRequests(this.#core, this.#dialog, this)
    return this.#own
  }

  get #inviting(): boolean {
    return this.#own?.inviting === true
  }

  acks(ack: SentAck): void {
    this.#ack = ack
  }

  #setInterval(interval: SessionInterval | null): void {
    this.#dialog.interval = interval
    if (interval) this.#timer ??= new SessionTimer(this.#core, this)
    this.#timer?.set(interval)
  }

  /** RFC 4028 §7.4: by UPDATE where the far end takes it, by a re-INVITE that changes nothing where it doesn't. */
  refresh(headers: HeaderList): Promise<SipResponse> {
    if (this.#state !== 'confirmed') return Promise.reject(new SipFailure('gone', 481))
    const body = this.#user?.describe?.()
    if (this.#dialog.updates || !body) return this.#requests.request('UPDATE', { headers: [...headers, ['Supported', TIMER]] })
    if (this.#busy) return Promise.reject(new SipFailure('glare', 491))
    return this.#requests.reinvite(body, headers)
  }

  heard(): void {
    this.heardAt = this.#core.options.clock.now()
  }

  expire(): void {
    this.#giveUp('expired')
  }

  /** §14.1: another INVITE is open in either direction. */
  get #busy(): boolean {
    return this.#inviting || this.#reinvite !== null || this.#answer !== null
  }

  get ownsCallId(): boolean {
    return this.#dialog.ownsCallId === true
  }

  get callId(): string {
    return this.#dialog.callId
  }

  get localTag(): string {
    return this.#dialog.localTag
  }

  isNamed(callId: string, remoteTag: string): boolean {
    return callId === this.#dialog.callId && remoteTag === this.#dialog.remoteTag
  }

  isNews({ cseq: { sequence } }: SipRequest): boolean {
    const newest = this.#newest
    if (newest !== null && sequence <= newest) return false
    this.#newest = sequence
    // What has come before we knew of the dialog has had its answer, too.
    return newest !== null
  }

  is({ callId, toTag, fromTag }: Replaces): boolean {
    const { callId: own, localTag, remoteTag } = this.#dialog
    return own === callId && localTag === toTag && remoteTag === fromTag
  }

  /** Repeats our 2xx until its ACK comes. */
  awaitAck(sequence: number, message: OutgoingMessage, hop: Hop, onAck?: (body: Uint8Array) => void): void {
    this.#answer?.stop()
    this.#answer = new AcceptedAnswer(this.#core, this, sequence, message, hop, onAck)
  }

  /** Takes up what a snapshot says was pending. */
  resume(pending: SessionSnapshot['pending'], hop: Hop): void {
    if (pending?.kind === 'awaiting-ack') {
      const { callId, remoteTag } = this.#dialog
      const message = new OutgoingMessage({ is: 200, callId, fromTag: remoteTag }, pending.message)
      this.awaitAck(pending.sequence, message, hop)
      return
    }
    if (pending) this.#ack = SentAck.former(this.#core, this.#dialog, pending.sequence, pending)
    this.#acknowledges(new Uint8Array(0))
  }

  repeatAck(sequence: number): void {
    if (this.#ack?.sequence === sequence) this.#ack.repeat()
  }

  receiveAck(ack: SipRequest, source: Hop): void {
    const answer = this.#answer
    if (!answer || ack.cseq.sequence !== answer.sequence || !this.#core.isPeer(this.#dialog, source)) return
    this.heard()
    answer.stop()
    this.#answer = null
    answer.onAck?.(ack.description)
    this.#acknowledges(ack.description)
    this.#flushBye()
  }

  receive(request: SipRequest, transaction: ServerTransaction): void {
    const dialog = this.#dialog
    if (!this.#core.isPeer(dialog, transaction.source)) {
      this.#core.log.warn({ pii_address: transaction.source.address }, 'A request inside a dialog came from a stranger')
      return void transaction.respond({ status: 481 })
    }
    const { sequence } = request.cseq
    // §12.2.2: out of order.
    if (dialog.remoteSequence !== null && sequence < dialog.remoteSequence) {
      return void transaction.respond({ status: 500, headers: [retryAfter()] })
    }
    dialog.remoteSequence = sequence
    request.belongsTo(dialog.callId, dialog.remoteTag)
    this.heard()
    // RFC 5626 §5.3: whoever is reached by its own connection alone has come by another one.
    if (dialog.hop.bound && transaction.source.flow) dialog.hop = { ...transaction.source, bound: true }
    if (request.method === 'BYE') {
      this.#onBye(request, transaction)
      return
    }
    if (this.#state !== 'confirmed') return void transaction.respond({ status: 481 })
    if (request.method === 'INVITE') {
      this.#onReinvite(request, transaction)
      return
    }
    const received =
      request.method === 'UPDATE' ? this.#onUpdate(request, transaction) : new ReceivedRequest(request, transaction)
    if (!received) return
    if (!this.#user?.onRequest) {
      answerByDefault(received)
      return
    }
    this.#user.onRequest(received)
  }

  /** RFC 3311 §5.2: an offer beside an open one of ours gets 491, beside one of theirs 500. */
  #onUpdate(request: SipRequest, transaction: ServerTransaction): ReceivedRequest | null {
    const offers = request.description.length > 0
    if (offers && (this.#inviting || this.#reinvite)) {
      transaction.respond(this.#inviting ? { status: 491 } : { status: 500, headers: [retryAfter()] })
      return null
    }
    const timed = answerInterval(request)
    const granted = timed.kind === 'granted' ? timed : null
    const onFinal = (status: number) => {
      if (status >= 300) return
      this.#refreshTarget(request)
      this.#setInterval(granted?.interval ?? null)
    }
    const { contact } = this.#dialog
    return new ReceivedRequest(request, transaction, { onFinal, contact, ...(granted ? { headers: granted.headers } : {}) })
  }

  #onBye(request: SipRequest, transaction: ServerTransaction): void {
    transaction.respond({ status: 200 })
    this.#reinvite?.cancel()
    this.#finish({ by: 'remote', request })
  }

  #onReinvite(request: SipRequest, transaction: ServerTransaction): void {
    // §14.2: one at a time from them, and none while ours is open (PITFALLS S01, S05).
    if (this.#reinvite || this.#answer) {
      return void transaction.respond({ status: 500, headers: [retryAfter()] })
    }
    if (this.#inviting) return void transaction.respond({ status: 491 })
    if (!this.#user?.onReinvite) return void transaction.respond({ status: 488 })
    const timed = answerInterval(request)
    const reinvite: ReceivedReinvite = new ReceivedReinvite(this.#core, request, transaction, (accepted) => {
      this.#reinvite = null
      if (!accepted) return
      this.#refreshTarget(request)
      this.#setInterval(timed.kind === 'granted' ? timed.interval : null)
      this.awaitAck(request.cseq.sequence, accepted, transaction.hop, (body) => reinvite.acknowledged(body))
    })
    if (timed.kind === 'granted') reinvite.headers = timed.headers
    reinvite.contact = this.#dialog.contact
    this.#reinvite = reinvite
    this.#user.onReinvite(reinvite)
  }

  refreshed(response: SipResponse): void {
    this.#refreshTarget(response)
  }

  /** §12.2.2: a target refresh request moves the remote target (PITFALLS S25). */
  #refreshTarget(message: SipRequest | SipResponse): void {
    this.#dialog.remoteTarget = contactOf(message) ?? this.#dialog.remoteTarget
  }

  onNoAck(): void {
    this.#answer = null
    this.#acknowledgement.fails(new SipFailure('timeout', 408))
    this.#giveUp('no-ack')
  }

  /** Ended by us, since the far end has not done what proves that it lives. */
  #giveUp(by: 'no-ack' | 'expired'): void {
    if (this.#state === 'over') return
    if (this.#state === 'confirmed') this.#ends({ by })
    if (this.#waitingBye) {
      this.#flushBye()
      return
    }
    this.#state = 'ending'
    this.#sendBye(undefined, () => {})
  }

  bye(headers?: HeaderList): Promise<void> {
    if (this.#state !== 'confirmed') return Promise.resolve()
    this.#state = 'ending'
    this.#reinvite?.cancel()
    return new Promise((done) => {
      if (this.#answer) this.#waitingBye = { headers, done }
      else this.#sendBye(headers, done)
      this.#ends({ by: 'local' })
    })
  }

  #flushBye(): void {
    const bye = this.#waitingBye
    this.#waitingBye = null
    if (bye) this.#sendBye(bye.headers, bye.done)
  }

  #sendBye(headers: HeaderList | undefined, done: () => void): void {
    this.#timer?.stop()
    this.#requests.send('BYE', new SentBye(this, done), headers ? { headers } : null)
  }

  /** Our BYE has its final answer, or will have none. */
  left(): void {
    this.#finish({ by: 'local' })
  }

  request(method: string, options: ResponseOptions = {}): Promise<SipResponse> {
    if (this.#state !== 'confirmed') return Promise.reject(new SipFailure('gone', 481))
    return this.#requests.request(method, options)
  }

  reinvite(body: ResponseOptions['body'] | null): Promise<SipResponse> {
    if (this.#state !== 'confirmed') return Promise.reject(new SipFailure('gone', 481))
    if (this.#busy) return Promise.reject(new SipFailure('glare', 491))
    return this.#requests.reinvite(body, [])
  }

  acknowledge(body: ResponseOptions['body']): void {
    this.#requests.acknowledge(body)
  }

  /** §12.2.1.2: 481 and 408, or no answer, end the dialog. */
  judge(status: number): void {
    if (this.#state !== 'confirmed' || (status !== 481 && status !== 408)) return
    if (status === 408) this.#requests.send('BYE', NOBODY)
    this.#finish({ by: 'gone' })
  }

  #ends(end: SessionEnd): void {
    this.#end = end
    this.#ended?.resolve(end)
    this.#tellEnd(end)
  }

  #finish(end: SessionEnd): void {
    if (this.#state === 'over') return
    // Whoever has left this state has said why.
    if (this.#state === 'confirmed') this.#ends(end)
    this.#state = 'over'
    this.#timer?.stop()
    if (this.#answer) {
      this.#answer.stop()
      this.#answer = null
      this.#acknowledgement.fails(new SipFailure('gone', 481))
    }
    this.#core.dialogs.delete(this)
    this.#core.sessions--
    // The INVITE lingers for its late answers, and the session with it, but not the call behind it.
    this.#user = null
    this.#waitingBye?.done()
    this.#waitingBye = null
  }

  snapshot(): SessionSnapshot {
    const snapshot: SessionSnapshot = { ...this.#dialog, hop: hopNow(this.#dialog.hop) }
    const { transactions, options } = this.#core
    const [answer, ack] = [this.#answer, this.#ack]
    if (answer) {
      snapshot.pending = { kind: 'awaiting-ack', sequence: answer.sequence, message: answer.message.text }
    } else if (ack && options.clock.now() - ack.at < transactions.times.transaction) {
      // No 2xx is repeated for longer than that.
      snapshot.pending = { kind: 'ack', sequence: ack.sequence, ...ack.snapshot }
    }
    return snapshot
  }
}

/** Whatever answers our BYE, the session is over. */
class SentBye implements ClientUser {
  readonly #session: ConfirmedSession
  readonly #done: () => void

  constructor(session: ConfirmedSession, done: () => void) {
    this.#session = session
    this.#done = done
  }

  onResponse(response: SipResponse): void {
    if (response.status >= 200) this.onTimeout()
  }

  onTimeout(): void {
    this.#session.left()
    this.#done()
  }
}
