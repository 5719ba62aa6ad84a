import type { Clock, Log } from '#lib/index.ts'
import { ClientTransaction, type ClientUser, type SentParts } from './client-transaction.ts'
import type { SipRequest, SipResponse } from './message.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import { ServerTransaction } from './server-transaction.ts'
import { TimerWheel } from './timer-wheel.ts'
import { type Times, timesOf } from './times.ts'
import type { Hop, SipTransport } from './types.ts'

const COOKIE = 'z9hG4bK'

/** The transactions of one user agent, and what they share (RFC 3261 §17). */
export class Transactions {
  readonly transport: SipTransport
  readonly times: Times
  readonly wheel: TimerWheel
  /** Requests that came again since the start. */
  repeats = 0
  readonly #clients = new Map<string, ClientTransaction>()
  readonly #servers = new Map<string, ServerTransaction>()
  /** Server transactions outside dialogs by what a merged request would share with them. */
  readonly #merged = new Map<string, ServerTransaction>()
  /** How many server transactions each source address has. */
  readonly #held = new Map<string, number>()

  constructor(clock: Clock, log: Log, transport: SipTransport, timers?: { t1?: number; t2?: number; t4?: number }) {
    this.transport = transport
    this.times = timesOf(timers)
    this.wheel = new TimerWheel(clock, (error) => log.error({ error }, 'Handling a SIP timer failed'))
  }

  /** Server transactions of requests from this address. */
  heldBy(source: Hop): number {
    return this.#held.get(source.address) ?? 0
  }

  get size(): number {
    return this.#clients.size + this.#servers.size
  }

  /** Adds a client transaction; the caller starts it. */
  addClient(branch: string, sent: SentParts, message: OutgoingMessage, hop: Hop, user: ClientUser): ClientTransaction {
    const transaction = new ClientTransaction(this, branch, sent, message, hop, user)
    this.#clients.set(transaction.key, transaction)
    return transaction
  }

  /** §17.1.3: the client transaction that a response belongs to. */
  clientOf(response: SipResponse): ClientTransaction | undefined {
    const { branch } = response.via
    return branch === undefined ? undefined : this.#clients.get(`${branch} ${response.cseq.method}`)
  }

  /** §17.2.3: the server transaction that a request repeats, or that an ACK acknowledges. */
  serverOf(request: SipRequest): ServerTransaction | undefined {
    return this.#servers.get(serverKey(request, request.method === 'ACK' ? 'INVITE' : request.method))
  }

  /** §9.2: the INVITE that a CANCEL means. */
  inviteOf(cancel: SipRequest): ServerTransaction | undefined {
    return this.#servers.get(serverKey(cancel, 'INVITE'))
  }

  /** §8.2.2.2: whether this request has come before over another road. */
  isMerged(request: SipRequest): boolean {
    return request.to.tag === undefined && this.#merged.has(mergeKey(request))
  }

  addServer(request: SipRequest, source: Hop, toTag: string): ServerTransaction {
    const merge = request.to.tag === undefined ? mergeKey(request) : ''
    const transaction = new ServerTransaction(this, serverKey(request, request.method), merge, request, source, toTag)
    this.#servers.set(transaction.key, transaction)
    this.#held.set(source.address, this.heldBy(source) + 1)
    if (merge) this.#merged.set(merge, transaction)
    return transaction
  }

  /** The connection of `hop` is gone. */
  lost(hop: Hop, again: boolean): void {
    for (const client of [...this.#clients.values()]) if (sameHop(client.hop, hop)) client.lost(again)
  }

  removeClient(transaction: ClientTransaction): void {
    this.#clients.delete(transaction.key)
  }

  removeServer(transaction: ServerTransaction): void {
    if (this.#servers.delete(transaction.key)) this.#released(transaction.source)
    if (transaction.mergeKey && this.#merged.get(transaction.mergeKey) === transaction) this.#merged.delete(transaction.mergeKey)
  }

  #released(source: Hop): void {
    const held = this.heldBy(source) - 1
    if (held > 0) this.#held.set(source.address, held)
    else this.#held.delete(source.address)
  }

  close(): void {
    this.wheel.close()
    this.#clients.clear()
    this.#servers.clear()
    this.#merged.clear()
    this.#held.clear()
  }
}

/** Whether both are served by the same connection. */
function sameHop(a: Hop, b: Hop): boolean {
  if (a.transport !== b.transport || a.profile !== b.profile) return false
  if (a.flow !== undefined && a.flow === b.flow) return true
  return a.address === b.address && a.port === b.port
}

function serverKey(request: SipRequest, method: string): string {
  const { via } = request
  const { branch } = via
  if (branch?.startsWith(COOKIE) && branch.length > COOKIE.length) return `${branch} ${via.host}:${via.port ?? 5060} ${method}`
  // §17.2.3, for senders of RFC 2543: what their retransmissions and their ACK have in common with the INVITE.
  const { cseq, from } = request
  return `${request.uri} ${from.tag ?? ''} ${request.callId} ${cseq.sequence} ${via.host}:${via.port ?? 5060} ${branch ?? ''} ${method}`
}

function mergeKey(request: SipRequest): string {
  const { cseq } = request
  return `${request.from.tag ?? ''} ${request.callId} ${cseq.sequence} ${cseq.method}`
}
