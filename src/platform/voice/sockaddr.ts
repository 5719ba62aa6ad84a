import { isIPv4 } from 'node:net'

/** Bytes that hold either form. */
export const SOCKADDR_BYTES = 28

const AF_INET = 2
const AF_INET6 = 10

/** The eight 16-bit groups of an IPv6 address. */
function groups(address: string): number[] {
  const [head = '', tail] = address.split('%')[0]!.split('::')
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

/** Writes `struct sockaddr_in` or `sockaddr_in6` at `start` and returns its length. */
export function writeSockaddr(bytes: Uint8Array, start: number, address: string, port: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, SOCKADDR_BYTES)
  bytes.fill(0, start, start + SOCKADDR_BYTES)
  const v4 = isIPv4(address)
  new Uint16Array(bytes.buffer, bytes.byteOffset + start, 1)[0] = v4 ? AF_INET : AF_INET6
  view.setUint16(2, port)
  if (v4) {
    address.split('.').forEach((part, i) => {
      bytes[start + 4 + i] = Number(part)
    })
    return 16
  }
  groups(address).forEach((value, i) => {
    view.setUint16(8 + 2 * i, value)
  })
  return 28
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

/** Whether an IPv4 address can't be reached from the public internet: RFC 1918, RFC 6598, link-local. */
export function isPrivate(address: string): boolean {
  if (!isIPv4(address)) return /^f[cd]|^fe[89ab]/i.test(address)
  const [a, b] = address.split('.').map(Number) as [number, number]
  return (
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254)
  )
}

/** Whether an address stands for "nowhere": the old way of putting a call on hold (RFC 3264 §8.4). */
export function isNowhere(address: string): boolean {
  return address === '0.0.0.0' || address === '::' || address === ''
}
