import { AcceptedAnswer } from './accepted-answer.ts'
import { buildRequest, type RequestParts } from './build.ts'
import type { ClientTransaction, ClientUser } from './client-transaction.ts'
import { type Core, type DialogUser, NOBODY, retryAfter, withAllow } from './core.ts'
import { contactOf, type Dialog, dialogKey, isPeer, nextHop, requestInside } from './dialog.ts'
import { SipFailure } from './failure.ts'
import { answerByDefault, ReceivedRequest } from './incoming-request.ts'
import type { SipRequest, SipResponse } from './message.ts'
import { ReceivedReinvite } from './reinvite.ts'
import { type SentAck, SentReinvite } from './sent-reinvite.ts'
import type { ServerTransaction } from './server-transaction.ts'
import type {
  HeaderList,
  Hop,
  IncomingReinvite,
  IncomingRequest,
  ResponseOptions,
  Session,
  SessionEnd,
  SessionSnapshot,
} from './types.ts'

type Extra = Partial<Pick<RequestParts, 'headers' | 'body' | 'contact'>>

/** Confirmed until either side ends it; then `ending` while our BYE is unanswered or has to wait for an ACK. */
type State = 'confirmed' | 'ending' | 'over'

/** A confirmed dialog with its invite usage (RFC 3261 §12, §14, §15). */
export class ConfirmedSession implements Session, DialogUser {
  readonly remoteBody: Uint8Array
  readonly acknowledged: Promise<{ body: Uint8Array }>
  readonly ended: Promise<SessionEnd>
  onReinvite?: (invite: IncomingReinvite) => void
  onRequest?: (request: IncomingRequest) => void
  readonly #core: Core
  readonly #dialog: Dialog
  readonly #key: string
  readonly #acknowledge = Promise.withResolvers<{ body: Uint8Array }>()
  readonly #end = Promise.withResolvers<SessionEnd>()
  #state: State = 'confirmed'
  #answer: AcceptedAnswer | null = null
  #ack: SentAck | null = null
  /** Our own re-INVITE without its final answer. */
  #inviting = false
  #reinvite: ReceivedReinvite | null = null
  /** What a bye() that waits for an ACK will send (§15: no BYE before the ACK of our 2xx, or 64*T1). */
  #waitingBye: { headers: HeaderList | undefined; done: () => void } | null = null

