import { randomInt } from 'node:crypto'
import type { ResponseParts } from './build.ts'
import type { Core } from './core.ts'
import type { SipRequest } from './message.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import type { ServerTransaction } from './server-transaction.ts'
import { type TimerOwner, WheelTimer } from './timer-wheel.ts'

/** The option tag of RFC 3262. */
export const RELIABLE = '100rel'

/**
 * The reliable provisional responses to one INVITE (RFC 3262 §3): one after the other, each repeated from T1 doubling until
 * its PRACK comes, at most for 64*T1. Their numbers are this leg's own and never another's (PITFALLS S12).
 */
export class ReliableProvisionals implements TimerOwner {
  readonly #core: Core
  readonly #transaction: ServerTransaction
  readonly #sequence: number
  readonly #onGivenUp: () => void
  readonly #repeat = new WheelTimer(this)
  readonly #life = new WheelTimer(this)
  readonly #waiting: ResponseParts[] = []
  /** Below 2^31, so that no call can count it over. */
  #number = randomInt(1, 2 ** 31 - 1)
  #open: OutgoingMessage | null = null
  #describes = false
  /** What held our answer to the offer of the INVITE has been acknowledged (§5). */
  answered = false
  #interval = 0
  #settled: { promise: Promise<void>; resolve: () => void } | null = null

  constructor(core: Core, invite: SipRequest, transaction: ServerTransaction, onGivenUp: () => void) {
    this.#core = core
    this.#transaction = transaction
    this.#sequence = invite.cseq.sequence
    this.#onGivenUp = onGivenUp
  }

  /** Resolves when nothing waits for its PRACK; null where that is so already. */
  get settled(): Promise<void> | null {
    if (!this.#open) return null
    this.#settled ??= Promise.withResolvers<void>()
    return this.#settled.promise
  }

  /** §3: not before the one ahead of it has been acknowledged. */
  send(parts: ResponseParts): void {
    if (this.#open) {
      this.#waiting.push(parts)
      return
    }
    this.#number += 1
    const headers = [...(parts.headers ?? []), ['Require', RELIABLE] as const, ['RSeq', String(this.#number)] as const]
    this.#describes = parts.body !== undefined
    this.#open = this.#transaction.respond({ ...parts, headers })
    if (!this.#open) return
    const { times, wheel } = this.#core.transactions
    this.#interval = times.t1
    wheel.arm(this.#repeat, this.#interval, 'repeat')
    wheel.arm(this.#life, times.transaction, 'give up')
  }

  /** A PRACK; false when it names nothing that is open (§3: 481). */
  acknowledge(rack: string | undefined): boolean {
    const [, number, sequence, method] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s*$/.exec(rack ?? '') ?? []
    if (!this.#open || method !== 'INVITE') return false
    if (Number(number) !== this.#number || Number(sequence) !== this.#sequence) return false
    this.answered ||= this.#describes
    this.#close()
    const next = this.#waiting.shift()
    if (next) this.send(next)
    else this.#settle()
    return true
  }

  onTimer(name: string): void {
    if (!this.#open) return
    if (name === 'give up') {
      this.stop()
      this.#onGivenUp()
      return
    }
    this.#interval *= 2
    this.#core.transactions.wheel.arm(this.#repeat, this.#interval, 'repeat')
    this.#core.options.transport.send(this.#open, this.#transaction.hop)
  }

  /** There is a final answer: nothing is repeated any more. */
  stop(): void {
    this.#close()
    this.#waiting.length = 0
    this.#settle()
  }

  #close(): void {
    this.#open = null
    this.#core.transactions.wheel.cancel(this.#repeat)
    this.#core.transactions.wheel.cancel(this.#life)
  }

  #settle(): void {
    this.#settled?.resolve()
    this.#settled = null
  }
}
