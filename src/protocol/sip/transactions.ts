import { type Clock, type Log, token } from '#lib/index.ts'
import { ClientSlots } from './client-slots.ts'
import { ClientTransaction, type ClientUser, type SentParts } from './client-transaction.ts'
import type { SipRequest, SipResponse } from './message.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import { ServerTransaction } from './server-transaction.ts'
import { flat } from './text.ts'
import { TimerWheel } from './timer-wheel.ts'
import { type Times, timesOf } from './times.ts'
import type { Hop, SipTransport } from './types.ts'

const COOKIE = 'z9hG4bK'

/** A source address that has server transactions. */
export interface Held {
  /** By which its last one came: one object for all that come the same way. */
  hop: Hop
  /** How many it has. */
  count: number
}

/** The transactions of one user agent, and what they share (RFC 3261 §17). */
export class Transactions {
  readonly transport: SipTransport
  readonly times: Times
  readonly wheel: TimerWheel
  /** Requests that came again since the start. */
  repeats = 0
  /** INVITEs that are refused and wait for their ACK. */
  refusals = 0
  readonly #clients = new ClientSlots()
  readonly #servers = new Map<string, ServerTransaction>()
  /** Of server transactions outside dialogs, what a merged request would share with them. */
  readonly #merged = new Set<string>()
  /** Of each source address that has server transactions. */
  readonly #held = new Map<string, Held>()

  constructor(clock: Clock, log: Log, transport: SipTransport, timers?: { t1?: number; t2?: number; t4?: number }) {
    this.transport = transport
    this.times = timesOf(timers)
    this.wheel = new TimerWheel(clock, (error) => log.error({ error }, 'Handling a SIP timer failed'))
  }

  /** Server transactions of requests from this address. */
  heldBy(source: Hop): number {
    return this.#held.get(source.address)?.count ?? 0
  }

  get size(): number {
    return this.#clients.size + this.#servers.size
  }

  /** The branch of the client transaction that is added next. Unguessable, as whoever knows a branch can answer for its request. */
  newBranch(): string {
    return flat(this.#clients.newBranch(token(12)))
  }

  /** Adds a client transaction; the caller starts it. */
  addClient(branch: string, sent: SentParts, message: OutgoingMessage, hop: Hop, user: ClientUser): ClientTransaction {
    const transaction = new ClientTransaction(this, branch, sent, message, hop, user)
    this.#clients.add(transaction)
    return transaction
  }

  /** §17.1.3: the client transaction that a response belongs to. */
  clientOf(response: SipResponse): ClientTransaction | undefined {
    const { branch } = response.via
    return branch === undefined ? undefined : this.#clients.find(branch, response.cseq.method)
  }

  /** §17.2.3: the server transaction of this {@link serverKey}: that a request repeats, or that an ACK acknowledges. */
  serverOf(key: string): ServerTransaction | undefined {
    return this.#servers.get(key)
  }

  /** §9.2: the INVITE that a CANCEL means. */
  inviteOf(cancel: SipRequest): ServerTransaction | undefined {
    return this.#servers.get(serverKey(cancel, 'INVITE'))
  }

  addServer(request: SipRequest, source: Hop, toTag: string, key = serverKey(request)): ServerTransaction {
    const held = this.#heldOf(source)
    const transaction = new ServerTransaction(this, key, request, held, toTag)
    this.#servers.set(key, transaction)
    held.count += 1
    if (request.toTag === undefined) {
      const merge = mergeKey(request)
      const before = this.#merged.size
      this.#merged.add(merge)
      // The first one stands for all of them.
      if (this.#merged.size > before) transaction.mergeKey = merge
      else transaction.merged = true
    }
    return transaction
  }

  /** The connection of `hop` is gone. */
  lost(hop: Hop, again: boolean): void {
    for (const client of [...this.#clients]) if (sameHop(client.hop, hop)) client.lost(again)
  }

  removeClient(transaction: ClientTransaction): void {
    this.#clients.delete(transaction)
  }

  removeServer(transaction: ServerTransaction): void {
    // Whoever uses a branch again for what is newer has put that in its place.
    if (this.#servers.get(transaction.key) === transaction) this.#servers.delete(transaction.key)
    this.#released(transaction.held)
    if (transaction.mergeKey) this.#merged.delete(transaction.mergeKey)
  }

  #heldOf(hop: Hop): Held {
    let held = this.#held.get(hop.address)
    if (!held) {
      held = { hop, count: 0 }
      this.#held.set(hop.address, held)
    } else if (!isAlike(held.hop, hop)) {
      held.hop = hop
    }
    return held
  }

  #released(held: Held): void {
    held.count -= 1
    if (held.count === 0 && this.#held.get(held.hop.address) === held) this.#held.delete(held.hop.address)
  }

  close(): void {
    this.wheel.close()
    this.#clients.clear()
    this.#servers.clear()
    this.#merged.clear()
    this.#held.clear()
  }
}

/** Whether nothing tells two hops of one address apart, nor ever will: those of connections may become bound to them. */
function isAlike(a: Hop, b: Hop): boolean {
  if (a.port !== b.port || a.transport !== 'udp' || b.transport !== 'udp') return false
  return a.profile === b.profile && a.name === b.name && a.large === b.large
}

/** Whether both are served by the same connection. */
function sameHop(a: Hop, b: Hop): boolean {
  if (a.transport !== b.transport || a.profile !== b.profile) return false
  if (a.flow !== undefined && a.flow === b.flow) return true
  return a.address === b.address && a.port === b.port
}

/** By which a server transaction is found: an ACK that of its INVITE. */
export function serverKey(request: SipRequest, method = request.method === 'ACK' ? 'INVITE' : request.method): string {
  const { via } = request
  const { branch } = via
  if (branch?.startsWith(COOKIE) && branch.length > COOKIE.length)
    return flat(`${branch} ${via.host}:${via.port ?? 5060} ${method}`)
  // §17.2.3, for senders of RFC 2543: what their retransmissions and their ACK have in common with the INVITE.
  const { cseq, fromTag = '' } = request
  const sentBy = `${via.host}:${via.port ?? 5060}`
  return flat(`${request.uri} ${fromTag} ${request.callId} ${cseq.sequence} ${sentBy} ${branch ?? ''} ${method}`)
}

function mergeKey(request: SipRequest): string {
  const { cseq } = request
  return flat(`${request.fromTag ?? ''} ${request.callId} ${cseq.sequence} ${cseq.method}`)
}
