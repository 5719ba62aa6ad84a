import { token } from '#lib/index.ts'
import { AnsweredInvite, type OwnName } from './answered-invite.ts'
import type { RequestParts } from './build.ts'
import { sendCancel } from './cancel.ts'
import type { ClientTransaction, ClientUser } from './client-transaction.ts'
import type { Core, RequestMaker } from './core.ts'
import { dialogOfClient, hopNow } from './dialog.ts'
import type { DialogUser } from './dialogs.ts'
import { EarlyDialogs, MOST_FORKS } from './early-dialogs.ts'
import { SipFailure } from './failure.ts'
import type { SipRequest, SipResponse } from './message.ts'
import type { Replaces } from './replaces.ts'
import type { ServerTransaction } from './server-transaction.ts'
import { ConfirmedSession } from './session.ts'
import { askInterval, grantedInterval, INTERVAL_S, minimumOf } from './session-interval.ts'
import type { HeaderList, InviteOptions, OutgoingInvite, OutgoingSnapshot, Session } from './types.ts'

/** How long an INVITE of a former process, which nobody cancels, may still bring answers. */
const ABANDONED_MS = 180_000

const IGNORED = () => {}

/** An INVITE of ours, from its sending to the last of its forks (RFC 3261 §13.2). */
export class SentInvite implements OutgoingInvite, ClientUser, DialogUser {
  readonly callId: string
  readonly localTag: string
  readonly contact: string
  readonly answered: Promise<Session>
  readonly #core: Core
  readonly #answer: (session: Session) => void
  readonly #refuse: (failure: SipFailure) => void
  #transaction!: ClientTransaction
  /** What it is made of; null once nobody above waits for it, and of a former process's. */
  #request: InviteRequest | null = null
  /** Made with the first response that is reliable. */
  #early: EarlyDialogs | null = null
  #onUpdate: OutgoingInvite['onUpdate']
  /** Of the forks that have rung, in that order. */
  #tags: string[] | null = null
  #settled = false
  #provisional = false
  #final = false
  #cancel: { headers: HeaderList | undefined; sent: boolean } | null = null

  constructor(core: Core, callId: string, { localTag, contact }: OwnName) {
    this.#core = core
    this.callId = callId
    this.localTag = localTag
    this.contact = contact
    const { promise, resolve, reject } = Promise.withResolvers<Session>()
    this.answered = promise
    this.#answer = resolve
    this.#refuse = reject
    // Whoever cancels need not look at how it ended.
    promise.catch(IGNORED)
  }

  start(request: InviteRequest): void {
    this.#request = request
    const transaction = this.#core.newClient(request.options.to, this, request)
    // Behind all that may be refused.
    this.#core.dialogs.add(this)
    this.#begin(transaction)
  }

  #begin(transaction: ClientTransaction): void {
    this.#transaction = transaction
    transaction.start(undefined, this.#request?.options.firstResponseMs)
  }

