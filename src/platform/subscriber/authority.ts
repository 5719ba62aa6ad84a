import { webcrypto } from 'node:crypto'
import type * as X509 from '@peculiar/x509'
import { type Clock, token } from '#lib/index.ts'

/** A certificate and its private key, both PEM; the key is PKCS #8 and must be sealed before it rests. */
export interface Credential {
  certificate: string
  key: string
  /** Hex, unique within the platform. */
  serial: string
  notBefore: Date
  notAfter: Date
}

const DAY_MS = 86_400_000
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
/** Clocks differ: a certificate counts from five minutes before it is made. */
const BACKDATED_MS = 300_000

/** The name that the switch's own certificate carries and that agents check. */
export const SWITCH_NAME = 'switch.tieline'

/** Read by who makes certificates alone: it is two hundred modules, which no start of a switch shall wait for. */
async function library(): Promise<typeof X509> {
  await import('reflect-metadata')
  return await import('@peculiar/x509')
}

/** Makes a certificate authority, the platform's own unless named: ECDSA P-256, ten years, path length 0 (RFC 5280 §4.2.1.9). */
export async function createAuthority(clock: Clock, name = 'Tieline platform'): Promise<Credential> {
  const x509 = await library()
  const keys = await generate()
  const validity = lasting(clock, 3650)
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serial(),
      name: [{ CN: [name] }],
      ...validity,
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  )
  return credential(x509, certificate, keys, validity)
}

/** What a certificate is issued for: a subscriber's agent (client), or the switch (server), reached by a name or an address of its own. */
export type CertificatePurpose = { agentOf: string } | { server: string; addresses?: readonly string[] }

/** Issues a certificate for a new key. The agent's subject common name is its subscriber's id: it *is* the identity. */
export async function issueCertificate(
  clock: Clock,
  authority: Pick<Credential, 'certificate' | 'key'>,
  purpose: CertificatePurpose,
  days = 825,
): Promise<Credential> {
  const x509 = await library()
  const keys = await generate()
  const validity = lasting(clock, days)
  const issuer = new x509.X509Certificate(authority.certificate)
  const name = 'agentOf' in purpose ? purpose.agentOf : purpose.server
  const usage = 'agentOf' in purpose ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serial(),
      subject: [{ CN: [name] }],
      issuer: issuer.subjectName,
      ...validity,
      publicKey: keys.publicKey,
      signingKey: await signingKey(x509, authority.key),
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([usage]),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
        ...('server' in purpose ? [namesOf(x509, purpose)] : []),
      ],
    },
    webcrypto,
  )
  return credential(x509, certificate, keys, validity)
}

function namesOf(x509: typeof X509, { server, addresses = [] }: { server: string; addresses?: readonly string[] }) {
  const names: X509.JsonGeneralNames = [{ type: 'dns', value: server }]
  // An address is an iPAddress (RFC 5280 §4.2.1.6). Telephones whose TLS is Mbed TLS 2 know no such name, and look for its text among the others.
  for (const address of addresses) names.push({ type: 'ip', value: address }, { type: 'dns', value: address })
  return new x509.SubjectAlternativeNameExtension(names)
}

function generate() {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>
}

function signingKey(x509: typeof X509, pem: string) {
  const der = Buffer.from(x509.PemConverter.decodeFirst(pem))
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign'])
}

/** RFC 5280 §4.1.2.2: positive, at most 20 octets. */
function serial(): string {
  return `4${token(16).slice(1)}`
}

function lasting(clock: Clock, days: number) {
  const wall = clock.wall()
  return { notBefore: new Date(wall - BACKDATED_MS), notAfter: new Date(wall + days * DAY_MS) }
}

async function credential(
  x509: typeof X509,
  certificate: X509.X509Certificate,
  keys: webcrypto.CryptoKeyPair,
  validity: { notBefore: Date; notAfter: Date },
): Promise<Credential> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    certificate: certificate.toString('pem'),
    key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    serial: certificate.serialNumber,
    ...validity,
  }
}
