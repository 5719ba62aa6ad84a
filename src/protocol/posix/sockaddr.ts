import { isIPv6 } from 'node:net'

/** Bytes that hold either form. */
export const SOCKADDR_BYTES = 28

// The family is in the byte order of the machine, which is little-endian wherever Tieline runs.
const AF_INET = 2
const AF_INET6 = 10
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39

/**
 * Writes `struct sockaddr_in` or `sockaddr_in6` at `start` and returns its length: 0 where the text is no plain address, but a
 * name or one with a scope. The address of each message that is sent comes by here: of IPv4 nothing is allocated.
 */
export function writeSockaddr(bytes: Uint8Array, start: number, address: string, port: number): number {
  bytes.fill(0, start, start + SOCKADDR_BYTES)
  bytes[start + 2] = port >> 8
  bytes[start + 3] = port
  if (!address.includes(':')) {
    bytes[start] = AF_INET
    return writeIpv4(bytes, start + 4, address) ? 16 : 0
  }
  if (!isIPv6(address) || address.includes('%')) return 0
  bytes[start] = AF_INET6
  groups(address).forEach((value, i) => {
    bytes[start + 8 + 2 * i] = value >> 8
    bytes[start + 9 + 2 * i] = value
  })
  return 28
}

/** Writes dotted decimal as four bytes; false where it is anything else, as with a leading zero, which some read as octal. */
function writeIpv4(bytes: Uint8Array, start: number, text: string): boolean {
  let place = 0
  let digits = 0
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT && digits > 0 && place < 3) {
      place++
      digits = 0
      value = 0
    } else if (code >= ZERO && code <= NINE && (digits === 0 || (digits < 3 && value > 0))) {
      digits++
      value = value * 10 + code - ZERO
      if (value > 255) return false
      bytes[start + place] = value
    } else return false
  }
  return place === 3 && digits > 0
}

/** The eight 16-bit groups of an IPv6 address. */
function groups(address: string): number[] {
  const [head = '', tail] = address.split('::')
  const parse = (part: string) => (part ? part.split(':').flatMap(group) : [])
  const front = parse(head)
  if (tail === undefined) return front
  const back = parse(tail)
  return [...front, ...new Array<number>(Math.max(0, 8 - front.length - back.length)).fill(0), ...back]
}

function group(text: string): number[] {
  if (!text.includes('.')) return [Number.parseInt(text, 16)]
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number)
  return [(a << 8) | b, (c << 8) | d]
}

/** Whether two have the same host, whatever their ports. */
export function sameHost(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number): boolean {
  if (a[aStart] !== b[bStart]) return false
  const v4 = a[aStart] === AF_INET
  const from = v4 ? 4 : 8
  const to = v4 ? 8 : 24
  for (let i = from; i < to; i++) if (a[aStart + i] !== b[bStart + i]) return false
  return true
}

export function samePort(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number): boolean {
  return a[aStart + 2] === b[bStart + 2] && a[aStart + 3] === b[bStart + 3]
}

/** The port in it. */
export function portOf(bytes: Uint8Array, start: number): number {
  return (bytes[start + 2]! << 8) | bytes[start + 3]!
}

/** What `struct sockaddr_in` or `sockaddr_in6` at `start` says, as Node would (RFC 5952), but for the scope of an IPv6 address. */
export function readSockaddr(bytes: Uint8Array, start: number): { address: string; port: number } {
  const port = portOf(bytes, start)
  if (bytes[start] === AF_INET) return { address: bytes.subarray(start + 4, start + 8).join('.'), port }
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[start + 8 + 2 * i]! << 8) | bytes[start + 9 + 2 * i]!).toString(16))
  const mapped = words.slice(0, 6).join() === '0,0,0,0,0,ffff'
  if (mapped) return { address: `::ffff:${bytes.subarray(start + 20, start + 24).join('.')}`, port }
  return { address: shortened(words.join(':')), port }
}

/** The first of the longest runs of zeros, of two or more, is two colons. */
function shortened(address: string): string {
  const runs = address.match(/\b0(?::0\b)+/g) ?? []
  const longest = runs.reduce((a, b) => (b.length > a.length ? b : a), '')
  return longest ? address.replace(new RegExp(`(?:^|:)\\b${longest}\\b(?:$|:)`), '::') : address
}