  /** Challenged (§22.2): goes on in another transaction, unless the caller has given up meanwhile. */
  replace(send: () => ClientTransaction): boolean {
    if (this.#settled) return false
    this.#provisional = false
    this.#begin(send())
    this.#request?.options.onResent?.()
    return true
  }

  /** Takes up an INVITE that a former process has sent. Whatever comes of it, nobody waits for a session any more. */
  resume(transaction: ClientTransaction): void {
    this.#transaction = transaction
    this.#core.dialogs.add(this)
    this.#provisional = true
    this.#fail(new SipFailure('gone', 487))
    transaction.resume(ABANDONED_MS)
  }

  onSilence(): void {
    if (this.#settled) return
    // The far end may be slow rather than dead: should it wake up after all, it is cancelled.
    this.#transaction.stopRepeating()
    this.#cancel ??= { headers: undefined, sent: false }
    this.#fail(new SipFailure('timeout', 408))
  }

  onTimeout(): void {
    this.#close()
    this.#fail(new SipFailure('timeout', 408))
  }

  onResponse(response: SipResponse): void {
    this.#provisional = true
    if (response.status >= 200) {
      this.#onFinal(response)
      return
    }
    if (this.#cancel) {
      this.#sendCancel()
      return
    }
    if (response.status === 100) return
    const { toTag: tag } = response
    if (tag !== undefined) this.#rings(tag)
    if (this.#isNews(response)) this.#request?.options.onProvisional?.(response)
  }

  /** It has its final answer, or will never have one: nothing is early any more. */
  #close(): void {
    this.#early?.close()
    this.#core.dialogs.delete(this)
  }

  isNamed(callId: string, remoteTag: string): boolean {
    return callId === this.callId && this.#early?.has(remoteTag) === true
  }

  receive(request: SipRequest, transaction: ServerTransaction): void {
    this.#early?.receive(request, transaction)
  }

  #rings(tag: string): void {
    if (!this.#tags) this.#tags = [tag]
    else if (this.#tags.length < MOST_FORKS && !this.#tags.includes(tag)) this.#tags.push(tag)
  }

  /** A reliable response is told once, and in order. */
  #isNews(response: SipResponse): boolean {
    const number = EarlyDialogs.numberOf(response)
    if (number === null) return true
    this.#early ??= new EarlyDialogs(this.#core, this)
    const { sent, hop } = this.#transaction
    return this.#early.heard(response, number, () => dialogOfClient(sent, this.localTag, this.contact, response, hop))
  }

  is({ callId, toTag, fromTag }: Replaces): boolean {
    return !this.#settled && callId === this.callId && toTag === this.localTag && this.#tags?.includes(fromTag) === true
  }

  get onUpdate(): OutgoingInvite['onUpdate'] {
    return this.#onUpdate
  }

  set onUpdate(handler: OutgoingInvite['onUpdate']) {
    this.#onUpdate = this.#settled ? undefined : handler
  }

  update(body: NonNullable<InviteOptions['body']>): Promise<SipResponse> {
    if (this.#settled) return Promise.reject(new SipFailure('gone', 481))
    return this.#early?.update(body) ?? Promise.reject(new SipFailure('refused', 488))
  }

  get early(): OutgoingInvite['early'] {
    const remoteTag = this.#settled ? undefined : this.#tags?.at(-1)
    return remoteTag === undefined ? null : { callId: this.callId, localTag: this.localTag, remoteTag }
  }

  #onFinal(response: SipResponse): void {
    // PITFALLS S32: the far end wants a longer session interval, which is nobody's failure.
    if (response.status === 422 && this.#lengthen(minimumOf(response))) return
    this.#final = true
    this.#close()
    if (response.status >= 300) {
      this.#fail(new SipFailure('refused', response.status, response))
      return
    }
    // The first 2xx: those that follow meet what stays in our place, and the call is let go of long before the last timer.
    const answered = new AnsweredInvite(this.#core, this.#transaction, this, this.#early)
    this.#transaction.handOver(answered)
    if (this.#settled) {
      answered.hangUp(response)
      return
    }
    this.#settle()
    const { dialog, sequence } = answered.dialogOf(response)
    dialog.interval = grantedInterval(response)
    const session = new ConfirmedSession(this.#core, dialog, response.description)
    answered.acknowledged(dialog.remoteTag, session.sendAck(sequence))
    this.#answer(session)
  }

  /** Asks again with a longer session interval (RFC 4028 §7.3); false where it has been longer before. */
  #lengthen(seconds: number): boolean {
    const request = this.#request
    if (!request?.lengthen(seconds)) return false
    return this.replace(() => this.#core.newClient(request.options.to, this, request))
  }

  cancel(headers?: HeaderList): void {
    if (this.#cancel || this.#final || (this.#settled && !this.#abandoned)) return
    this.#cancel = { headers, sent: false }
    this.#fail(new SipFailure('cancelled', 487))
    if (this.#provisional) this.#sendCancel()
  }

  get #abandoned(): boolean {
    return this.#provisional && !this.#final && this.#transaction.state === 'Proceeding'
  }

  #sendCancel(): void {
    if (!this.#cancel || this.#cancel.sent || this.#final) return
    this.#cancel.sent = true
    sendCancel(this.#core, this.#transaction, this.#cancel.headers)
  }

  #fail(failure: SipFailure): void {
    if (this.#settled) return
    this.#settle()
    this.#refuse(failure)
  }

  /** What comes from now on concerns nobody above: the call is let go of, long before the last of the timers. */
  #settle(): void {
    this.#settled = true
    this.#request = null
    this.#onUpdate = undefined
  }

  snapshot(): OutgoingSnapshot | null {
    const { message, hop } = this.#transaction
    return message && { message: throughContact(message.text), hop: hopNow(hop) }
  }
}

/** What names an INVITE of ours, which is all before the lines that are there for its far end alone. */
function throughContact(text: string): string {
  const contact = text.indexOf('\r\nContact: ')
  const end = contact < 0 ? -1 : text.indexOf('\r\n', contact + 2)
  return end < 0 ? text : text.slice(0, end)
}

/** What an INVITE of ours is made of, each time that it is sent. */
class InviteRequest implements RequestMaker, OwnName {
  readonly options: InviteOptions
  readonly localTag: string
  readonly contact: string
  readonly callId: string
  readonly #from: string
  #sequence = 1
  #seconds = INTERVAL_S

  constructor(core: Core, options: InviteOptions) {
    this.options = options
    this.localTag = core.dialogs.newTag()
    this.contact = core.contact(options.contact, options.to)
    this.callId = options.callId ?? token(16)
    this.#from = `${options.from};tag=${this.localTag}`
  }

  make(via: string): RequestParts {
    const { uri, toHeader, maxForwards, headers, body } = this.options
    return {
      method: 'INVITE',
      uri,
      via,
      from: this.#from,
      to: toHeader,
      callId: this.callId,
      sequence: this.#sequence,
      maxForwards,
      contact: this.contact,
      capable: true,
      headers,
      interval: askInterval(this.#seconds),
      body,
      fromTag: this.localTag,
    }
  }

  renumber(): void {
    this.#sequence += 1
  }

  /** Asks for a longer session interval from now on; false where it has been as long before. */
  lengthen(seconds: number): boolean {
    if (seconds <= this.#seconds) return false
    this.#seconds = seconds
    this.renumber()
    return true
  }
}

/** Sends a new INVITE. */
export function sendInvite(core: Core, options: InviteOptions): SentInvite {
  const request = new InviteRequest(core, options)
  const invite = new SentInvite(core, request.callId, request)
  invite.start(request)
  return invite
}
