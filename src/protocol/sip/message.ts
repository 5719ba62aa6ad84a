import { type NameAddr, parseNameAddr, parseVia, type Via } from './address.ts'
import { findLine, findNumber, type Head, PER_LINE } from './head.ts'
import { knownMethod, methodAt } from './methods.ts'
import { bodyOfType } from './multipart.ts'
import { FIRST_CREDENTIAL, HEADER } from './names.ts'
import { SipParseError } from './parse-error.ts'
import { begins, digitsAt, octetsOf, readPlainAddress, readPlainUri, readPlainVia, tagOfPlain, uriOfPlain } from './plain.ts'
import { isToken, parseDigits, skipBlanks, splitList, unfitForTag, unfold } from './text.ts'
import { parseUri, type SipUri } from './uri.ts'

export interface CSeq {
  readonly sequence: number
  readonly method: string
}

const BLANK = 32

const SDP = 'application/sdp'
const SDP_OCTETS = octetsOf(SDP)

/** A header whose lines are copied into messages of ours, and how it is written there. */
export class HeaderName {
  readonly number: number
  readonly begin: string
  readonly octets: Uint8Array

  constructor(number: number, name: string) {
    this.number = number
    this.begin = `${name}: `
    this.octets = octetsOf(this.begin)
  }
}

const NO_DESCRIPTION = new Uint8Array(0)

/** What requests and responses share. A header is parsed when it is first asked for, and once. */
abstract class SipMessage {
  /** As long as Content-Length says; over UDP without one, the rest of the datagram (RFC 3261 §18.3). */
  readonly body: Uint8Array
  readonly #head: Head
  #via: Via | undefined
  /** Of a plain From or To nothing is made but its tag; null where there is none. */
  #fromTag: string | null | undefined
  #from: NameAddr | undefined
  #toTag: string | null | undefined
  #to: NameAddr | undefined
  #cseq: CSeq | undefined
  #callId: string | undefined
  #contactUri: string | undefined

  constructor(head: Head, body: Uint8Array) {
    this.#head = head
    this.body = body
  }

  /** Start line and headers as they came. */
  get head(): string {
    return this.#head.text
  }

