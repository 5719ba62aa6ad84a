/** Octets of a head, after which a connection is no SIP (PITFALLS F07). */
const MAX_HEAD = 64 << 10

/** Octets of a body; more than any session description with all that may come beside it. */
const MAX_BODY = 256 << 10

const CR = 13
const LF = 10

/**
 * What a stream is cut into. `ping` is the keepalive of RFC 5626 §3.5.1, which wants a CRLF back. After a `fault` the
 * stream means nothing any more: it is closed; `head`, where there is one, is a request to be refused first.
 */
export type Framed = { kind: 'message'; bytes: Buffer } | { kind: 'ping' } | { kind: 'fault'; head: Buffer | null }

/** Cuts a stream into messages by Content-Length (RFC 3261 §18.3), in bounded memory and in time linear to its length. */
export class StreamFramer {
  #buffer = Buffer.alloc(0)
  #length = 0
  /** Up to where no end of a head has been found. */
  #scanned = 0
  /** Octets of the whole message, once its head is there. */
  #wanted = 0
  #emptyLines = 0
  #dead = false

  /** Whether a message has begun that is not complete. */
  get pending(): boolean {
    return this.#length > 0
  }

  push(chunk: Uint8Array): Framed[] {
    const framed: Framed[] = []
    if (this.#dead) return framed
    this.#append(chunk)
    for (;;) {
      const next = this.#next()
      if (!next) return framed
      framed.push(next)
      if (next.kind === 'fault') {
        this.#dead = true
        this.#buffer = Buffer.alloc(0)
        this.#length = 0
        return framed
      }
    }
  }

  #next(): Framed | null {
    if (this.#wanted === 0) {
      if (this.#takeEmptyLines()) return { kind: 'ping' }
      const fault = this.#readHead()
      if (fault) return fault
    }
    if (this.#wanted === 0 || this.#length < this.#wanted) return null
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#wanted))
    this.#drop(this.#wanted)
    this.#wanted = 0
    this.#emptyLines = 0
    return { kind: 'message', bytes }
  }

  /** Two empty lines in front of a message are a ping, one is a pong or nothing. */
  #takeEmptyLines(): boolean {
    while (this.#length >= 2 && this.#buffer[0] === CR && this.#buffer[1] === LF) {
      this.#drop(2)
      if (++this.#emptyLines < 2) continue
      this.#emptyLines = 0
      return true
    }
    return false
  }

  /** Finds how long the message is; a fault when that cannot be told, or is too long. */
  #readHead(): Framed | null {
    const seen = this.#buffer.subarray(0, this.#length)
    const end = seen.indexOf('\r\n\r\n', Math.max(0, this.#scanned - 3), 'latin1')
    this.#scanned = this.#length
    if (end < 0 ? this.#length > MAX_HEAD : end > MAX_HEAD) return { kind: 'fault', head: null }
    if (end < 0) return null
    const body = bodyLength(seen.toString('latin1', 0, end + 2))
    if (body === null) return { kind: 'fault', head: null }
    if (body > MAX_BODY || Number.isNaN(body)) return { kind: 'fault', head: Buffer.from(seen.subarray(0, end + 4)) }
    this.#wanted = end + 4 + body
    return null
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(2048, 2 * this.#buffer.length, needed))
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    }
    this.#buffer.set(chunk, this.#length)
    this.#length = needed
  }

  #drop(octets: number): void {
    this.#buffer.copy(this.#buffer, 0, octets, this.#length)
    this.#length -= octets
    this.#scanned = 0
    // What one large message took is given back.
    if (this.#length === 0) this.#buffer = Buffer.alloc(0)
  }
}

/** §20.14: NaN where it is no length or two different ones, null where there is none, which a stream cannot do without. */
function bodyLength(head: string): number | null {
  let length: number | null = null
  for (const [, text] of head.matchAll(/\r\n(?:content-length|l)[ \t]*:([^\r\n]*)/gi)) {
    const value = /^[ \t]*\d{1,9}[ \t]*$/.test(text!) ? Number(text) : Number.NaN
    if (Number.isNaN(value) || (length !== null && length !== value)) return Number.NaN
    length = value
  }
  return length
}
