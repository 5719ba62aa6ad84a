import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { invalid, type Sealer } from '#platform/subscriber/index.ts'
import type { Sealed } from '#platform/words/index.ts'

/** Whose certificates a far end may show, for what name, and what it is shown. PEM. */
interface Tls<Key> {
  ca?: string
  certificate?: string
  key?: Key
  serverName?: string
}

/** Refuses now what would only fail at the next connection. Rejects with `invalid-argument`. */
export function checkTls(field: string, tls: Tls<Sealed> | undefined, { openText }: Pick<Sealer, 'openText'>): void {
  if (!tls) return
  if (tls.serverName !== undefined && !/^[A-Za-z0-9.-]{1,253}$/.test(tls.serverName))
    throw invalid(`${field}.serverName`, 'A server name is a host name.')
  readCertificate(`${field}.ca`, tls.ca)
  if ((tls.certificate === undefined) !== (tls.key === undefined)) throw invalid(field, 'A certificate and its key go together.')
  const certificate = readCertificate(`${field}.certificate`, tls.certificate)
  if (!certificate || tls.key === undefined) return
  const key = openText(tls.key)
  if (!certificate.checkPrivateKey(readKey(`${field}.key`, key)))
    throw invalid(`${field}.key`, 'The key is of another certificate.')
  try {
    createSecureContext({ cert: tls.certificate, key })
  } catch {
    throw invalid(`${field}.certificate`, 'TLS takes no such certificate: its key is too small, or its signature too weak.')
  }
}

/** What is asked for, with its key sealed; a certificate that is known already keeps its key, which is told to nobody. */
export function sealedTls<T extends Tls<string>>(
  { key, ...tls }: T,
  known: Tls<Sealed> | undefined,
  seal: (key: string) => Sealed,
): Omit<T, 'key'> & { key?: Sealed } {
  const kept = tls.certificate !== undefined && tls.certificate === known?.certificate ? known.key : undefined
  const sealed = key === undefined ? kept : seal(key)
  return { ...tls, ...(sealed === undefined ? {} : { key: sealed }) }
}

function readCertificate(field: string, pem: string | undefined): X509Certificate | null {
  try {
    return pem === undefined ? null : new X509Certificate(pem)
  } catch {
    throw invalid(field, 'It is no certificate in PEM.')
  }
}

function readKey(field: string, pem: string): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey(pem)
  } catch {
    throw invalid(field, 'It is no private key in PEM, or it has a passphrase.')
  }
}
