import { portOf, reserve, SOCKADDR_BYTES, sameHost, samePort } from '#protocol/posix/index.ts'
import { sequenceDelta } from '#protocol/rtp/index.ts'

/** Packets in a row, with one SSRC and following numbers, that prove a source we were not told of (RFC 3550 §A.1). */
const PROBATION = 3

/** What a gate says of a packet. */
export type Entry = 'enter' | 'latched' | 'refused'

/**
 * Who may send to an endpoint (RTPBleed). The rule, in order:
 * 1. The address and port that signalling named may always enter.
 * 2. As long as no packet has come from there, another port of the same host may become the source, once: a NAT or a
 *    telephone that sends from another port than it listens on. Three valid packets in a row prove it.
 * 3. Where signalling named an address that can't be reached (`anyHost`), another host may, once, in the same way.
 * 4. Everybody else is refused until signalling describes the far end again: at another address all begins anew; at the
 *    same one a source that has fallen silent may be followed once more ({@link again}).
 */
export class Gate {
  /** `struct sockaddr` of where we send to: the named one, or the one that was latched. */
  readonly target: Uint8Array
  /** Where the kernel reads it. */
  readonly targetAddress: number
  readonly #named: Uint8Array
  readonly #anyHost: boolean
  #fixed = false
  /** The source that is on probation. */
  readonly #candidate = new Uint8Array(new ArrayBuffer(SOCKADDR_BYTES))
  #candidateCount = 0
  #candidateSsrc = 0
  #candidateSequence = 0

  constructor(named: Uint8Array, anyHost: boolean) {
    const { bytes, address } = reserve(SOCKADDR_BYTES)
    this.target = bytes.subarray(0, SOCKADDR_BYTES)
    this.targetAddress = address
    this.target.set(named.subarray(0, SOCKADDR_BYTES))
    this.#named = named.slice(0, SOCKADDR_BYTES)
    this.#anyHost = anyHost
  }

  /** Whether it is of this description: what it has learnt is then good for it, too. */
  isOf(named: Uint8Array, anyHost: boolean): boolean {
    return anyHost === this.#anyHost && Buffer.compare(named.subarray(0, SOCKADDR_BYTES), this.#named) === 0
  }

  /**
   * The far end has been described again as it was. We go on to send where it was last; if nothing comes from there, it may
   * prove another place, since a NAT may have given it one.
   */
  again(): void {
    this.#fixed = false
    this.#candidateCount = 0
  }

  /** The RTP port that we send to. */
  get port(): number {
    return portOf(this.target, 0)
  }

  /** Judges a valid RTP packet by its source address at `start` of `bytes`. */
  judge(bytes: Uint8Array, start: number, ssrc: number, sequence: number): Entry {
    const host = sameHost(bytes, start, this.target, 0)
    if (host && samePort(bytes, start, this.target, 0)) {
      this.#fixed = true
      return 'enter'
    }
    if (this.#fixed || !(host || this.#anyHost)) return 'refused'
    if (!this.#proves(bytes, start, ssrc, sequence)) return 'refused'
    this.target.set(this.#candidate)
    this.#fixed = true
    return 'latched'
  }

  /** Whether RTCP may enter: from the host that we send to, whatever the port. */
  admitsControl(bytes: Uint8Array, start: number): boolean {
    return sameHost(bytes, start, this.target, 0)
  }

  #proves(bytes: Uint8Array, start: number, ssrc: number, sequence: number): boolean {
    const known =
      this.#candidateCount > 0 &&
      sameHost(bytes, start, this.#candidate, 0) &&
      samePort(bytes, start, this.#candidate, 0) &&
      ssrc === this.#candidateSsrc &&
      sequenceDelta(sequence, this.#candidateSequence) === 1
    if (!known) {
      this.#candidate.set(bytes.subarray(start, start + SOCKADDR_BYTES))
      this.#candidateCount = 0
    }
    this.#candidateSsrc = ssrc
    this.#candidateSequence = sequence
    return ++this.#candidateCount >= PROBATION
  }
}
