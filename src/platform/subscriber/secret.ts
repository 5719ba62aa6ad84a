import { createHash, randomBytes } from 'node:crypto'

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

/** A password for a telephone's digest authentication: 120 random bits that can be typed. */
export function newPassword(): string {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789' // 31 signs, none that is taken for another
  let password = ''
  // Rejection keeps the signs evenly likely.
  while (password.length < 24)
    for (const byte of randomBytes(32)) if (byte < 248 && password.length < 24) password += alphabet[byte % 31]
  return password
}
