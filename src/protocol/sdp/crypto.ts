import type { SdpAttribute, SdpMedia } from './description.ts'

/** A suite as data: negotiation knows none by name. `masterBytes` is the length of master key and salt. */
export interface CryptoSuite {
  name: string
  masterBytes: number
}

/** What both sides protect their sound with: the same suite, a key each. */
export interface CryptoAgreement {
  suite: string
  /** Ours, with which we protect. */
  send: string
  /** The far end's, with which it protects. */
  receive: string
  /** Of the line that was taken, which the answer names (RFC 4568 §5.1.2). */
  tag: number
}

/** What we can protect with: suites, best first, and random bytes that keys are cut from. */
export interface CryptoPolicy {
  suites: readonly CryptoSuite[]
  material: Uint8Array
}

export function ourKey({ material }: CryptoPolicy, { masterBytes }: CryptoSuite): string {
  return Buffer.from(material.subarray(0, masterBytes)).toString('base64')
}

/** The lines of an offer, one for each suite. */
export function offeredCrypto(policy: CryptoPolicy): SdpAttribute[] {
  return policy.suites.map((suite, i) => ['crypto', `${i + 1} ${suite.name} inline:${ourKey(policy, suite)}`])
}

/**
 * The first line of the far end that we can obey. Lines with session parameters that change how packets are made, or with a master
 * key identifier, are passed over (RFC 4568 §6.3: what isn't supported must not be accepted).
 */
export function chooseCrypto(media: SdpMedia, policy: CryptoPolicy): CryptoAgreement | null {
  for (const [name, value] of media.attributes) {
    if (name !== 'crypto' || !value) continue
    const match = /^(\d{1,9})\s+(\S+)\s+inline:([A-Za-z0-9+/]+={0,2})((?:\|[^\s|;]+)*)(?:\s+(.*))?$/.exec(value)
    if (!match) continue
    const [, tag, suiteName, receive, key, parameters = ''] = match as unknown as [
      string,
      string,
      string,
      string,
      string,
      string?,
    ]
    const suite = policy.suites.find((candidate) => candidate.name === suiteName.toUpperCase())
    if (!suite || Buffer.from(receive, 'base64').length !== suite.masterBytes) continue
    if (key.includes(':') || parameters.split(/\s+/).some((p) => p !== '' && !p.startsWith('WSH='))) continue
    return { suite: suite.name, send: ourKey(policy, suite), receive, tag: Number(tag) }
  }
  return null
}
