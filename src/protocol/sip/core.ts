import { type Log, token } from '#lib/index.ts'
import { buildRequest, type RequestParts } from './build.ts'
import { Challenged, MetChallenges, withCredentials } from './challenged.ts'
import type { ClientTransaction, ClientUser } from './client-transaction.ts'
import type { Dialog } from './dialog.ts'
import { Dialogs } from './dialogs.ts'
import { Places } from './places.ts'
import { Transactions } from './transactions.ts'
import type { HeaderList, Hop, LocalPlace, Transport, UserAgentOptions } from './types.ts'

/** Makes a request of ours for wherever it goes, each time anew. */
export interface RequestMaker {
  make(via: string): RequestParts
  /** Gives what it makes a new CSeq: where this is there, a challenge is answered with credentials (§22.2). */
  renumber?(): void
}

/** §18.1.1: above this a request should not go by UDP where the path's MTU is not known. */
const LARGE_BYTES = 1300

/** What all parts of one user agent share. */
export class Core {
  readonly options: UserAgentOptions
  readonly log: Log
  readonly transactions: Transactions
  readonly #places: Places
  closed = false
  /** Those of INVITEs, early and confirmed. */
  readonly dialogs = new Dialogs()
  /** How many of them are confirmed. */
  sessions = 0
  /** Those that a SUBSCRIBE made (RFC 6665). */
  readonly subscriptions = new Dialogs()
  readonly #met = new MetChallenges()
  /** §8.2.7: answers that keep no state have one and the same tag. */
  readonly statelessTag = token(8)
  readonly #own: OwnNames
  /** By the other family of IP, as it was last asked for. */
  #others: OwnNames | null = null

  constructor(options: UserAgentOptions) {
    this.options = options
    this.log = options.log
    this.transactions = new Transactions(options.clock, options.log, options.transport, options.timers)
    this.#places = new Places(options)
    this.#own = ownNames(options.transport.local)
  }

  /** What we call ourselves to a far end there: by an address of its family, if we have one. */
  contact(own: string | undefined, there: Hop): string {
    return own ?? this.#namesFor(there).contact[there.transport]
  }

  /** Of a request without a transaction: an ACK. */
  newBranch(): string {
    return `z9hG4bK${token(12)}`
  }

  via(branch: string, to: Hop): string {
    return `${this.#namesFor(to).via[to.transport]};rport;branch=${branch}`
  }

  #namesFor(there: Hop): OwnNames {
    const { other } = this.options.transport
    if (!other || there.address.includes(':') !== other.address.includes(':')) return this.#own
    if (this.#others?.of !== other) this.#others = ownNames(other)
    return this.#others
  }

  /** Where a request inside the dialog goes, as far as that is known at once. */
  nextHop(dialog: Dialog): Hop {
    return this.#places.nextHop(dialog)
  }

  /** Where the next request goes; its places are a promise where DNS has to be asked first, for {@link whenFound}. */
  placeOf(dialog: Dialog): Hop | Promise<readonly Hop[]> {
    return this.#places.of(dialog)
  }

  whenFound(places: Promise<readonly Hop[]>, use: (places: readonly Hop[]) => void): void {
    places
      .then((found) => {
        if (!this.closed) use(found)
      })
      .catch((error: unknown) => this.log.error({ error }, 'Sending inside a dialog failed'))
  }

  isPeer(dialog: Dialog, source: Hop): boolean {
    return this.#places.isPeer(dialog, source)
  }

  /**
   * Builds a request with a new branch, and adds its transaction; the caller starts it. One that is too large for a
   * datagram goes by TCP where the hop takes that, and by UDP in fragments where it doesn't (§18.1.1, PITFALLS S38).
   */
  newClient(hop: Hop, user: ClientUser, maker: RequestMaker): ClientTransaction {
    const credentials = maker.renumber && this.options.credentials?.(hop)
    if (!credentials) return this.#addClient(hop, user, maker)
    const challenged = new Challenged(user, credentials, this.#met.of(`${credentials.user}@${hop.address}:${hop.port}`))
    const make = (via: string) => {
      const parts = maker.make(via)
      const send = (again: ClientUser, headers: HeaderList) => {
        maker.renumber?.()
        return this.#addClient(hop, again, { make: (v) => withCredentials(maker.make(v), headers) })
      }
      challenged.prepare({ method: parts.method, uri: parts.uri, send })
      return withCredentials(parts, challenged.headers(parts.method, parts.uri))
    }
    return this.#addClient(hop, challenged, { make })
  }

  #addClient(hop: Hop, user: ClientUser, maker: RequestMaker): ClientTransaction {
    const branch = this.transactions.newBranch()
    let to = hop
    let parts = maker.make(this.via(branch, to))
    let message = buildRequest(parts)
    if (hop.transport === 'udp' && message.isLongerThan(LARGE_BYTES)) {
      if (hop.large) {
        to = { ...hop, transport: hop.large }
        parts = maker.make(this.via(branch, to))
        message = buildRequest(parts)
      } else {
        this.log.info({ bytes: message.length, method: parts.method }, 'A large SIP request goes by UDP in fragments')
      }
    }
    return this.transactions.addClient(branch, sentOf(parts), message, to, user)
  }
}

/** How requests and dialogs name us by one address (§18.1.1, §8.1.1.8). */
interface OwnNames {
  of: LocalPlace
  via: Record<Transport, string>
  contact: Record<Transport, string>
}

function ownNames(of: LocalPlace): OwnNames {
  const { address, port, tlsPort = 5061 } = of
  const host = address.includes(':') ? `[${address}]` : address
  return {
    of,
    via: {
      udp: `SIP/2.0/UDP ${host}:${port}`,
      tcp: `SIP/2.0/TCP ${host}:${port}`,
      tls: `SIP/2.0/TLS ${host}:${tlsPort}`,
    },
    contact: {
      udp: `<sip:${host}:${port}>`,
      tcp: `<sip:${host}:${port};transport=tcp>`,
      tls: `<sip:${host}:${tlsPort};transport=tls>`,
    },
  }
}

/** What stays of a request in its transaction: not the body nor the headers of the product. */
export function sentOf(parts: RequestParts): ClientTransaction['sent'] {
  const { method, uri, via, from, to, callId, sequence, routes } = parts
  return { method, uri, via, from, to, callId, sequence, routes }
}

/** A user that cares for neither answers nor silence: of a BYE to a fork that nobody wanted. */
export const NOBODY: ClientUser = { onResponse() {}, onTimeout() {} }

/** §14.2: an interval between 0 and 10 s, chosen at random. */
export function retryAfter(): readonly [name: string, value: string] {
  return ['Retry-After', String(Math.floor(Math.random() * 11))]
}
