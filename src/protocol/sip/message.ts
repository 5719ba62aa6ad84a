import { type NameAddr, parseNameAddr, parseVia, Via } from './address.ts'
import { findLine, findNumber, type Head, PER_LINE } from './head.ts'
import { methodAt } from './methods.ts'
import { bodyOfType } from './multipart.ts'
import { CALL_ID, CONTACT, CONTENT_TYPE, CSEQ, FIRST_CREDENTIAL, FROM, TO, VIA } from './names.ts'
import { SipParseError } from './parse-error.ts'
import { isPlainUri, readPlainVia, tagOfPlain, uriOfPlain } from './plain.ts'
import { isToken, parseDigits, skipBlanks, splitList, unfold } from './text.ts'
import { parseUri, type SipUri } from './uri.ts'

export interface CSeq {
  readonly sequence: number
  readonly method: string
}

const BLANK = 32

const SDP = 'application/sdp'

const NO_DESCRIPTION = new Uint8Array(0)

/** A From or To as far as it has been read: a plain one without making anything of it but its tag. */
interface Party {
  tag: string | undefined
  whole: NameAddr | undefined
}

/** What requests and responses share. A header is parsed when it is first asked for, and once. */
abstract class SipMessage {
  /** As long as Content-Length says; over UDP without one, the rest of the datagram (RFC 3261 §18.3). */
  readonly body: Uint8Array
  readonly #head: Head
  #via: Via | undefined
  #from: Party | undefined
  #to: Party | undefined
  #cseq: CSeq | undefined
  #callId: string | undefined

  constructor(head: Head, body: Uint8Array) {
    this.#head = head
    this.body = body
  }

  /** Start line and headers as they came. */
  get head(): string {
    return this.#head.text
  }

  /** Its octets where they are those of {@link head}, one for each character. */
  protected get codes(): Uint8Array | null {
    return this.#head.codes
  }

