import { type Cipheriv, createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import { sequenceDelta } from './sequence.ts'
import { deriveKeys, RTCP_LABEL, RTP_LABEL, type SessionKeys, type SrtpSuite } from './srtp-suite.ts'

/** Packets behind the newest that may still come, once each (RFC 3711 §3.3.2). */
const WINDOW = 128

/** Sources of one far end that are followed at once; a new one takes the place of the oldest. */
const SOURCES = 4

/** A source that is first heard in mid-call may have rolled over so often: five hours of packets of 20 ms. */
const MOST_ROLLED = 15

/** Packets of unknown sources that are tried with roll-overs, so that a stranger can't keep us busy. */
const TRIALS = 100

/** RFC 3711 §3.4: the highest bit says that a control packet is encrypted, the rest is its index. */
const ENCRYPTED = 0x8000_0000

/** Keystream is made in blocks; this is enough for the longest packet that is taken. */
const LONGEST = 2048

/** What is known of one source: its roll-overs, its newest packet, and which ones came. */
class Source {
  rollOver = 0
  highest = -1
  readonly seen = new Float64Array(WINDOW).fill(-1)

  /** The roll-over counter that a sequence number belongs to (RFC 3711 §3.3.1). */
  guess(sequence: number): number {
    if (this.highest < 0) return 0
    const delta = sequenceDelta(sequence, this.highest)
    const extended = this.rollOver * 65_536 + this.highest + delta
    return Math.max(0, Math.floor(extended / 65_536))
  }

  replayed(index: number): boolean {
    if (this.highest < 0) return false
    return index <= this.rollOver * 65_536 + this.highest - WINDOW || this.seen[index % WINDOW] === index
  }

  accept(index: number): void {
    this.seen[index % WINDOW] = index
    if (this.highest >= 0 && index <= this.rollOver * 65_536 + this.highest) return
    this.rollOver = Math.floor(index / 65_536)
    this.highest = index % 65_536
  }
}

/** Protects what is sent, or opens what is received, in one direction, with one master key. In place; no packet makes it throw. */
export class SrtpContext {
  readonly #suite: SrtpSuite
  readonly #rtp: SessionKeys
  readonly #rtcp: SessionKeys
  readonly #blocks: { rtp: Cipheriv; rtcp: Cipheriv } | null
  readonly #counters = Buffer.alloc(LONGEST)
  readonly #iv = Buffer.alloc(16)
  readonly #sources = new Map<number, Source>()
  readonly #controlSeen = new Map<number, Source>()
  readonly #roll = Buffer.alloc(4)
  #controlIndex = 0
  #trials = TRIALS

  /** `master` is key and salt of the suite. */
  constructor(suite: SrtpSuite, master: Uint8Array) {
    this.#suite = suite
    this.#rtp = deriveKeys(suite, master, RTP_LABEL)
    this.#rtcp = deriveKeys(suite, master, RTCP_LABEL)
    const block = (keys: SessionKeys) => createCipheriv('aes-128-ecb', keys.encryption, null).setAutoPadding(false)
    // One cipher for the life of the stream, which turns counters into keystream.
    this.#blocks = suite.mode === 'cm' ? { rtp: block(this.#rtp), rtcp: block(this.#rtcp) } : null
  }

  /** Protects the RTP packet of `length` bytes at the start of `bytes`, which has room for a tag. Its new length. */
  protect(bytes: Uint8Array, length: number): number {
    const start = headerOf(bytes, length)
    if (start < 0) return -1
    const ssrc = read32(bytes, 8)
    const sequence = (bytes[2]! << 8) | bytes[3]!
    const source = this.#sourceOf(this.#sources, ssrc)
    const rollOver = source.guess(sequence)
    source.accept(rollOver * 65_536 + sequence)
    if (this.#suite.mode === 'gcm') return this.#seal(bytes, start, length, this.#gcmIv(this.#rtp, ssrc, rollOver, sequence))
    this.#cross(this.#blocks!.rtp, this.#rtp.salt, ssrc, rollOver, sequence, bytes, start, length)
    bytes.set(this.#tag(this.#rtp, bytes, length, rollOver).subarray(0, this.#suite.tagBytes), length)
    return length + this.#suite.tagBytes
  }

  /** Opens an SRTP packet. The length of what was in it; −1 where it is forged, repeated or none. */
  open(bytes: Uint8Array, length: number): number {
    const end = length - this.#suite.tagBytes
    const start = headerOf(bytes, end)
    if (start < 0) return -1
    const ssrc = read32(bytes, 8)
    const sequence = (bytes[2]! << 8) | bytes[3]!
    const source = this.#sources.get(ssrc)
    const rollOver = source?.guess(sequence) ?? 0
    if (this.#openAt(bytes, start, length, ssrc, sequence, rollOver, source)) return end
    return !source && this.#openRolled(bytes, start, length, ssrc, sequence) ? end : -1
  }

  /** A far end that kept its key while we have lost count of its roll-overs (RFC 3711 §3.3.1 has no way to tell us). */
  #openRolled(bytes: Uint8Array, start: number, length: number, ssrc: number, sequence: number): boolean {
    if (this.#trials === 0) return false
    this.#trials--
    for (let rolled = 1; rolled <= MOST_ROLLED; rolled++) {
      if (this.#openAt(bytes, start, length, ssrc, sequence, rolled, undefined)) return true
    }
    return false
  }

  /** Protects the RTCP packet of `length` bytes at the start of `bytes` (RFC 3711 §3.4, RFC 7714 §9). Its new length. */
  protectControl(bytes: Uint8Array, length: number): number {
    const index = this.#controlIndex
    this.#controlIndex = (index + 1) & 0x7fff_ffff
    const ssrc = read32(bytes, 4)
    const word = Buffer.alloc(4)
    word.writeUInt32BE((ENCRYPTED | index) >>> 0)
    if (this.#suite.mode === 'gcm') {
      const cipher = createCipheriv('aes-128-gcm', this.#rtcp.encryption, this.#gcmIv(this.#rtcp, ssrc, 0, index))
      cipher.setAAD(Buffer.concat([bytes.subarray(0, 8), word]))
      bytes.set(cipher.update(bytes.subarray(8, length)), 8)
      cipher.final()
      bytes.set(cipher.getAuthTag(), length)
      bytes.set(word, length + 16)
      return length + 20
    }
    this.#cross(this.#blocks!.rtcp, this.#rtcp.salt, ssrc, index >>> 16, index & 0xffff, bytes, 8, length)
    bytes.set(word, length)
    const tag = createHmac('sha1', this.#rtcp.authentication)
      .update(bytes.subarray(0, length + 4))
      .digest()
    bytes.set(tag.subarray(0, this.#suite.controlTagBytes), length + 4)
    return length + 4 + this.#suite.controlTagBytes
  }

  /** Opens an SRTCP packet. The length of what was in it, or −1. */
  openControl(bytes: Uint8Array, length: number): number {
    const { mode, controlTagBytes } = this.#suite
    const end = length - controlTagBytes - 4
    if (end < 8) return -1
    const at = mode === 'gcm' ? length - 4 : end
    const word = read32(bytes, at)
    const index = word & 0x7fff_ffff
    const ssrc = read32(bytes, 4)
    const source = this.#controlSeen.get(ssrc)
    if (word < ENCRYPTED || source?.replayed(index)) return -1
    if (mode === 'gcm') {
      const decipher = createDecipheriv('aes-128-gcm', this.#rtcp.encryption, this.#gcmIv(this.#rtcp, ssrc, 0, index))
      decipher.setAAD(Buffer.concat([bytes.subarray(0, 8), bytes.subarray(at, length)]))
      if (!this.#finish(decipher, bytes, 8, end)) return -1
    } else {
      const tag = createHmac('sha1', this.#rtcp.authentication)
        .update(bytes.subarray(0, end + 4))
        .digest()
      if (!same(tag, bytes, end + 4, controlTagBytes)) return -1
      this.#cross(this.#blocks!.rtcp, this.#rtcp.salt, ssrc, index >>> 16, index & 0xffff, bytes, 8, end)
    }
    this.#sourceOf(this.#controlSeen, ssrc).accept(index)
    return end
  }

  #openAt(
    bytes: Uint8Array,
    start: number,
    length: number,
    ssrc: number,
    sequence: number,
    rollOver: number,
    known: Source | undefined,
  ): boolean {
    const index = rollOver * 65_536 + sequence
    if (known?.replayed(index)) return false
    const end = length - this.#suite.tagBytes
    if (this.#suite.mode === 'gcm') {
      const decipher = createDecipheriv('aes-128-gcm', this.#rtp.encryption, this.#gcmIv(this.#rtp, ssrc, rollOver, sequence))
      decipher.setAAD(bytes.subarray(0, start))
      if (!this.#finish(decipher, bytes, start, end)) return false
    } else {
      if (!same(this.#tag(this.#rtp, bytes, end, rollOver), bytes, end, this.#suite.tagBytes)) return false
      this.#cross(this.#blocks!.rtp, this.#rtp.salt, ssrc, rollOver, sequence, bytes, start, end)
    }
    this.#sourceOf(this.#sources, ssrc).accept(index)
    return true
  }

  #sourceOf(sources: Map<number, Source>, ssrc: number): Source {
    const known = sources.get(ssrc)
    if (known) return known
    if (sources.size === SOURCES) sources.delete(sources.keys().next().value!)
    const source = new Source()
    sources.set(ssrc, source)
    return source
  }

  #tag(keys: SessionKeys, bytes: Uint8Array, length: number, rollOver: number): Buffer {
    this.#roll.writeUInt32BE(rollOver)
    return createHmac('sha1', keys.authentication).update(bytes.subarray(0, length)).update(this.#roll).digest()
  }

  /** Crosses `bytes` with the keystream of AES in counter mode (RFC 3711 §4.1.1). */
  #cross(
    block: Cipheriv,
    salt: Buffer,
    ssrc: number,
    high: number,
    low: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const iv = this.#iv
    iv.fill(0)
    salt.copy(iv)
    iv.writeUInt32BE((iv.readUInt32BE(4) ^ ssrc) >>> 0, 4)
    iv.writeUInt32BE((iv.readUInt32BE(8) ^ high) >>> 0, 8)
    iv.writeUInt16BE(iv.readUInt16BE(12) ^ low, 12)
    const count = Math.ceil((end - start) / 16)
    for (let i = 0; i < count; i++) {
      iv.copy(this.#counters, 16 * i)
      this.#counters.writeUInt16BE(i, 16 * i + 14)
    }
    const stream = block.update(this.#counters.subarray(0, 16 * count))
    for (let i = start; i < end; i++) bytes[i]! ^= stream[i - start]!
  }

  /** RFC 7714 §8.1 and §9.1: two zero bytes, SSRC, roll-over and sequence or index, crossed with the salt. */
  #gcmIv(keys: SessionKeys, ssrc: number, rollOver: number, sequence: number): Buffer {
    const iv = Buffer.alloc(12)
    iv.writeUInt32BE(ssrc, 2)
    if (keys === this.#rtp) {
      iv.writeUInt32BE(rollOver, 6)
      iv.writeUInt16BE(sequence, 10)
    } else iv.writeUInt32BE(sequence, 8)
    for (let i = 0; i < 12; i++) iv[i]! ^= keys.salt[i]!
    return iv
  }

  #seal(bytes: Uint8Array, start: number, length: number, iv: Buffer): number {
    const cipher = createCipheriv('aes-128-gcm', this.#rtp.encryption, iv)
    cipher.setAAD(bytes.subarray(0, start))
    bytes.set(cipher.update(bytes.subarray(start, length)), start)
    cipher.final()
    bytes.set(cipher.getAuthTag(), length)
    return length + this.#suite.tagBytes
  }

  /** Deciphers in place; false, with the bytes as they were, where the tag behind them is wrong. */
  #finish(decipher: ReturnType<typeof createDecipheriv>, bytes: Uint8Array, start: number, end: number): boolean {
    const gcm = decipher as ReturnType<typeof createDecipheriv> & { setAuthTag(tag: Uint8Array): void }
    gcm.setAuthTag(bytes.subarray(end, end + 16))
    const clear = decipher.update(bytes.subarray(start, end))
    try {
      decipher.final()
    } catch {
      return false
    }
    bytes.set(clear, start)
    return true
  }
}

/** Where the payload begins, behind CSRCs and extension; −1 where there is no RTP packet (RFC 3550 §5.1). */
function headerOf(bytes: Uint8Array, length: number): number {
  if (length < 12 || bytes[0]! >> 6 !== 2 || length > LONGEST - 32) return -1
  let start = 12 + (bytes[0]! & 0x0f) * 4
  if (bytes[0]! & 0x10) {
    if (start + 4 > length) return -1
    start += 4 + ((bytes[start + 2]! << 8) | bytes[start + 3]!) * 4
  }
  return start <= length ? start : -1
}

function read32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

/** Whether `count` bytes are the same; it takes as long whether they are or not. */
function same(tag: Buffer, bytes: Uint8Array, at: number, count: number): boolean {
  let difference = 0
  for (let i = 0; i < count; i++) difference |= tag[i]! ^ bytes[at + i]!
  return difference === 0
}
