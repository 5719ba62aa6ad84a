import { token } from '#lib/index.ts'
import type { ClientTransaction, ClientUser } from './client-transaction.ts'
import { Core } from './core.ts'
import { SipFailure } from './failure.ts'
import { ReceivedInvite } from './incoming-invite.ts'
import { SipRequest, type SipResponse } from './message.ts'
import { SentInvite, sendInvite } from './outgoing-invite.ts'
import { OutgoingMessage } from './outgoing-message.ts'
import { parseHead, parseMessage } from './parse.ts'
import { SipParseError } from './parse-error.ts'
import { answerMalformed, receiveRequest } from './receive-request.ts'
import { checkSyntax } from './request-checks.ts'
import { ConfirmedSession } from './session.ts'
import type {
  Hop,
  IncomingInvite,
  IncomingSnapshot,
  InviteOptions,
  OutgoingInvite,
  OutgoingSnapshot,
  RequestOptions,
  Session,
  SessionSnapshot,
  UserAgent,
  UserAgentOptions,
} from './types.ts'
import { keptRoute } from './via.ts'

/** Makes the user agent core of one socket. */
export function createUserAgent(options: UserAgentOptions): UserAgent {
  return new SocketUserAgent(new Core(options))
}

class SocketUserAgent implements UserAgent {
  readonly #core: Core
  #closed = false

  constructor(core: Core) {
    this.#core = core
  }

  get repeats(): number {
    return this.#core.transactions.repeats
  }

  get counts(): { transactions: number; sessions: number; subscriptions: number } {
    const { transactions, sessions, subscriptions } = this.#core
    return { transactions: transactions.size, sessions, subscriptions: subscriptions.size }
  }

  receive(bytes: Uint8Array, from: Hop): void {
    if (this.#closed) return
    try {
      if (this.#core.options.accepts?.(from, bytes) === false) return
      // Keep-alives of RFC 5626 and of NAT boxes: nothing, or nothing but line ends and zeros.
      if (bytes.length < 16) return
      const message = parseMessage(bytes)
      this.#core.options.observe?.(message, bytes, from)
      if (message instanceof SipRequest) this.#receiveRequest(message, from)
      else this.#receiveResponse(message)
    } catch (error) {
      if (error instanceof SipParseError) this.#malformed(error, from)
      else this.#core.log.error({ error }, 'Handling a SIP message failed')
    }
  }

  lost(hop: Hop, { again }: { again: boolean }): void {
    if (!this.#closed) this.#core.transactions.lost(hop, again)
  }

  #receiveRequest(request: SipRequest, source: Hop): void {
    try {
      checkSyntax(request)
    } catch (error) {
      if (error instanceof SipParseError) error.request = request
      throw error
    }
    receiveRequest(this.#core, request, source)
  }

  #receiveResponse(response: SipResponse): void {
    // §8.1.3.3: one that has passed through us is not ours.
    if (response.vias !== 1) return
    response.checkTags()
    const transaction = this.#core.transactions.clientOf(response)
    if (transaction) {
      transaction.receive(response)
      return
    }
    // A 2xx to an INVITE of a former process, or one whose transaction is over.
    const { cseq, status, callId, fromTag = '', toTag = '' } = response
    if (cseq.method !== 'INVITE' || status < 200 || status > 299) return
    this.#core.dialogs.find(callId, fromTag, toTag)?.repeatAck?.(cseq.sequence)
  }

  #malformed(error: SipParseError, from: Hop): void {
    this.#core.log.debug({ pii_address: from.address, fault: error.message }, 'A malformed SIP message came')
    try {
      answerMalformed(this.#core, error, from)
    } catch (cause) {
      this.#core.log.error({ error: cause }, 'Answering a malformed SIP message failed')
    }
  }

  invite(options: InviteOptions): OutgoingInvite {
    return sendInvite(this.#core, options)
  }

  request(options: RequestOptions): Promise<SipResponse> {
    const fixed = {
      maxForwards: options.maxForwards,
      method: options.method,
      uri: options.uri,
      from: `${options.from};tag=${token(8)}`,
      to: options.toHeader,
      callId: options.callId ?? token(16),
      contact: this.#core.contact(options.contact, options.to),
      headers: options.headers,
      body: options.body,
    }
    let sequence = options.sequence ?? 1
    const renumber = () => {
      sequence += 1
    }
    const { timeoutMs, silenceMs } = options
    return new Promise((resolve, reject) => {
      let transaction: ClientTransaction
      let lives = false
      const begin = (made: ClientTransaction) => {
        transaction = made
        made.start(lives ? timeoutMs : (timeoutMs ?? silenceMs))
      }
      const user: ClientUser = {
        onResponse(response) {
          if (response.status >= 200) resolve(response)
          else if (!lives && timeoutMs === undefined && silenceMs !== undefined) transaction.uncut(silenceMs)
          lives = true
        },
        onTimeout: () => reject(new SipFailure('timeout', 408)),
        replace(send) {
          lives = true
          begin(send())
          return true
        },
      }
      const make = (via: string) => ({ ...fixed, via, sequence })
      begin(this.#core.newClient(options.to, user, { make, renumber }))
    })
  }

  restoreSession(snapshot: SessionSnapshot): Session {
    const { pending, ...dialog } = snapshot
    const session = new ConfirmedSession(this.#core, { ...dialog, routeSet: [...dialog.routeSet] }, new Uint8Array(0))
    session.resume(pending, pending?.kind === 'awaiting-ack' ? keptRoute(pending.message) : snapshot.hop)
    return session
  }

  restoreIncoming(snapshot: IncomingSnapshot): IncomingInvite {
    const request = parseHead(snapshot.message)
    if (!(request instanceof SipRequest)) throw new SipParseError(400, 'No request')
    checkSyntax(request)
    const transaction = this.#core.transactions.addServer(request, snapshot.source, snapshot.localTag)
    return new ReceivedInvite(this.#core, request, transaction)
  }

  restoreOutgoing(snapshot: OutgoingSnapshot): OutgoingInvite {
    const request = parseHead(snapshot.message)
    if (!(request instanceof SipRequest)) throw new SipParseError(400, 'No request')
    const sent = {
      method: request.method,
      uri: request.uri,
      via: request.header('via') ?? '',
      from: request.header('from') ?? '',
      to: request.header('to') ?? '',
      callId: request.callId,
      sequence: request.cseq.sequence,
      routes: request.routes,
    }
    const name = { is: 'INVITE', callId: request.callId, fromTag: request.fromTag ?? '' }
    const message = new OutgoingMessage(name, snapshot.message)
    const invite = new SentInvite(this.#core, request.callId, {
      localTag: request.fromTag ?? '',
      contact: request.header('contact') ?? this.#core.contact(undefined, snapshot.hop),
    })
    const branch = request.via.branch ?? ''
    invite.resume(this.#core.transactions.addClient(branch, sent, message, snapshot.hop, invite))
    return invite
  }

  close(): void {
    this.#closed = true
    this.#core.closed = true
    this.#core.transactions.close()
    this.#core.dialogs.clear()
    this.#core.sessions = 0
    this.#core.subscriptions.clear()
  }
}
