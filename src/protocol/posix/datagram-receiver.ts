import { type Libc, MSG_DONTWAIT, reserve } from './libc.ts'
import { readSockaddr, SOCKADDR_BYTES } from './sockaddr.ts'

/** Datagrams that are taken from a socket by one call. */
const AT_ONCE = 16
/** No datagram is larger. What isn't written to is no memory. */
const ROOM = 65_536
/** A datagram that is kept keeps its whole chunk: this is some fifteen of them. One that is half as large has memory of its own. */
const CHUNK = 8192

/** Sources whose place is known: a power of two. A carrier has a few. */
const KNOWN = 256

// Of `struct mmsghdr` in 64-bit words, and of what it names in 32-bit words.
const HEADER = 8
const NAME_LENGTH = 2
const BYTES = 14
/** 32-bit words of a socket address: its room, and what there is of either family. */
const NAME = 8
const IPV4_WORDS = 2
const IPV6_WORDS = 7
const AF_INET = 2

/**
 * Receives datagrams, by whichever socket: all that are there, by one call into the same memory, which stays in the caches.
 * Whoever sent one before is known again by the numbers of its address, without any text made of it.
 */
export class DatagramReceiver<Place> {
  readonly #libc: Libc
  readonly #placeOf: (address: string, port: number) => Place
  readonly #data = reserve(AT_ONCE * ROOM)
  readonly #names = reserve(AT_ONCE * NAME * 4)
  readonly #vectors = reserve(AT_ONCE * 16)
  readonly #headers = reserve(AT_ONCE * HEADER * 8)
  readonly #headerWords = new Int32Array(this.#headers.bytes.buffer)
  readonly #nameWords = new Int32Array(this.#names.bytes.buffer)
  readonly #knownWords = new Int32Array(KNOWN * NAME)
  readonly #knownPlaces: (Place | undefined)[] = new Array(KNOWN).fill(undefined)
  #chunk = new ArrayBuffer(CHUNK)
  #taken = 0

  /** `placeOf` makes what stands for a source: for one that is known, each datagram is given the same. */
  constructor(libc: Libc, placeOf: (address: string, port: number) => Place) {
    this.#libc = libc
    this.#placeOf = placeOf
    const headers = new BigUint64Array(this.#headers.bytes.buffer)
    const vectors = new BigUint64Array(this.#vectors.bytes.buffer)
    for (let i = 0; i < AT_ONCE; i++) {
      headers[i * HEADER] = BigInt(this.#names.address + i * NAME * 4)
      headers[i * HEADER + 2] = BigInt(this.#vectors.address + i * 16)
      headers[i * HEADER + 3] = 1n
      vectors[2 * i] = BigInt(this.#data.address + i * ROOM)
      vectors[2 * i + 1] = BigInt(ROOM)
    }
  }

  /** How many datagrams were there, at the most 16: {@link bytes} and {@link from} have them until it is called again. −1: see `errno`. */
  receive(fd: number): number {
    // The kernel has written how long the former names are: what comes next may be longer.
    for (let i = 0; i < AT_ONCE; i++) this.#headerWords[i * HEADER * 2 + NAME_LENGTH] = SOCKADDR_BYTES
    return this.#libc.recvmmsg(fd, this.#headers.address, AT_ONCE, MSG_DONTWAIT, 0)
  }

  /** The octets of one, to be kept. */
  bytes(i: number): Buffer {
    const length = this.#headerWords[i * HEADER * 2 + BYTES]!
    const bytes = this.#room(length)
    bytes.set(this.#data.bytes.subarray(i * ROOM, i * ROOM + length))
    return bytes
  }

  #room(length: number): Buffer {
    if (length > CHUNK / 2) return Buffer.allocUnsafeSlow(length)
    if (this.#taken + length > CHUNK) {
      this.#chunk = new ArrayBuffer(CHUNK)
      this.#taken = 0
    }
    const bytes = Buffer.from(this.#chunk, this.#taken, length)
    this.#taken += length
    return bytes
  }

  /** Whence it came. */
  from(i: number): Place {
    const name = this.#nameWords
    const at = i * NAME
    const words = (name[at]! & 0xffff) === AF_INET ? IPV4_WORDS : IPV6_WORDS
    let sum = name[at]! >>> 16
    for (let word = 1; word < words; word++) sum = (sum * 31 + name[at + word]!) | 0
    const entry = (sum ^ (sum >>> 8) ^ (sum >>> 16) ^ (sum >>> 24)) & (KNOWN - 1)
    const known = this.#knownPlaces[entry]
    if (known !== undefined && this.#isKnown(entry, at, words)) return known
    const { address, port } = readSockaddr(this.#names.bytes, at * 4)
    const scope = words === IPV6_WORDS ? name[at + 6]! : 0
    const place = this.#placeOf(scope === 0 ? address : `${address}%${this.#libc.interfaceName(scope)}`, port)
    for (let word = 0; word < words; word++) this.#knownWords[entry * NAME + word] = name[at + word]!
    this.#knownPlaces[entry] = place
    return place
  }

  #isKnown(entry: number, at: number, words: number): boolean {
    for (let word = 0; word < words; word++)
      if (this.#knownWords[entry * NAME + word] !== this.#nameWords[at + word]) return false
    return true
  }
}