  #value(i: number): string {
    const { text, codes, lines } = this.#head
    const value = text.slice(lines[i + 2], lines[i + 3])
    if (codes) return value
    return (value.includes('\n') ? unfold(value) : value).trim()
  }

  /** The first line's value of this name, in any spelling; unfolded, not split at commas. */
  header(name: string): string | undefined {
    const i = findLine(this.#head, name)
    return i < 0 ? undefined : this.#value(i)
  }

  /** The values of all lines of this name. */
  headers(name: string): string[] {
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
  list(name: string): string[] {
    const values = this.headers(name)
    if (values.length === 0) return values
    if (values.length === 1) return splitList(values[0]!)
    return values.flatMap(splitList)
  }

  /** Whether one of the elements of a comma-separated header is this one. */
  lists(name: string, element: string): boolean {
    for (let i = findLine(this.#head, name); i >= 0; i = findLine(this.#head, name, i + PER_LINE)) {
      const value = this.#value(i)
      if (value === element || (value.includes(element) && splitList(value).includes(element))) return true
    }
    return false
  }

  /** The first line of this header, to be copied into a message of ours; `name` is how it begins there. '' where it is absent. */
  lineOf(number: number, name: string): string {
    const { text, codes, lines } = this.#head
    const i = findNumber(lines, number)
    if (i < 0) return ''
    const next = i + PER_LINE < lines.length ? lines[i + PER_LINE + 1]! : -1
    // A line that is nothing but well-written is taken as it is, with its line end.
    const whole = next === lines[i + 3]! + 2 && codes !== null
    const named = lines[i + 2] === lines[i + 1]! + name.length && text.startsWith(name, lines[i + 1])
    if (whole && named) return text.slice(lines[i + 1], next)
    return `${name}${this.#value(i)}\r\n`
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
    const i = findNumber(lines, VIA)
    if (i < 0) throw new SipParseError(400, 'Missing via')
    const value = this.#value(i)
    const plain = codes && readPlainVia(text, codes, lines[i + 2]!, lines[i + 3]!)
    return plain ? new Via(value, 'UDP', plain, plain) : parseVia(splitList(value)[0] ?? '')
  }

  /** How many there are, over all lines. */
  get vias(): number {
    const { text, codes, lines } = this.#head
    const i = findNumber(lines, VIA)
    if (i < 0) return 0
    if (!codes || findNumber(lines, VIA, i + PER_LINE) >= 0) return this.list('via').length
    const start = lines[i + 2]!
    const end = lines[i + 3]!
    const comma = text.indexOf(',', start)
    if (comma >= 0 && comma < end) return this.list('via').length
    return start === end ? 0 : 1
  }

  #readParty(number: number, name: string): Party {
    const { text, codes, lines } = this.#head
    const i = this.#single(number, name)
    const at = codes ? tagOfPlain(codes, lines[i + 2]!, lines[i + 3]!) : -1
    if (at >= 0) return { tag: at === 0 ? undefined : text.slice(at >> 10, (at >> 10) + (at & 1023)), whole: undefined }
    const whole = parseNameAddr(this.#value(i))
    return { tag: whole.tag, whole }
  }

  #wholeParty(party: Party, number: number): NameAddr {
    party.whole ??= parseNameAddr(this.#value(findNumber(this.#head.lines, number)))
    return party.whole
  }

  get fromTag(): string | undefined {
    this.#from ??= this.#readParty(FROM, 'from')
    return this.#from.tag
  }

  get toTag(): string | undefined {
    this.#to ??= this.#readParty(TO, 'to')
    return this.#to.tag
  }

  /** Reads what names its dialog. @throws SipParseError */
  checkTags(): void {
    void this.fromTag
    void this.toTag
    void this.callId
  }

  get from(): NameAddr {
    this.#from ??= this.#readParty(FROM, 'from')
    return this.#wholeParty(this.#from, FROM)
  }

  get to(): NameAddr {
    this.#to ??= this.#readParty(TO, 'to')
    return this.#wholeParty(this.#to, TO)
  }

  /** Reads the URIs of From and To, as far as they are not plain. @throws SipParseError */
  checkParties(): void {
    this.#from ??= this.#readParty(FROM, 'from')
    this.#to ??= this.#readParty(TO, 'to')
    void this.#from.whole?.uri
    void this.#to.whole?.uri
  }

  /** The first Contact; undefined when there is none, or when it is `*`. */
  get contact(): NameAddr | undefined {
    const first = this.list('contact')[0]
    return first === undefined || first === '*' ? undefined : parseNameAddr(first)
  }

  /**
   * The URI of the first Contact, as text; undefined when there is none that can be used.
   * @throws SipParseError
   */
  get contactUri(): string | undefined {
    const { text, codes, lines } = this.#head
    const i = findNumber(lines, CONTACT)
    const plain = i < 0 || !codes ? null : uriOfPlain(text, codes, lines[i + 2]!, lines[i + 3]!)
    if (plain !== null) return plain
    const { contact } = this
    return contact && contact.uri.scheme !== 'tel' ? contact.address : undefined
  }

  get cseq(): CSeq {
    if (!this.#cseq) {
      const { text, codes, lines } = this.#head
      const i = this.#single(CSEQ, 'cseq')
      this.#cseq = codes ? parseCSeq(text, lines[i + 2], lines[i + 3]) : parseCSeq(this.#value(i))
    }
    return this.#cseq
  }

  get callId(): string {
    if (this.#callId === undefined) {
      const value = this.#value(this.#single(CALL_ID, 'call-id'))
      if (!value) throw new SipParseError(400, 'Missing call-id')
      this.#callId = value
    }
    return this.#callId
  }

  /** What names its dialog outlives the message: these texts say the same, and do not keep the message with them. */
  belongsTo(callId: string, fromTag: string): void {
    this.#callId = callId
    if (this.#from?.tag) this.#from.tag = fromTag
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
    const i = findNumber(this.#head.lines, CONTENT_TYPE)
    const value = i < 0 ? '' : this.#value(i)
    if (value === SDP) return SDP
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

/** §8.1.1.5: a number less than 2**31 and a method. One that is not cannot be counted on either. */
function parseCSeq(text: string, start = 0, end = text.length): CSeq {
  let stop = start
  while (stop < end && text.charCodeAt(stop) > BLANK) stop++
  const begin = skipBlanks(text, stop)
  const method = methodAt(text, begin, end)
  const sequence = begin > stop ? parseDigits(text, 2 ** 31 - 1, start, stop) : null
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
  #target: SipUri | undefined
  #maxForwards: number | null | undefined

  constructor(method: string, uri: string, head: Head, body: Uint8Array) {
    super(head, body)
    this.method = method
    this.uri = uri
  }

  /** The Request-URI, parsed. */
  get target(): SipUri {
    this.#target ??= parseUri(this.uri)
    return this.#target
  }

  /** Reads the Request-URI, if it is not plain. @throws SipParseError */
  checkTarget(): void {
    const start = this.method.length + 1
    const plain = this.codes !== null && isPlainUri(this.codes, start, start + this.uri.length)
    if (!plain && this.target.headers !== undefined) throw new SipParseError(400, 'Headers in the Request-URI')
  }

  /** Null when the header is absent. */
  get maxForwards(): number | null {
    if (this.#maxForwards === undefined) {
      const value = this.header('max-forwards')
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
