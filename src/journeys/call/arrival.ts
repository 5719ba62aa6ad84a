import { digitsOf, e164, rewrite } from '#platform/trunk/index.ts'
import type { Diversion, NumberRule, Party, TrunkConfig } from '#platform/words/index.ts'
import { HEADER, type NameAddr, parseNameAddr, type SipRequest } from '#protocol/sip/index.ts'
import { readDiversions, readVerstat } from './identity.ts'

/** What an INVITE says of who calls whom, in our words. */
export interface Arrival {
  from: Party
  to: Party
  anonymous: boolean
  /** What is left of the hops (RFC 3261 §8.1.1.6); 70 where the header is missing. */
  maxForwards: number
  /** Who sent the call on, the last one first: a trunk's word. */
  diversions: Diversion[]
}

/**
 * Reads an INVITE. On a trunk the network's word (P-Asserted-Identity, RFC 3325) goes before the caller's own; from a
 * site it is not believed (PITFALLS F08, F10).
 */
export function readArrival(request: SipRequest, options: { trusted: boolean; trunk?: TrunkConfig }): Arrival {
  const asserted = options.trusted ? assertedIdentity(request) : null
  const from = asserted ?? request.from
  const privacy = request.header(HEADER.privacy)
  const withheld = privacy !== undefined && /\bid\b|\buser\b/i.test(privacy)
  const anonymous = withheld || isAnonymous(userOf(from)) || request.from.uri.host === ANONYMOUS_HOST
  const rules = options.trunk?.numbers?.in
  const verstat = options.trusted && !anonymous ? readVerstat(from.address) : undefined
  const dialled = rewrite(dialledUser(request, options.trunk), rules)
  return {
    from: anonymous ? { number: ANONYMOUS } : party(from, rules, verstat),
    to: { number: e164(dialled) ?? dialled, uri: request.uri },
    anonymous,
    maxForwards: request.maxForwards ?? 70,
    diversions: options.trusted ? readDiversions(request, rules) : [],
  }
}

const ANONYMOUS = 'anonymous'
const ANONYMOUS_HOST = 'anonymous.invalid'

function isAnonymous(user: string): boolean {
  return user.length === ANONYMOUS.length && user.toLowerCase() === ANONYMOUS
}

function assertedIdentity(request: SipRequest): NameAddr | null {
  if (!request.has(HEADER.assertedIdentity)) return null
  try {
    const first = request.list(HEADER.assertedIdentity)[0]
    const address = first === undefined ? null : parseNameAddr(first)
    return address?.uri.user ? address : null
  } catch {
    return null // a header that cannot be read says nothing
  }
}

function userOf(address: NameAddr): string {
  return address.uri.user ?? ''
}

/** A carrier that we register at calls the contact of the registration: who is called is in To then (SIPconnect 2.0 §12). */
function dialledUser(request: SipRequest, trunk: TrunkConfig | undefined): string {
  const { user = '' } = request.target
  return trunk?.registerSeconds !== undefined && user === trunk.credentials?.user ? userOf(request.to) : user
}

function party(address: NameAddr, rules: readonly NumberRule[] | undefined, verstat: string | undefined): Party {
  const user = rewrite(userOf(address), rules)
  const number = e164(user) ?? (user === '' ? ANONYMOUS : user)
  const uri = address.address
  const party: Party = address.displayName ? { number, name: clean(address.displayName), uri } : { number, uri }
  if (verstat) party.verstat = verstat
  return party
}

/** A name for people and programs: no control characters, and not longer than a name. */
function clean(name: string): string {
  return name
    .replace(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, 128)
}

/** Calls of one caller to one number that may be in set-up at once before the next one counts as a loop. */
const LOOPS_AT = 3

/**
 * Whether a call from the site goes round in a loop (PITFALLS S47): the site's PBX sends calls back to a number that
 * they came in for. Max-Forwards alone does not see it, since most PBX begin a new count.
 */
export function loops(
  arrival: Pick<Arrival, 'from' | 'to'>,
  inSetup: Iterable<{ direction: 'in' | 'out'; from: Party; to: Party }>,
): boolean {
  let same = 0
  const to = digitsOf(arrival.to.number)
  for (const call of inSetup) {
    if (call.direction === 'in' && digitsOf(call.to.number) === to && call.from.number === arrival.from.number) same += 1
  }
  return same >= LOOPS_AT
}
