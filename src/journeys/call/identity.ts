import { e164, rewrite, type ShownCaller } from '#platform/trunk/index.ts'
import type { Diversion, NumberRule } from '#platform/words/index.ts'
import { formatNameAddr, formatUri, HEADER, type NameAddr, parseNameAddr, type SipRequest } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import type { Road } from './road.ts'
import { freshSignatures } from './signature.ts'

/** Diversions that are read and passed on; a call that was sent on more often says no more of it. */
const MOST = 5

const NO_DIVERSIONS: readonly Diversion[] = []

const VERSTAT = /;verstat=(TN-Validation-Passed|TN-Validation-Failed|No-TN-Validation)\b/i

/** What a carrier says of the caller's number (3GPP TS 24.229 §7.2A.20). Undefined where it says nothing, or nothing known. */
export function readVerstat(address: string): string | undefined {
  return address.includes(';') ? VERSTAT.exec(address)?.[1] : undefined
}

/** Who sent a call on before it came, the last one first: by Diversion (RFC 5806), else by History-Info (RFC 7044). */
export function readDiversions(request: SipRequest, rules: readonly NumberRule[] | undefined): Diversion[] {
  if (!request.has(HEADER.diversion) && !request.has(HEADER.historyInfo)) return []
  const told = addresses(request, HEADER.diversion).map(
    (address) => [address, address.params.get('reason') ?? 'unknown'] as const,
  )
  const entries = addresses(request, HEADER.historyInfo)
  // Each entry is a target that was tried; why it was left stands in the one behind it (RFC 4458).
  const left = entries.slice(0, -1).map((address, i) => [address, REASONS[causeIn(entries[i + 1]!)] ?? 'unknown'] as const)
  return (told.length > 0 ? told : left.reverse()).slice(0, MOST).flatMap(([address, reason]) => {
    const user = rewrite(userOf(address), rules)
    // Names are of the network that they come from; a number means something to the next one.
    const number = e164(user) ?? (/^\d{1,20}$/.test(user) ? user : null)
    return number === null ? [] : [{ number, reason: /^[\w-]{1,32}$/.test(reason) ? reason : 'unknown' }]
  })
}

function addresses(request: SipRequest, name: number): NameAddr[] {
  try {
    return request.list(name).map(parseNameAddr)
  } catch {
    return [] // a header that cannot be read says nothing
  }
}

function userOf(address: NameAddr): string {
  try {
    return address.uri.user ?? ''
  } catch {
    return ''
  }
}

function causeIn(address: NameAddr): string {
  return /[;?&]cause=(\d{3})/i.exec(address.address)?.[1] ?? ''
}

/** RFC 4458 §4.1 and RFC 5806 §4. */
const REASONS: Readonly<Record<string, string>> = { 302: 'unconditional', 486: 'user-busy', 408: 'no-answer', 404: 'unavailable' }

/** A user of the site that has sent the call on, and for what. */
export interface SentOn {
  user: string
  why: 'unconditional' | 'busy' | 'noAnswer' | 'unregistered'
}

/** RFC 5806 §4. */
const WHY: Readonly<Record<SentOn['why'], string>> = {
  unconditional: 'unconditional',
  busy: 'user-busy',
  noAnswer: 'no-answer',
  unregistered: 'unavailable',
}

interface Showing {
  call: Call
  road: Road
  shown: ShownCaller
  /** The URI of whoever is shown. */
  caller: string
  /** Our address towards the far end. */
  host: string
  /** The Request-URI that goes out. */
  uri: string
  /** The last one first. */
  sentOn: readonly SentOn[]
}

/**
 * Who calls, for a network that asks for it (RFC 3325), the wish not to be shown (RFC 3323), who sent the call on, and the
 * caller's signature: what the policy of the trunk says. To a site, which knows its caller from From, goes who of its own users
 * sent the call on, by the names that it knows; to a carrier the number that was called stands for all of them.
 */
export function callerHeaders({ call, road, shown, caller, host, uri, sentOn: users }: Showing): [string, string][] {
  const headers: [string, string][] = []
  if (road.via === 'trunk' && shown.number !== 'anonymous') headers.push(['P-Asserted-Identity', `<${caller}>`])
  if (shown.anonymous) headers.push(['Privacy', 'id'])
  if (road.via === 'channel') {
    headers.push(
      ...users.map(({ user, why }) =>
        byDiversion({ number: user, reason: WHY[why] }, (name) => `<${formatUri({ user: name, host })}>`),
      ),
    )
  }
  if (road.via !== 'trunk' || call.facts.direction !== 'in' || shown.number !== call.facts.from.number) return headers
  const { diversion = 'diversion', identity = 'pass' } = road.trunk
  const sentOn = road.number !== call.facts.to.number
  const before = call.facts.diversions ?? NO_DIVERSIONS
  const last = sentOn && { number: call.facts.to.number, reason: users[0] ? WHY[users[0].why] : whySentOn(call) }
  const diversions = last ? [last, ...before] : before
  if (diversions.length > 0) {
    const told = diversions.slice(0, MOST)
    const addressOf = (number: string) => formatNameAddr({ uri: { user: saidOn(road, number), host } })
    if (diversion === 'diversion') headers.push(...told.map((d) => byDiversion(d, addressOf)))
    if (diversion === 'history-info') headers.push(byHistory(told, addressOf, uri))
  }
  if (identity === 'pass' && !sentOn && !shown.anonymous) headers.push(...signatures(call))
  return headers
}

/** A number in the form of the trunk that a road leads over. */
export function saidOn(road: Road, number: string): string {
  return road.via === 'trunk' ? rewrite(number, road.trunk.numbers?.out) : number
}

/** What became of the last that was tried, as RFC 5806 says it. */
function whySentOn({ failure }: Call): string {
  if (failure?.reason === 'busy') return 'user-busy'
  if (failure?.reason === 'no-answer') return 'no-answer'
  return failure ? 'unavailable' : 'unconditional'
}

function byDiversion({ number, reason }: Diversion, addressOf: (number: string) => string): [string, string] {
  return ['Diversion', `${addressOf(number)};reason=${reason};counter=1`]
}

/** RFC 7044 §5: every target from the first on, each below the one before it, with the cause of RFC 4458 for leaving that. */
function byHistory(diversions: readonly Diversion[], addressOf: (number: string) => string, uri: string): [string, string] {
  const entries: string[] = []
  let index = '1'
  let cause = ''
  for (const { number, reason } of diversions.toReversed()) {
    entries.push(`${withCause(addressOf(number), cause)};index=${index}${cause && ';mp=1'}`)
    cause = Object.entries(REASONS).find(([, name]) => name === reason)?.[0] ?? '404'
    index += '.1'
  }
  entries.push(`${withCause(`<${uri}>`, cause)};index=${index};mp=1`)
  return ['History-Info', entries.join(', ')]
}

function withCause(address: string, cause: string): string {
  return cause === '' ? address : address.replace(/>$/, `;cause=${cause}>`)
}

/** Only of an INVITE that still waits: a call that has been answered here is another one, and nobody has signed it. */
function signatures(call: Call): [string, string][] {
  const { incoming } = call.a
  return incoming ? freshSignatures(incoming.request, call.x.clock.wall()) : []
}
