import { type Log, token } from '#lib/index.ts'
import { buildRequest, type RequestParts } from './build.ts'
import type { ClientTransaction, ClientUser } from './client-transaction.ts'
import type { SipRequest } from './message.ts'
import type { ServerTransaction } from './server-transaction.ts'
import { Transactions } from './transactions.ts'
import type { HeaderList, Hop, UserAgentOptions } from './types.ts'

/** What a dialog, early or confirmed, is to the requests that come in for it. */
export interface DialogUser {
  receive(request: SipRequest, transaction: ServerTransaction): void
  /** An ACK, which has no transaction of its own. */
  receiveAck(ack: SipRequest, source: Hop): void
  /** A 2xx to an INVITE whose transaction is gone: repeats its ACK. */
  repeatAck(sequence: number): void
}

/** The methods that we understand, inside or outside of a dialog. */
export const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE'

/** What all parts of one user agent share. */
export class Core {
  readonly options: UserAgentOptions
  readonly log: Log
  readonly transactions: Transactions
  /** Dialogs by {@link dialogKey}; the early ones of INVITEs that came in by the same, with what tags they have. */
  readonly dialogs = new Map<string, DialogUser>()
  readonly early = new Map<string, DialogUser>()
  /** §8.2.7: answers that keep no state have one and the same tag. */
  readonly statelessTag = token(8)
  readonly #sentBy: string
  readonly #contact: string

  constructor(options: UserAgentOptions) {
    this.options = options
    this.log = options.log
    this.transactions = new Transactions(options.clock, options.log, options.transport, options.timers)
    const { address, port } = options.transport.local
    const host = address.includes(':') ? `[${address}]` : address
    this.#sentBy = `${host}:${port}`
    this.#contact = `<sip:${host}:${port}>`
  }

  contact(own: string | undefined): string {
    return own ?? this.#contact
  }

  /** Unguessable, as whoever knows a branch can answer for its request. */
  newBranch(): string {
    return `z9hG4bK${token(12)}`
  }

  via(branch: string): string {
    return `SIP/2.0/UDP ${this.#sentBy};rport;branch=${branch}`
  }

  /** Builds a request with a new branch, and adds its transaction; the caller starts it. */
  newClient(hop: Hop, user: ClientUser, make: (via: string) => RequestParts): ClientTransaction {
    const branch = this.newBranch()
    const parts = make(this.via(branch))
    const bytes = buildRequest(parts)
    return this.transactions.addClient(branch, sentOf(parts), bytes, hop, user)
  }
}

/** What stays of a request in its transaction: not the body nor the headers of the product. */
export function sentOf(parts: RequestParts): ClientTransaction['sent'] {
  const { method, uri, via, from, to, callId, sequence, routes } = parts
  return { method, uri, via, from, to, callId, sequence, ...(routes && { routes }) }
}

/** The product's headers, with an Allow of ours where it has said none. */
export function withAllow(headers: HeaderList | undefined): HeaderList {
  if (headers?.some(([name]) => name.toLowerCase() === 'allow')) return headers
  return [['Allow', ALLOW], ...(headers ?? [])]
}

/** A user that cares for neither answers nor silence: of a BYE to a fork that nobody wanted. */
export const NOBODY: ClientUser = { onResponse() {}, onTimeout() {} }

/** §14.2: an interval between 0 and 10 s, chosen at random. */
export function retryAfter(): readonly [name: string, value: string] {
  return ['Retry-After', String(Math.floor(Math.random() * 11))]
}
