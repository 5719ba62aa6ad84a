import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '#lib/index.ts'
import { type DigestAlgorithm, type DigestAnswer, expectedResponse, parseAnswer } from './digest.ts'
import type { SipRequest } from './message.ts'
import { quote } from './text.ts'
import type { HeaderList } from './types.ts'

/** Ms for which a nonce is good. */
const NONCE_MS = 300_000

/** Nonces whose counts are remembered at once: a flood may not grow our memory. */
const REMEMBERED = 4096

/** Whether a request has shown who it is from. `challenge` are the headers of the 401. */
export type Verdict = { user: string } | { challenge: HeaderList; refused: boolean }

/**
 * The server's side of digest (RFC 7616, RFC 8760): a nonce is a time and its own proof, so that an unanswered challenge
 * costs no memory; of an answered one the highest count is kept, so that no answer is good twice (§5.4 replay).
 */
export class DigestGuard {
  readonly #realm: string
  readonly #clock: Clock
  readonly #key = randomBytes(32)
  readonly #counts = new Map<string, number>()

  readonly #algorithms: readonly DigestAlgorithm[]

  /** Asks for these algorithms, the best first; default SHA-256 and MD5. */
  constructor(options: { realm: string; clock: Clock; algorithms?: readonly DigestAlgorithm[] }) {
    this.#realm = options.realm
    this.#algorithms = options.algorithms ?? ['SHA-256', 'MD5']
    this.#clock = options.clock
  }

  /**
   * Whose request it is. `password` gives that of a user, undefined for a stranger, who is told no more than anybody. An answer by
   * another algorithm than those that are asked for is none: nobody in between may choose a weaker one (RFC 8760 §2.3).
   */
  check(request: SipRequest, password: (user: string) => string | undefined, algorithms = this.#algorithms): Verdict {
    const answers = request.headers('authorization').flatMap((value) => parseAnswer(value) ?? [])
    const answer = answers.find(({ realm, algorithm }) => realm === this.#realm && algorithms.includes(algorithm))
    if (!answer) return this.#challenge(algorithms, { stale: false, refused: false })
    const known = password(answer.user)
    // The work is the same whether the user exists or not.
    const right = equal(answer.response.toLowerCase(), expectedResponse(answer, known ?? 'nobody', request.method))
    if (known === undefined || !right) return this.#challenge(algorithms, { stale: false, refused: true })
    // §3.3: the right password with a nonce that is old, spent or of a former process.
    if (!this.#isFresh(answer)) return this.#challenge(algorithms, { stale: true, refused: false })
    return { user: answer.user }
  }

  #challenge(algorithms: readonly DigestAlgorithm[], { stale, refused }: { stale: boolean; refused: boolean }): Verdict {
    const nonce = this.#nonce(Math.floor(this.#clock.now()))
    const rest = `realm=${quote(this.#realm)}, nonce="${nonce}", qop="auth"${stale ? ', stale=true' : ''}`
    const values = algorithms.map((algorithm) => ['WWW-Authenticate', `Digest ${rest}, algorithm=${algorithm}`] as const)
    return { challenge: values, refused }
  }

  #nonce(at: number): string {
    const time = at.toString(36)
    return `${time}.${createHmac('sha256', this.#key).update(time).digest('base64url').slice(0, 22)}.${randomBytes(6).toString('base64url')}`
  }

  #isFresh({ nonce, nonceCount }: DigestAnswer): boolean {
    const [time = '', proof = ''] = nonce.split('.')
    const at = Number.parseInt(time, 36)
    if (!equal(proof, createHmac('sha256', this.#key).update(time).digest('base64url').slice(0, 22))) return false
    if (this.#clock.now() - at > NONCE_MS) return false
    const last = this.#counts.get(nonce) ?? 0
    // Without qop there is no count: such a nonce is good once.
    const count = nonceCount ?? (last === 0 ? 1 : 0)
    if (count <= last) return false
    this.#counts.delete(nonce)
    if (this.#counts.size >= REMEMBERED) this.#forgetOldest()
    this.#counts.set(nonce, count)
    return true
  }

  #forgetOldest(): void {
    const oldest = this.#counts.keys().next()
    if (!oldest.done) this.#counts.delete(oldest.value)
  }
}

function equal(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}