  #value(i: number): string {
    const { text, codes, lines } = this.#head
    const value = text.slice(lines[i + 2], lines[i + 3])
    if (codes) return value
    return (value.includes('\n') ? unfold(value) : value).trim()
  }

  /**
   * The first line's value of this name, in any spelling, or of its number among {@link HEADER}, which is the quicker way; unfolded,
   * not split at commas.
   */
  header(name: string | number): string | undefined {
    const i = findLine(this.#head, name)
    return i < 0 ? undefined : this.#value(i)
  }

  /** Whether there is a line of one of {@link HEADER}. */
  has(number: number): boolean {
    return findNumber(this.#head.lines, number) >= 0
  }

  /** The values of all lines of this name. */
  headers(name: string | number): string[] {
    const values: string[] = []
    for (let i = findLine(this.#head, name); i >= 0; i = findLine(this.#head, name, i + PER_LINE)) values.push(this.#value(i))
    return values
  }

  /** Whether somebody shows by this message who he is. */
  get hasCredentials(): boolean {
    const { lines } = this.#head
    for (let i = 0; i < lines.length; i += PER_LINE) if (lines[i]! >= FIRST_CREDENTIAL) return true
    return false
  }

  /** All elements of a comma-separated header, over all of its lines. Not for headers whose values hold bare commas. */
  list(name: string | number): string[] {
    const values = this.headers(name)
    if (values.length === 0) return values
    if (values.length === 1) return splitList(values[0]!)
    return values.flatMap(splitList)
  }

  /** Whether one of the elements of a comma-separated header is this one. */
  lists(name: string | number, element: string): boolean {
    for (let i = findLine(this.#head, name); i >= 0; i = findLine(this.#head, name, i + PER_LINE)) {
      const value = this.#value(i)
      if (value === element || (value.includes(element) && splitList(value).includes(element))) return true
    }
    return false
  }

  /** The first line of this header, to be copied into a message of ours; '' where it is absent. */
  lineOf({ number, begin, octets }: HeaderName): string {
    const { text, codes, lines } = this.#head
    const i = findNumber(lines, number)
    if (i < 0) return ''
    const next = i + PER_LINE < lines.length ? lines[i + PER_LINE + 1]! : -1
    // A line that is nothing but well-written is taken as it is, with its line end.
    const whole = codes !== null && next === lines[i + 3]! + 2
    if (whole && lines[i + 2] === lines[i + 1]! + octets.length && begins(codes, lines[i + 1]!, octets))
      return text.slice(lines[i + 1], next)
    return `${begin}${this.#value(i)}\r\n`
  }

  /** The only line of this header. */
  #single(number: number, name: string): number {
    const { lines } = this.#head
    const i = findNumber(lines, number)
    if (i < 0) throw new SipParseError(400, `Missing ${name}`)
    if (findNumber(lines, number, i + PER_LINE) >= 0) throw new SipParseError(400, `More than one ${name}`)
    return i
  }

  /** The topmost Via. */
  get via(): Via {
    this.#via ??= this.#readVia()
    return this.#via
  }

  #readVia(): Via {
    const { text, codes, lines } = this.#head
    const i = findNumber(lines, HEADER.via)
    if (i < 0) throw new SipParseError(400, 'Missing via')
    return (codes && readPlainVia(text, codes, lines[i + 2]!, lines[i + 3]!)) ?? parseVia(splitList(this.#value(i))[0] ?? '')
  }

  /** How many there are, over all lines. */
  get vias(): number {
    const { text, codes, lines } = this.#head
    const i = findNumber(lines, HEADER.via)
    if (i < 0) return 0
    if (!codes || findNumber(lines, HEADER.via, i + PER_LINE) >= 0) return this.list('via').length
    const start = lines[i + 2]!
    const end = lines[i + 3]!
    const comma = text.indexOf(',', start)
    if (comma >= 0 && comma < end) return this.list('via').length
    return start === end ? 0 : 1
  }

  get fromTag(): string | undefined {
    if (this.#fromTag === undefined) {
      const i = this.#single(HEADER.from, 'from')
      this.#fromTag = this.#plainTag(i)
      if (this.#fromTag === undefined) {
        this.#from = parseNameAddr(this.#value(i))
        this.#fromTag = this.#from.tag ?? null
      }
    }
    return this.#fromTag ?? undefined
  }

  get toTag(): string | undefined {
    if (this.#toTag === undefined) {
      const i = this.#single(HEADER.to, 'to')
      this.#toTag = this.#plainTag(i)
      if (this.#toTag === undefined) {
        this.#to = parseNameAddr(this.#value(i))
        this.#toTag = this.#to.tag ?? null
      }
    }
    return this.#toTag ?? undefined
  }

  /** The tag of the plain address in a line, null where it has none; undefined where the address is another. */
  #plainTag(i: number): string | null | undefined {
    const { text, codes, lines } = this.#head
    const at = codes ? tagOfPlain(codes, lines[i + 2]!, lines[i + 3]!) : -1
    if (at < 0) return undefined
    return at === 0 ? null : text.slice(at >> 10, (at >> 10) + (at & 1023))
  }

  /** Reads what names its dialog. @throws SipParseError */
  checkTags(): void {
    void this.fromTag
    void this.toTag
    void this.callId
  }

  /** The plain URI without parameters that stands there; null for another. */
  protected plainUri(start: number, length: number): SipUri | null {
    const { text, codes } = this.#head
    return codes && readPlainUri(text, codes, start, start + length)
  }

  #readParty(i: number): NameAddr {
    const { text, codes, lines } = this.#head
    const plain = codes && readPlainAddress(text, codes, lines[i + 2]!, lines[i + 3]!)
    return plain ?? parseNameAddr(this.#value(i))
  }

  get from(): NameAddr {
    this.#from ??= this.#readParty(this.#single(HEADER.from, 'from'))
    return this.#from
  }

  get to(): NameAddr {
    this.#to ??= this.#readParty(this.#single(HEADER.to, 'to'))
    return this.#to
  }

  /**
   * Reads From and To as far as they are not plain: their URIs, and their tags, which stand in all that we send inside the dialog.
   * @throws SipParseError
   */
  checkParties(): void {
    const { fromTag, toTag } = this
    const [from, to] = [this.#from, this.#to]
    if ((from && fromTag && unfitForTag(fromTag)) || (to && toTag && unfitForTag(toTag))) {
      throw new SipParseError(400, 'Malformed tag')
    }
    void from?.uri
    void to?.uri
  }

  /** The first Contact; undefined when there is none, or when it is `*`. */
  get contact(): NameAddr | undefined {
    const first = this.list(HEADER.contact)[0]
    return first === undefined || first === '*' ? undefined : parseNameAddr(first)
  }

  /**
   * The URI of the first Contact, as text; undefined when there is none that can be used.
   * @throws SipParseError
   */
  get contactUri(): string | undefined {
    this.#contactUri ??= this.#readContactUri()
    return this.#contactUri
  }

  #readContactUri(): string | undefined {
    const { text, codes, lines } = this.#head
    const i = findNumber(lines, HEADER.contact)
    if (i < 0) return undefined
    const plain = codes ? uriOfPlain(text, codes, lines[i + 2]!, lines[i + 3]!) : null
    if (plain !== null) return plain
    const { contact } = this
    return contact && contact.uri.scheme !== 'tel' ? contact.address : undefined
  }

  get cseq(): CSeq {
    if (!this.#cseq) {
      const { codes, lines } = this.#head
      const i = this.#single(HEADER.cseq, 'cseq')
      this.#cseq = (codes && plainCSeq(codes, lines[i + 2]!, lines[i + 3]!)) ?? parseCSeq(this.#value(i))
    }
    return this.#cseq
  }

  get callId(): string {
    if (this.#callId === undefined) {
      const value = this.#value(this.#single(HEADER.callId, 'call-id'))
      if (!value) throw new SipParseError(400, 'Missing call-id')
      this.#callId = value
    }
    return this.#callId
  }

  /** What names its dialog outlives the message: these texts say the same, and do not keep the message with them. */
  belongsTo(callId: string, fromTag: string): void {
    this.#callId = callId
    if (this.#fromTag) this.#fromTag = fromTag
  }

  /** Route values in order, as texts. */
  get routes(): string[] {
    return this.list('route')
  }

  /** Record-Route values in order, as texts. */
  get recordRoutes(): string[] {
    return this.list(HEADER.recordRoute)
  }

  /** The media type of the body, lower case, without parameters; '' when there is no Content-Type. */
  get contentType(): string {
    const { codes, lines } = this.#head
    const i = findNumber(lines, HEADER.contentType)
    if (i < 0) return ''
    if (codes && lines[i + 3]! - lines[i + 2]! === SDP.length && begins(codes, lines[i + 2]!, SDP_OCTETS)) return SDP
    const value = this.#value(i)
    const semicolon = value.indexOf(';')
    return (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase()
  }

  /** The session description: the body, or the part of it that is one (RFC 5621 §3.1); empty where there is none (PITFALLS S39). */
  get description(): Uint8Array {
    if (this.body.length === 0) return this.body
    const { contentType } = this
    if (contentType === SDP || contentType === '') return this.body
    return bodyOfType(this, SDP) ?? NO_DESCRIPTION
  }
}

const MOST_SEQUENCE = 2 ** 31 - 1

/** A number, one blank and a method that is known; null for another. */
function plainCSeq(codes: Uint8Array, start: number, end: number): CSeq | null {
  let stop = start
  while (stop < end && codes[stop] !== BLANK) stop++
  const sequence = digitsAt(codes, MOST_SEQUENCE, start, stop)
  const method = knownMethod(codes, stop + 1, end)
  return sequence !== null && method ? { sequence, method } : null
}

/** §8.1.1.5: a number less than 2**31 and a method. One that is not cannot be counted on either. */
function parseCSeq(text: string): CSeq {
  let stop = 0
  while (text.charCodeAt(stop) > BLANK) stop++
  const begin = skipBlanks(text, stop)
  const method = methodAt(text, begin, text.length)
  const sequence = begin > stop ? parseDigits(text, MOST_SEQUENCE, 0, stop) : null
  if (sequence === null || !method || (!isToken(method) && /\s/.test(method))) throw new SipParseError(400, 'Malformed cseq')
  return { sequence, method }
}

/**
 * A request. Those that the user agent hands on have been checked (RFC 3261 §8.2): their accessors do not throw. On
 * others, an accessor of a malformed header throws {@link SipParseError}.
 */
export class SipRequest extends SipMessage {
  readonly method: string
  /** The Request-URI as it came. */
  readonly uri: string
  /** Whether the Request-URI is known to be plain. */
  readonly #plain: boolean
  #target: SipUri | undefined
  #maxForwards: number | null | undefined

  constructor(method: string, uri: string, head: Head, body: Uint8Array, plain = false) {
    super(head, body)
    this.method = method
    this.uri = uri
    this.#plain = plain
  }

  /** The Request-URI, parsed. */
  get target(): SipUri {
    this.#target ??= (this.#plain ? this.plainUri(this.method.length + 1, this.uri.length) : null) ?? parseUri(this.uri)
    return this.#target
  }

  /** Reads the Request-URI, if it is not plain. @throws SipParseError */
  checkTarget(): void {
    if (!this.#plain && this.target.headers !== undefined) throw new SipParseError(400, 'Headers in the Request-URI')
  }

  /** Null when the header is absent. */
  get maxForwards(): number | null {
    if (this.#maxForwards === undefined) {
      const value = this.header(HEADER.maxForwards)
      const n = value === undefined ? null : parseDigits(value, 255)
      if (value !== undefined && n === null) throw new SipParseError(400, 'Malformed max-forwards')
      this.#maxForwards = n
    }
    return this.#maxForwards
  }
}

/** A response. */
export class SipResponse extends SipMessage {
  /** 100 to 699. */
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string, head: Head, body: Uint8Array) {
    super(head, body)
    this.status = status
    this.reason = reason
  }
}
