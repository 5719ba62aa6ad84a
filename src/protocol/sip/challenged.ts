import { token } from '#lib/index.ts'
import type { RequestParts } from './build.ts'
import type { ClientTransaction, ClientUser } from './client-transaction.ts'
import { answerChallenge, type Challenge, type Credentials, chooseChallenge } from './digest.ts'
import type { SipResponse } from './message.ts'
import type { HeaderList } from './types.ts'

/** Where a challenge stands, and where its answer goes (RFC 3261 §22.2, §22.3). */
const PLACES = [
  { status: 401, challenge: 'www-authenticate', answer: 'Authorization' },
  { status: 407, challenge: 'proxy-authenticate', answer: 'Proxy-Authorization' },
] as const

/** A challenge that has been met, for the requests to come: its nonce goes on with a count (RFC 7616 §3.4). */
interface Met {
  answer: string
  challenge: Challenge
  count: number
}

/** The challenges that the far ends of one user agent have made, by where they stand. Few: only trunks have credentials. */
export class MetChallenges {
  readonly #met = new Map<string, Met[]>()

  of(peer: string): Met[] {
    let met = this.#met.get(peer)
    if (!met) {
      met = []
      this.#met.set(peer, met)
    }
    return met
  }
}

/** What a challenged request is made again with. */
export interface Remake {
  /** Makes the request once more, with a CSeq of its own (§22.2), and adds its transaction for `user`. */
  send(user: ClientUser, headers: HeaderList): ClientTransaction
  method: string
  uri: string
}

/**
 * Stands between a request and its user, and answers challenges with credentials. One answer to a fresh challenge, and one
 * more where the server says that only its nonce was stale: what is refused then, the user is told (PITFALLS S44).
 */
export class Challenged implements ClientUser {
  readonly #user: ClientUser
  readonly #credentials: Credentials
  readonly #met: Met[]
  readonly #answered = new Map<string, number>()
  #remake: Remake | null = null

  constructor(user: ClientUser, credentials: Credentials, met: Met[]) {
    this.#user = user
    this.#credentials = credentials
    this.#met = met
  }

  /** How the request is made again. */
  prepare(remake: Remake): void {
    this.#remake = remake
  }

  /** The headers that the request has from the start, where a nonce is known. */
  headers(method: string, uri: string): HeaderList {
    return this.#met.map((met): readonly [string, string] => {
      met.count += 1
      const input = { method, uri, nonceCount: met.count, cnonce: token(8) }
      return [met.answer, answerChallenge(met.challenge, this.#credentials, input)]
    })
  }

  onResponse(response: SipResponse): void {
    if (!this.#takes(response) || !this.#again()) this.#user.onResponse(response)
  }

  onTimeout(): void {
    this.#user.onTimeout()
  }

  onSilence(): void {
    this.#user.onSilence?.()
  }

  /** Whether the response is a challenge that is worth an answer; it is kept then. */
  #takes(response: SipResponse): boolean {
    const place = PLACES.find(({ status }) => status === response.status)
    const challenge = place && chooseChallenge(response.headers(place.challenge))
    if (!place || !challenge) return false
    const before = this.#answered.get(place.answer) ?? 0
    const i = this.#met.findIndex(({ answer }) => answer === place.answer)
    if (before > 1 || (before === 1 && !challenge.stale)) {
      // What it refuses is no use for the next request either.
      if (i >= 0) this.#met.splice(i, 1)
      return false
    }
    this.#answered.set(place.answer, before + 1)
    const met = { answer: place.answer, challenge, count: 0 }
    if (i >= 0) this.#met[i] = met
    else this.#met.push(met)
    return true
  }

  #again(): boolean {
    const remake = this.#remake
    if (!remake) return false
    const send = () => remake.send(this, this.headers(remake.method, remake.uri))
    if (this.#user.replace) return this.#user.replace(send)
    send().start()
    return true
  }
}

/** A request with credentials. */
export function withCredentials(parts: RequestParts, credentials: HeaderList): RequestParts {
  return credentials.length > 0 ? { ...parts, credentials } : parts
}
