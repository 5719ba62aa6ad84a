import { token } from '#lib/index.ts'
import { AnsweredInvite, dialogOfResponse, type InviteBase } from './answered-invite.ts'
import type { RequestParts } from './build.ts'
import { sendCancel } from './cancel.ts'
import type { ClientTransaction, ClientUser } from './client-transaction.ts'
import { type Core, withAllow } from './core.ts'
import { EarlyDialogs, MOST_FORKS } from './early-dialogs.ts'
import { SipFailure } from './failure.ts'
import type { SipResponse } from './message.ts'
import type { Replaces } from './replaces.ts'
import { ConfirmedSession } from './session.ts'
import { askInterval, grantedInterval, INTERVAL_S, minimumOf } from './session-interval.ts'
import type { HeaderList, InviteOptions, OutgoingInvite, OutgoingSnapshot, Session } from './types.ts'

/** How long an INVITE of a former process, which nobody cancels, may still bring answers. */
const ABANDONED_MS = 180_000

/** An INVITE of ours, from its sending to the last of its forks (RFC 3261 §13.2). */
export class SentInvite implements OutgoingInvite, ClientUser {
  readonly callId: string
  readonly answered: Promise<Session>
  readonly #core: Core
  #transaction: ClientTransaction
  readonly #localTag: string
  readonly #contact: string
  readonly #outcome = Promise.withResolvers<Session>()
  #onProvisional: ((response: SipResponse) => void) | undefined
  #onResent: (() => void) | undefined
  #firstResponseMs: number | undefined
  readonly #early: EarlyDialogs
  /** Asks again with a longer session interval (RFC 4028 §7.3); false where it has been longer before. */
  lengthen: ((seconds: number) => boolean) | undefined
  /** Of the forks that have rung. */
  readonly #tags = new Set<string>()
  #settled = false
  #provisional = false
  #final = false
  #cancel: { headers: HeaderList | undefined; sent: boolean } | null = null

  constructor(core: Core, made: { transaction(user: ClientUser): ClientTransaction; localTag: string; contact: string }) {
    this.#core = core
    this.#early = new EarlyDialogs(core)
    this.#localTag = made.localTag
    this.#contact = made.contact
    this.#transaction = made.transaction(this)
    this.callId = this.#transaction.sent.callId
    this.answered = this.#outcome.promise
    // Whoever cancels need not look at how it ended.
    this.answered.catch(() => {})
  }

  start(options: InviteOptions): void {
    this.#onProvisional = options.onProvisional
    this.#onResent = options.onResent
    this.#firstResponseMs = options.firstResponseMs
    this.#launch()
  }

