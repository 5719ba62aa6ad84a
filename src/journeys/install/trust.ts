import { X509Certificate } from 'node:crypto'
import { invalid } from '#platform/subscriber/index.ts'

/** Checks whose certificates a far end may show, and for what name: what would only fail at the next connection is refused now. */
export function checkTrust(field: string, tls: { ca?: string; serverName?: string } | undefined): void {
  if (tls?.serverName !== undefined && !/^[A-Za-z0-9.-]{1,253}$/.test(tls.serverName))
    throw invalid(`${field}.serverName`, 'A server name is a host name.')
  checkPem(`${field}.ca`, tls?.ca)
}

export function checkPem(field: string, pem: string | undefined): void {
  try {
    if (pem !== undefined) new X509Certificate(pem)
  } catch {
    throw invalid(field, 'It is no certificate in PEM.')
  }
}
