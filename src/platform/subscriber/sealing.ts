import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { type Id, TielineError } from '#lib/index.ts'
import type { Sealed } from '#platform/words/index.ts'

/** Seals secrets for rest and for the snapshot. The key is outside the database. */
export interface Sealer {
  seal(secret: string | Uint8Array): Sealed
  /** Rejects with `sealing-key` when another key sealed it, or when it was changed. */
  open(sealed: Sealed): Buffer
  openText(sealed: Sealed): string
}

const NONCE_BYTES = 12 // the size that GCM is made for (NIST SP 800-38D §8.2.1)
const TAG_BYTES = 16

/** A sealer of 32 bytes in base64. AES-256-GCM; a form is `v1.<key id>.<nonce>.<ciphertext and tag>`, base64url. */
export function createSealer(sealingKey: string): Sealer {
  const key = Buffer.from(sealingKey, 'base64')
  if (key.length !== 32) throw broken('The sealing key is not 32 bytes in base64.')
  // Says which key is needed and nothing of the key itself.
  const keyId = createHash('sha256').update('tieline sealing key id').update(key).digest('base64url').slice(0, 8)

  const open = (sealed: Sealed) => {
    const [version, id, nonce, body] = sealed.split('.')
    if (version !== 'v1' || !nonce || !body) throw broken('A sealed secret is malformed.')
    if (id !== keyId) throw broken('A secret was sealed with another key than the one at hand.')
    const bytes = Buffer.from(body, 'base64url')
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'), { authTagLength: TAG_BYTES })
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    try {
      return Buffer.concat([decipher.update(bytes.subarray(0, bytes.length - TAG_BYTES)), decipher.final()])
    } catch (cause) {
      throw broken('A sealed secret has been changed.', cause)
    }
  }

  return {
    seal(secret) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      const body = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()])
      return `v1.${keyId}.${nonce.toString('base64url')}.${body.toString('base64url')}`
    },
    open,
    openText: (sealed) => open(sealed).toString('utf8'),
  }
}

/** A sealer with a key of the subscriber's own, derived from the sealing key (HKDF, RFC 5869). */
export function subscriberSealer(sealingKey: string, subscriber: Id<'sub'>): Sealer {
  const derived = hkdfSync('sha256', Buffer.from(sealingKey, 'base64'), '', `tieline subscriber ${subscriber}`, 32)
  return createSealer(Buffer.from(derived).toString('base64'))
}

function broken(sentence: string, cause?: unknown): TielineError {
  return new TielineError(sentence, { code: 'sealing-key', fault: 'system', retry: false, http: 500 }, {}, { cause })
}
