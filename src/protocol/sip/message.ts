import { type NameAddr, parseNameAddr, parseVia, type Via } from './address.ts'
import { bodyOfType } from './multipart.ts'
import { canonicalName } from './names.ts'
import { SipParseError } from './parse-error.ts'
import { parseDigits, skipBlanks, splitList } from './text.ts'
import { parseUri, type SipUri } from './uri.ts'

export interface CSeq {
  readonly sequence: number
  readonly method: string
}

/** Where the headers of a message lie in its head; nothing of their values has been read yet. */
export interface HeadIndex {
  /** The head as text, its start line included. */
  readonly text: string
  /** Canonical names, in the order of the message. */
  readonly names: readonly string[]
  /** Start and end of each value in `text`, in pairs. */
  readonly spans: readonly number[]
}

const BLANK = 32

const SDP = 'application/sdp'

const NO_DESCRIPTION = new Uint8Array(0)

const FOLD = /[ \t]*\r?\n[ \t]+/g

/** What requests and responses share. A header is parsed when it is first asked for, and once. */
abstract class SipMessage {
  /** As long as Content-Length says; over UDP without one, the rest of the datagram (RFC 3261 §18.3). */
  readonly body: Uint8Array
  readonly #head: HeadIndex
  #via: Via | undefined
  #from: NameAddr | undefined
  #to: NameAddr | undefined
  #cseq: CSeq | undefined
  #callId: string | undefined

  constructor(head: HeadIndex, body: Uint8Array) {
    this.#head = head
    this.body = body
  }

  /** Start line and headers as they came. */
  get head(): string {
    return this.#head.text
  }

  #value(i: number): string {
    const value = this.#head.text.slice(this.#head.spans[2 * i], this.#head.spans[2 * i + 1])
    return value.includes('\n') ? value.replace(FOLD, ' ').trim() : value.trim()
  }

  /** The first line's value of this name, in any spelling; unfolded, not split at commas. */
  header(name: string): string | undefined {
    const i = this.#head.names.indexOf(canonicalName(name))
    return i < 0 ? undefined : this.#value(i)
  }

  /** The values of all lines of this name. */
  headers(name: string): string[] {
    const canonical = canonicalName(name)
    const { names } = this.#head
    const values: string[] = []
    for (let i = names.indexOf(canonical); i >= 0; i = names.indexOf(canonical, i + 1)) values.push(this.#value(i))
    return values
  }

  /** All elements of a comma-separated header, over all of its lines. Not for headers whose values hold bare commas. */
  list(name: string): string[] {
    const values = this.headers(name)
    if (values.length === 1) return splitList(values[0]!)
    return values.flatMap(splitList)
  }

  #single(name: string): string {
    const { names } = this.#head
    const i = names.indexOf(name)
    if (i < 0) throw new SipParseError(400, `Missing ${name}`)
    if (names.indexOf(name, i + 1) >= 0) throw new SipParseError(400, `More than one ${name}`)
    return this.#value(i)
  }

  /** The topmost Via. */
  get via(): Via {
    if (!this.#via) {
      const i = this.#head.names.indexOf('via')
      if (i < 0) throw new SipParseError(400, 'Missing via')
      this.#via = parseVia(splitList(this.#value(i))[0] ?? '')
    }
    return this.#via
  }

  get from(): NameAddr {
    this.#from ??= parseNameAddr(this.#single('from'))
    return this.#from
  }

  get to(): NameAddr {
    this.#to ??= parseNameAddr(this.#single('to'))
    return this.#to
  }

  /** The first Contact; undefined when there is none, or when it is `*`. */
  get contact(): NameAddr | undefined {
    const first = this.list('contact')[0]
    return first === undefined || first === '*' ? undefined : parseNameAddr(first)
  }

  get cseq(): CSeq {
    if (!this.#cseq) {
      const value = this.#single('cseq')
      let end = 0
      while (value.charCodeAt(end) > BLANK) end++
      const begin = skipBlanks(value, end)
      const method = value.slice(begin)
      // §8.1.1.5: less than 2**31. One that is not cannot be counted on either.
      const sequence = begin > end ? parseDigits(value.slice(0, end), 2 ** 31 - 1) : null
      if (sequence === null || !method || /\s/.test(method)) throw new SipParseError(400, 'Malformed cseq')
      this.#cseq = { sequence, method }
    }
    return this.#cseq
  }

  get callId(): string {
    if (this.#callId === undefined) {
      const value = this.#single('call-id')
      if (!value) throw new SipParseError(400, 'Missing call-id')
      this.#callId = value
    }
    return this.#callId
  }

  /** Route values in order, as texts. */
  get routes(): string[] {
    return this.list('route')
  }

  /** Record-Route values in order, as texts. */
  get recordRoutes(): string[] {
    return this.list('record-route')
  }

  /** The media type of the body, lower case, without parameters; '' when there is no Content-Type. */
  get contentType(): string {
    const value = this.header('content-type') ?? ''
    const semicolon = value.indexOf(';')
    return (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase()
  }

  /** The session description: the body, or the part of it that is one (RFC 5621 §3.1); empty where there is none (PITFALLS S39). */
  get description(): Uint8Array {
    if (this.body.length === 0 || this.contentType === '') return this.body
    return bodyOfType(this, SDP) ?? NO_DESCRIPTION
  }
}

/**
 * A request. Those that the user agent hands on have been checked (RFC 3261 §8.2): their accessors do not throw. On
 * others, an accessor of a malformed header throws {@link SipParseError}.
 */
export class SipRequest extends SipMessage {
  readonly method: string
  /** The Request-URI as it came. */
  readonly uri: string
  #target: SipUri | undefined

  constructor(method: string, uri: string, head: HeadIndex, body: Uint8Array) {
    super(head, body)
    this.method = method
    this.uri = uri
  }

  /** The Request-URI, parsed. */
  get target(): SipUri {
    this.#target ??= parseUri(this.uri)
    return this.#target
  }

  /** Null when the header is absent. */
  get maxForwards(): number | null {
    const value = this.header('max-forwards')
    if (value === undefined) return null
    const n = parseDigits(value, 255)
    if (n === null) throw new SipParseError(400, 'Malformed max-forwards')
    return n
  }
}

/** A response. */
export class SipResponse extends SipMessage {
  /** 100 to 699. */
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string, head: HeadIndex, body: Uint8Array) {
    super(head, body)
    this.status = status
    this.reason = reason
  }
}
