import { isIPv4 } from 'node:net'

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
