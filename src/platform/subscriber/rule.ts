import { isIP } from 'node:net'
import { TielineError } from '#lib/index.ts'
import type { Allocation } from '#platform/words/index.ts'
import { isKey } from '#protocol/wireguard/index.ts'

/** A name in URLs, file names and labels of a host name (RFC 1123 §2.1). */
const NAME = /^[a-z][a-z0-9-]{0,30}[a-z0-9]$|^[a-z]$/
/** E.164: at most 15 digits, none of them a leading zero. */
const NUMBER = /^\+[1-9][0-9]{1,14}$/
/** A user part without any sign that needs escaping in SIP, and no line break ever (RFC 3261 §25.1). */
const USER = /^[A-Za-z0-9_.+*#-]{1,64}$/
const HOST = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/

/** Rejects with `invalid-argument` (422) and says which field is wrong and why. */
export function invalid(field: string, sentence: string): TielineError {
  return new TielineError(sentence, { code: 'invalid-argument', fault: 'caller', retry: false, http: 422 }, { field })
}

export function checkName(field: string, name: string): void {
  if (!NAME.test(name)) throw invalid(field, 'A name is 1 to 32 of a-z, 0-9 and inner hyphens, and starts with a letter.')
}

export function checkNumber(field: string, number: string): void {
  if (!NUMBER.test(number))
    throw invalid(field, 'A telephone number is written in E.164: +, country code and number, digits only.')
}

export function checkUser(field: string, user: string): void {
  if (!USER.test(user)) throw invalid(field, 'An extension or user name is 1 to 64 letters, digits and . _ + * # -.')
}

/** A host of a site: an address, or a name of the site's own DNS. */
export function checkHost(field: string, host: string): void {
  if (isIP(host) === 0 && !HOST.test(host)) throw invalid(field, 'A host is an IP address or a DNS name.')
}

export function checkPort(field: string, port: number): void {
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw invalid(field, 'A port is a whole number from 1 to 65535.')
}

export function checkAddress(field: string, address: string): void {
  if (isIP(address) === 0) throw invalid(field, 'This must be an IP address.')
}

/** A network of the site. The whole of the internet is no site: it would draw every packet of the namespace. */
export function checkNetwork(field: string, network: string): void {
  const [address = '', prefix = '', more] = network.split('/')
  const family = isIP(address)
  const bits = Number(prefix)
  if (family === 0 || more !== undefined || !/^\d{1,3}$/.test(prefix) || bits < 1 || bits > (family === 4 ? 32 : 128))
    throw invalid(field, 'A network is written as CIDR, such as 192.168.1.0/24, and is not the whole of the internet.')
}

export function checkTunnelKey(field: string, key: string): void {
  if (!isKey(key)) throw invalid(field, 'A WireGuard public key is 32 bytes in base64, as `wg pubkey` prints it.')
}

export function checkTimeZone(field: string, zone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
  } catch {
    throw invalid(field, 'A time zone is an IANA name, such as Europe/Brussels.')
  }
}

export function checkAllocation(field: string, { kind, guaranteed, ceiling }: Allocation): void {
  if (!/^[a-z][a-z0-9.-]{1,62}$/.test(kind)) throw invalid(field, 'A kind is written like trunk.in.')
  if (!Number.isSafeInteger(guaranteed) || !Number.isSafeInteger(ceiling) || guaranteed < 0 || ceiling < guaranteed)
    throw invalid(field, 'Guaranteed and ceiling are whole numbers, with 0 <= guaranteed <= ceiling.')
}
