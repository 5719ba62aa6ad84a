import { X509Certificate } from 'node:crypto'

/** When the first certificate of a PEM text is no longer good, ms since the epoch; null where there is none to be read. */
export function expiryOf(pem: string): number | null {
  if (pem === '') return null
  try {
    return new X509Certificate(pem).validToDate.getTime()
  } catch {
    return null
  }
}