  #launch(): void {
    this.#transaction.start(undefined, this.#firstResponseMs)
  }

  /** Challenged (§22.2): goes on in another transaction, unless the caller has given up meanwhile. */
  replace(send: () => ClientTransaction): boolean {
    if (this.#settled) return false
    this.#provisional = false
    this.#transaction = send()
    this.#launch()
    this.#onResent?.()
    return true
  }

  /** Takes up an INVITE that a former process has sent. Whatever comes of it, nobody waits for a session any more. */
  resume(): void {
    this.#provisional = true
    this.#fail(new SipFailure('gone', 487))
    this.#transaction.resume(ABANDONED_MS)
  }

  onSilence(): void {
    if (this.#settled) return
    // The far end may be slow rather than dead: should it wake up after all, it is cancelled.
    this.#transaction.stopRepeating()
    this.#cancel ??= { headers: undefined, sent: false }
    this.#fail(new SipFailure('timeout', 408))
  }

  onTimeout(): void {
    this.#early.close()
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
    if (tag !== undefined && this.#tags.size < MOST_FORKS) this.#tags.add(tag)
    if (this.#early.heard(response, () => dialogOfResponse(this.#base, response))) this.#onProvisional?.(response)
  }

  is({ callId, toTag, fromTag }: Replaces): boolean {
    return !this.#settled && callId === this.callId && toTag === this.#localTag && this.#tags.has(fromTag)
  }

  get onUpdate(): OutgoingInvite['onUpdate'] {
    return this.#early.onUpdate
  }

  set onUpdate(handler: OutgoingInvite['onUpdate']) {
    this.#early.onUpdate = this.#settled ? undefined : handler
  }

  update(body: NonNullable<InviteOptions['body']>): Promise<SipResponse> {
    return this.#settled ? Promise.reject(new SipFailure('gone', 481)) : this.#early.update(body)
  }

  get early(): OutgoingInvite['early'] {
    const remoteTag = this.#settled ? undefined : [...this.#tags].at(-1)
    return remoteTag === undefined ? null : { callId: this.callId, localTag: this.#localTag, remoteTag }
  }

  get #base(): InviteBase {
    const { sent, hop } = this.#transaction
    return { sent, hop, localTag: this.#localTag, contact: this.#contact }
  }

  #onFinal(response: SipResponse): void {
    // PITFALLS S32: the far end wants a longer session interval, which is nobody's failure.
    if (response.status === 422 && !this.#settled && this.lengthen?.(minimumOf(response))) return
    this.#final = true
    this.#early.close()
    if (response.status >= 300) {
      this.#fail(new SipFailure('refused', response.status, response))
      return
    }
    // The first 2xx: those that follow meet what stays in our place, and the call is let go of long before the last timer.
    const answered = new AnsweredInvite(this.#core, this.#base, this.#early)
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
    this.#outcome.resolve(session)
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
    this.#outcome.reject(failure)
  }

  /** What comes from now on concerns nobody above: the call is let go of, long before the last of the timers. */
  #settle(): void {
    this.#settled = true
    this.#onProvisional = undefined
    this.#onResent = undefined
    this.#early.onUpdate = undefined
    this.lengthen = undefined
  }

  snapshot(): OutgoingSnapshot | null {
    const { message, hop } = this.#transaction
    return message && { message: throughContact(message.text), hop: { ...hop } }
  }
}

/** What names an INVITE of ours, which is all before the lines that are there for its far end alone. */
function throughContact(text: string): string {
  const contact = text.indexOf('\r\nContact: ')
  const end = contact < 0 ? -1 : text.indexOf('\r\n', contact + 2)
  return end < 0 ? text : text.slice(0, end)
}

/** Sends a new INVITE. */
export function sendInvite(core: Core, options: InviteOptions): SentInvite {
  const localTag = token(8)
  const contact = core.contact(options.contact, options.to)
  const { maxForwards, headers } = splitMaxForwards(withAllow(options.headers))
  const callId = options.callId ?? token(16)
  const from = `${options.from};tag=${localTag}`
  let sequence = 1
  let seconds = INTERVAL_S
  const make = (via: string): RequestParts => ({
    method: 'INVITE',
    uri: options.uri,
    via,
    from,
    to: options.toHeader,
    callId,
    sequence,
    maxForwards,
    contact,
    headers: [...headers, ...askInterval(seconds)],
    body: options.body,
    fromTag: localTag,
  })
  const renumber = () => {
    sequence += 1
  }
  const invite = new SentInvite(core, {
    localTag,
    contact,
    transaction: (user) => core.newClient(options.to, user, make, renumber),
  })
  const lengthen = (wanted: number) => {
    if (wanted <= seconds) return false
    seconds = wanted
    renumber()
    return invite.replace(() => core.newClient(options.to, invite, make, renumber))
  }
  invite.lengthen = lengthen
  invite.start(options)
  return invite
}

/** Max-Forwards has its own place; the rest follows as it is. */
export function splitMaxForwards(headers: HeaderList): { maxForwards: number | undefined; headers: HeaderList } {
  const i = headers.findIndex(([name]) => name.length === MAX_FORWARDS.length && name.toLowerCase() === MAX_FORWARDS)
  return i < 0 ? { maxForwards: undefined, headers } : { maxForwards: Number(headers[i]![1]), headers: headers.toSpliced(i, 1) }
}

const MAX_FORWARDS = 'max-forwards'
