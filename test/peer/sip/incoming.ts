import type { Stream } from '../audio/stream.ts'
import { Call } from './call.ts'
import { headerOf, type Message } from './message.ts'
import type { Rule } from './rule.ts'
import { type Hop, newTag, type Retry, type SipSocket } from './socket.ts'

/** A call that comes in, treated as its rule says. */
export class IncomingCall extends Call {
  #invite: Message
  #from: Hop
  #rule: Rule
  #last: Message | null = null
  #retry: Retry | null = null
  #timers: NodeJS.Timeout[] = []

  constructor(id: string, socket: SipSocket, stream: Stream, invite: Message, from: Hop, rule: Rule) {
    super(id, 'in', headerOf(invite, 'call-id'), socket, stream, from)
    this.#invite = invite
    this.#from = from
    this.#rule = rule
    this.tone = rule.tone ?? 0
    this.ignoreBye = rule.ignoreBye ?? false
    this.remote = headerOf(invite, 'from')
    this.local = `${headerOf(invite, 'to')};tag=${newTag()}`
    this.routes = this.recorded(invite)
    this.retarget(invite)
    this.note('< INVITE')
    if (invite.body) this.hear(invite.body)
    if (rule.payload !== undefined) stream.payload = rule.payload
  }

  start(): void {
    const { does, ringMs } = this.#rule
    if (does === 'silent') return
    this.#respond(100, 'Trying')
    if (does === 'trying') return
    if (/^m=audio [1-9]\d* RTP\/SAVP/m.test(this.#invite.body ?? '')) {
      this.#refuse(488, 'Not Acceptable Here') // a telephone without SRTP
      return
    }
    if (typeof does === 'number') {
      this.#refuse(does, does === 486 ? 'Busy Here' : 'Refused')
      return
    }
    this.#respond(180, 'Ringing')
    if (does === 'ring') return
    this.#timers.push(setTimeout(() => this.#answer(), ringMs ?? 50))
  }

  override receive(request: Message, from: Hop): void {
    if (request.method === 'INVITE' && headerOf(request, 'cseq') === headerOf(this.#invite, 'cseq')) {
      // A retransmission: the last response again.
      if (this.#last) this.socket.send(this.#last, from)
      return
    }
    if (request.method === 'ACK') {
      this.#retry?.stop()
      this.note('< ACK')
      if (request.body) this.hear(request.body)
      if (this.phase === 'setup') this.#confirmed()
      return
    }
    if (request.method === 'CANCEL') this.#cancelled(request, from)
    else super.receive(request, from)
  }

  override hangup(): void {
    this.#retry?.stop()
    super.hangup()
  }

  #cancelled(request: Message, from: Hop): void {
    this.note('< CANCEL')
    this.socket.send(this.socket.response(request, 200, 'OK', this.localTag), from)
    if (this.final) return
    for (const timer of this.#timers) clearTimeout(timer)
    this.#refuse(487, 'Request Terminated', headerOf(request, 'reason'))
  }

  #refuse(status: number, text: string, why = ''): void {
    this.final = { status, reason: text, headers: {} }
    const refusal = this.socket.response(this.#invite, status, text, this.localTag, this.#rule.headers ?? [])
    this.#last = refusal
    this.note(`> ${status}`)
    this.#retry = this.socket.repeat(refusal, this.#from, () => this.note(`no ACK to ${status}`))
    this.ended(status === 487 ? 'remote' : 'local', status === 487 ? 'CANCEL' : String(status), why)
  }

  #answer(): void {
    const answer = this.socket.response(this.#invite, 200, 'OK', this.localTag, this.#dialogHeaders(), this.describe())
    this.#last = answer
    this.final = { status: 200, reason: 'OK', headers: {} }
    this.note('> 200')
    this.#retry = this.socket.repeat(answer, this.#from, () => this.note('no ACK to 200'))
    this.answered()
  }

  /** The caller's side has the answer: whoever asks may act on the call now, and may end it (RFC 3261 §15). */
  #confirmed(): void {
    this.up()
    const { hangUpAfterMs } = this.#rule
    if (hangUpAfterMs !== undefined) setTimeout(() => this.hangup(), hangUpAfterMs)
  }

  /** What a response says that makes a dialog (RFC 3261 §12.1.1). */
  #dialogHeaders(): [string, string][] {
    return [...this.routes.map((route): [string, string] => ['Record-Route', route]), this.contact()]
  }

  #respond(status: number, text: string): void {
    const response = this.socket.response(this.#invite, status, text, status === 100 ? '' : this.localTag, this.#dialogHeaders())
    this.#last = response
    this.note(`> ${status}`)
    this.socket.send(response, this.#from)
  }
}
