import { createHash, generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto'

/** Who may use a key: the operator of the platform, or one subscriber. */
export type KeyRole = 'operator' | 'subscriber'

/** A new API key: 256 random bits, so that a plain SHA-256 of it is as good at rest as a slow hash. Shown once. */
export function newApiKey(role: KeyRole): { key: string; hash: string } {
  const key = `tl_${role === 'operator' ? 'op' : 'sub'}_${randomBytes(32).toString('base64url')}`
  return { key, hash: hashApiKey(key) }
}

/** What the database knows of a key: SHA-256 in hex. */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** Whether two hashes are the same, in a time that says nothing. */
export function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}

/** A password for a telephone's digest authentication: 120 random bits that can be typed. */
export function newPassword(): string {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789' // 31 signs, none that is taken for another
  let password = ''
  // Rejection keeps the signs evenly likely.
  while (password.length < 24) for (const byte of randomBytes(32)) if (byte < 248 && password.length < 24) password += alphabet[byte % 31]
  return password
}

/** A WireGuard key pair: X25519, base64 of the 32 raw bytes. */
export function newTunnelKeys(): { privateKey: string; publicKey: string } {
  const jwk = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' })
  const base64 = (part: string | undefined) => Buffer.from(part ?? '', 'base64url').toString('base64')
  return { privateKey: base64(jwk.d), publicKey: base64(jwk.x) }
}

/** A WireGuard preshared key. */
export function newPresharedKey(): string {
  return randomBytes(32).toString('base64')
}

/** Whether `value` is 32 bytes in base64, as WireGuard's public keys are. */
export function isTunnelKey(value: string): boolean {
  return /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(value)
}
