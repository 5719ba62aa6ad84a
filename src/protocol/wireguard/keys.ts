import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'

/** Base64 of 32 bytes, as WireGuard's tools write keys. */
export interface KeyPair {
  privateKey: string
  publicKey: string
}

/** PKCS #8 of an X25519 key is this prefix and the 32 raw bytes (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex')

export function newKeyPair(): KeyPair {
  const pkcs8 = generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'der' })
  const raw = pkcs8.subarray(PKCS8_PREFIX.length)
  // Clamped as `wg genkey` does (RFC 7748 §5), so that what is shown equals what the interface reports.
  raw[0] = raw[0]! & 248
  raw[31] = (raw[31]! & 127) | 64
  const privateKey = raw.toString('base64')
  return { privateKey, publicKey: publicKeyOf(privateKey) }
}

export function newPresharedKey(): string {
  return randomBytes(32).toString('base64')
}

/** The public key that belongs to a private one. */
export function publicKeyOf(privateKey: string): string {
  const der = Buffer.concat([PKCS8_PREFIX, Buffer.from(privateKey, 'base64')])
  const spki = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })).export({
    type: 'spki',
    format: 'der',
  })
  return spki.subarray(-32).toString('base64')
}

/** Whether `value` is 32 bytes in base64. */
export function isKey(value: string): boolean {
  return /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(value)
}

/** The hexadecimal form of a key, which the cross-platform protocol uses. */
export function keyToHex(key: string): string {
  return Buffer.from(key, 'base64').toString('hex')
}

export function keyFromHex(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}
