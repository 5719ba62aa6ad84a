import { readFileSync } from 'node:fs'

/** The options of a far end by TLS, as trunks and PBXs have them. */
export interface TlsOptions {
  tlsCa?: string
  tlsCertificate?: string
  tlsKey?: string
  tlsName?: string
}

/** What they say, with the files read; nothing where none is given. */
export function tlsOf({ tlsCa, tlsCertificate, tlsKey, tlsName }: TlsOptions): { tls?: Record<string, string> } {
  const files = { ca: tlsCa, certificate: tlsCertificate, key: tlsKey }
  const read = Object.entries(files).flatMap(([name, file]) => (file === undefined ? [] : [[name, readFileSync(file, 'utf8')]]))
  const given = { ...Object.fromEntries(read), ...(tlsName === undefined ? {} : { serverName: tlsName }) }
  return Object.keys(given).length > 0 ? { tls: given } : {}
}
