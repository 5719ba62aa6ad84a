import type { Clock } from '#lib/index.ts'
import type { Sealed } from '#platform/words/index.ts'
import { type Credential, createAuthority, issueCertificate, SWITCH_NAME } from './authority.ts'
import type { Sealer } from './sealing.ts'

/** A CA of a subscriber's own, and what the switch shows its telephones by TLS. PEM. */
export interface SiteCredentials {
  authority: Pick<Credential, 'certificate' | 'key'>
  shown: Pick<Credential, 'certificate' | 'key' | 'notAfter'>
}

/** The same at rest. */
export interface SealedSiteTls {
  ca: string
  caKey: Sealed
  certificate: string
  key: Sealed
  /** Of the certificate. */
  notAfter: Date
}

/**
 * A certificate for the switch in one subscriber's channel, by `authority` or a new one. Each subscriber has a CA of its own,
 * since the channels' addresses are the same for all: what proves the switch to one proves nothing to another (PITFALLS S43).
 */
export async function issueSiteTls(
  clock: Clock,
  { name, addresses }: { name: string; addresses: readonly string[] },
  authority?: SiteCredentials['authority'],
): Promise<SiteCredentials> {
  const by = authority ?? (await createAuthority(clock, `Tieline ${name}`))
  return { authority: by, shown: await issueCertificate(clock, by, { server: SWITCH_NAME, addresses }) }
}

export function sealSiteTls(sealer: Sealer, { authority, shown }: SiteCredentials): SealedSiteTls {
  return {
    ca: authority.certificate,
    caKey: sealer.seal(authority.key),
    certificate: shown.certificate,
    key: sealer.seal(shown.key),
    notAfter: shown.notAfter,
  }
}
