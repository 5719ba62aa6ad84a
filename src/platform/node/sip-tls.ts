import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { TielineError } from '#lib/index.ts'
import type { PlatformConfig } from '#platform/words/index.ts'

/**
 * The certificate and key of SIP over TLS, PEM, read as root and told to the switch alone; null where there is none.
 * Throws `invalid-config` when a file cannot be read, or the two do not go together.
 */
export function readSipTls({ tls }: PlatformConfig['sip']): { certificate: string; key: string } | null {
  if (!tls) return null
  try {
    const certificate = readFileSync(tls.certificate, 'utf8')
    const key = readFileSync(tls.key, 'utf8')
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
      throw new Error('the key is of another certificate')
    return { certificate, key }
  } catch (cause) {
    const message = `The configuration is not valid:\n  sip.tls: ${(cause as Error).message}`
    throw new TielineError(message, { code: 'invalid-config', fault: 'caller', retry: false, http: 400 }, {}, { cause })
  }
}