  constructor(core: Core, dialog: Dialog, remoteBody: Uint8Array) {
    this.#core = core
    this.#dialog = dialog
    this.remoteBody = remoteBody
    this.acknowledged = this.#acknowledge.promise
    this.ended = this.#end.promise
    // Nobody has to await it: a session that ends before its ACK must not become an unhandled rejection.
    this.acknowledged.catch(() => {})
    this.#key = dialogKey(dialog.callId, dialog.localTag, dialog.remoteTag)
    core.dialogs.set(this.#key, this)
  }

  get callId(): string {
    return this.#dialog.callId
  }

  /** Repeats our 2xx until its ACK comes. */
  awaitAck(sequence: number, bytes: Uint8Array, hop: Hop): void {
    this.#answer?.stop()
    this.#answer = new AcceptedAnswer(this.#core, sequence, bytes, hop, () => this.#onNoAck())
  }

  /** Acknowledges a 2xx of theirs (§13.2.2.4), and keeps the ACK for its repeats (PITFALLS S21). */
  sendAck(sequence: number): SentAck {
    const hop = nextHop(this.#dialog)
    const via = this.#core.via(this.#core.newBranch(), hop.transport)
    const bytes = buildRequest(requestInside(this.#dialog, 'ACK', sequence, via))
    this.#ack = { sequence, bytes, hop, at: this.#core.options.clock.now() }
    this.#core.options.transport.send(bytes, this.#ack.hop)
    this.#acknowledge.resolve({ body: this.remoteBody })
    return this.#ack
  }

  /** Takes up what a snapshot says was pending. */
  resume(pending: SessionSnapshot['pending'], hop: Hop): void {
    if (pending?.kind === 'awaiting-ack') {
      this.awaitAck(pending.sequence, Buffer.from(pending.message), hop)
      return
    }
    if (pending) {
      const bytes = Buffer.from(pending.message)
      this.#ack = { sequence: pending.sequence, bytes, hop: nextHop(this.#dialog), at: this.#core.options.clock.now() }
    }
    this.#acknowledge.resolve({ body: new Uint8Array(0) })
  }

  repeatAck(sequence: number): void {
    if (this.#ack?.sequence === sequence) this.#core.options.transport.send(this.#ack.bytes, this.#ack.hop)
  }

  receiveAck(ack: SipRequest, source: Hop): void {
    const answer = this.#answer
    if (!answer || ack.cseq.sequence !== answer.sequence || !isPeer(this.#dialog, source, this.#core.options.belongs)) return
    answer.stop()
    this.#answer = null
    this.#acknowledge.resolve({ body: ack.body })
    this.#flushBye()
  }

  receive(request: SipRequest, transaction: ServerTransaction): void {
    const dialog = this.#dialog
    if (!isPeer(dialog, transaction.source, this.#core.options.belongs)) {
      this.#core.log.warn({ pii_address: transaction.source.address }, 'A request inside a dialog came from a stranger')
      return void transaction.respond({ status: 481 })
    }
    const { sequence } = request.cseq
    // §12.2.2: out of order.
    if (dialog.remoteSequence !== null && sequence < dialog.remoteSequence) {
      return void transaction.respond({ status: 500, headers: [retryAfter()] })
    }
    dialog.remoteSequence = sequence
    if (request.method === 'BYE') {
      this.#onBye(request, transaction)
      return
    }
    if (this.#state !== 'confirmed') return void transaction.respond({ status: 481 })
    if (request.method === 'INVITE') {
      this.#onReinvite(request, transaction)
      return
    }
    const received = new ReceivedRequest(request, transaction, (status) => {
      if (request.method === 'UPDATE' && status < 300) this.#refreshTarget(request)
    })
    if (!this.onRequest) {
      answerByDefault(received)
      return
    }
    this.onRequest(received)
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
    if (!this.onReinvite) return void transaction.respond({ status: 488 })
    const reinvite = new ReceivedReinvite(this.#core, request, transaction, (accepted) => {
      this.#reinvite = null
      if (!accepted) return
      this.#refreshTarget(request)
      this.awaitAck(request.cseq.sequence, accepted, transaction.hop)
    })
    reinvite.contact = this.#dialog.contact
    this.#reinvite = reinvite
    this.onReinvite(reinvite)
  }

  /** §12.2.2: a target refresh request moves the remote target (PITFALLS S25). */
  #refreshTarget(message: SipRequest | SipResponse): void {
    this.#dialog.remoteTarget = contactOf(message) ?? this.#dialog.remoteTarget
  }

  #onNoAck(): void {
    this.#answer = null
    this.#acknowledge.reject(new SipFailure('timeout', 408))
    if (this.#state === 'over') return
    this.#end.resolve({ by: 'no-ack' })
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
      this.#end.resolve({ by: 'local' })
    })
  }

  #flushBye(): void {
    const bye = this.#waitingBye
    this.#waitingBye = null
    if (bye) this.#sendBye(bye.headers, bye.done)
  }

  #sendBye(headers: HeaderList | undefined, done: () => void): void {
    const over = () => {
      this.#finish({ by: 'local' })
      done()
    }
    const onResponse = (response: SipResponse) => {
      if (response.status >= 200) over()
    }
    this.#newClient('BYE', { onResponse, onTimeout: over }, { headers }).start()
  }

  #newClient(method: string, user: ClientUser, extra: Extra = {}): ClientTransaction {
    let sequence = ++this.#dialog.localSequence
    const renumber = () => {
      sequence = ++this.#dialog.localSequence
    }
    const make = (via: string) => ({ ...requestInside(this.#dialog, method, sequence, via), ...extra })
    return this.#core.newClient(nextHop(this.#dialog), user, make, renumber)
  }

  request(method: string, options: ResponseOptions = {}): Promise<SipResponse> {
    if (this.#state !== 'confirmed') return Promise.reject(new SipFailure('gone', 481))
    const target = method === 'UPDATE' ? { contact: this.#dialog.contact } : {}
    return new Promise((resolve, reject) => {
      const onResponse = (response: SipResponse) => {
        if (response.status < 200) return
        if (method === 'UPDATE' && response.status < 300) this.#refreshTarget(response)
        this.#judge(response.status)
        resolve(response)
      }
      const onTimeout = () => {
        this.#judge(408)
        reject(new SipFailure('timeout', 408))
      }
      this.#newClient(method, { onResponse, onTimeout }, { headers: options.headers, body: options.body, ...target }).start()
    })
  }

  reinvite(body: { type: string; content: string }): Promise<SipResponse> {
    if (this.#state !== 'confirmed') return Promise.reject(new SipFailure('gone', 481))
    // §14.1: not while another INVITE is open in either direction.
    if (this.#inviting || this.#reinvite || this.#answer) return Promise.reject(new SipFailure('glare', 491))
    this.#inviting = true
    const sent = new SentReinvite(this.#core, {
      onAccepted: (response) => {
        this.#refreshTarget(response)
        return this.sendAck(response.cseq.sequence)
      },
      onSettled: (status) => {
        this.#inviting = false
        this.#judge(status)
      },
    })
    sent.start(this.#newClient('INVITE', sent, { headers: withAllow(undefined), body, contact: this.#dialog.contact }))
    return sent.answered
  }

  /** §12.2.1.2: 481 and 408, or no answer, end the dialog. */
  #judge(status: number): void {
    if (this.#state !== 'confirmed' || (status !== 481 && status !== 408)) return
    if (status === 408) this.#newClient('BYE', NOBODY).start()
    this.#finish({ by: 'gone' })
  }

  #finish(end: SessionEnd): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    if (this.#answer) {
      this.#answer.stop()
      this.#answer = null
      this.#acknowledge.reject(new SipFailure('gone', 481))
    }
    this.#core.dialogs.delete(this.#key)
    this.#end.resolve(end)
    this.#waitingBye?.done()
    this.#waitingBye = null
  }

  snapshot(): SessionSnapshot {
    const dialog = { ...this.#dialog, routeSet: [...this.#dialog.routeSet] }
    const { transactions, options } = this.#core
    const [answer, ack] = [this.#answer, this.#ack]
    if (answer) {
      return { ...dialog, pending: { kind: 'awaiting-ack', sequence: answer.sequence, message: textOf(answer.bytes) } }
    }
    // No 2xx is repeated for longer than that.
    if (ack && options.clock.now() - ack.at < transactions.times.transaction) {
      return { ...dialog, pending: { kind: 'ack', sequence: ack.sequence, message: textOf(ack.bytes) } }
    }
    return dialog
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}
