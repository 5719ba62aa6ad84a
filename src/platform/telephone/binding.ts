import type { Binding } from '#platform/words/index.ts'
import { type NameAddr, parseNameAddr, type SipRequest } from '#protocol/sip/index.ts'

/** Contacts of one telephone at once: more than a person has on a desk and in pockets, and not a way to fill our memory. */
const MAX_CONTACTS = 10

const LEAST_SECONDS = 30
const USUAL_SECONDS = 600
const MOST_SECONDS = 3600

/** What becomes of a REGISTER: the bindings that hold from now on, or why it is refused. */
export type Registration = { bindings: Binding[] } | { refused: number; headers: [string, string][] }

/**
 * RFC 3261 §10.3, steps 6 and 7: what a REGISTER, whose sender has been recognised, makes of a telephone's bindings.
 * `wall` in ms since the epoch; `hop` is where it came from, which is where calls go to (its own contact may be an
 * address that only it knows).
 */
export function register(bindings: readonly Binding[], request: SipRequest, hop: Binding['hop'], wall: number): Registration {
  const live = bindings.filter(({ expiresAt }) => expiresAt > wall)
  const expires = seconds(request.header('expires'))
  const { callId, cseq } = request
  const contacts = request.list('contact')
  if (contacts.includes('*')) {
    // §10.3 step 6: all of them, and nothing else.
    return contacts.length === 1 && expires === 0 ? { bindings: [] } : { refused: 400, headers: [] }
  }
  let next = [...live]
  for (const value of contacts) {
    const contact = contactOf(value)
    if (!contact) return { refused: 400, headers: [] }
    const asked = seconds(contact.params.get('expires')) ?? expires ?? USUAL_SECONDS
    if (asked > 0 && asked < LEAST_SECONDS) return { refused: 423, headers: [['Min-Expires', String(LEAST_SECONDS)]] }
    const uri = contact.address
    const known = next.find((binding) => binding.uri === uri)
    // §10.3 step 7: one that is older than what is there changes nothing, and neither does anything beside it.
    if (known && known.callId === callId && cseq.sequence <= known.sequence)
      return { refused: 500, headers: [['Retry-After', '1']] }
    next = next.filter((binding) => binding !== known)
    const expiresAt = wall + Math.min(asked, MOST_SECONDS) * 1000
    if (asked > 0) next.push({ uri, hop, expiresAt, callId, sequence: cseq.sequence })
  }
  return next.length > MAX_CONTACTS ? { refused: 403, headers: [] } : { bindings: next }
}

/** The Contact headers of the 200 (§10.3 step 8). */
export function boundContacts(bindings: readonly Binding[], wall: number): [string, string][] {
  return bindings.map(({ uri, expiresAt }) => [
    'Contact',
    `<${uri}>;expires=${Math.max(0, Math.round((expiresAt - wall) / 1000))}`,
  ])
}

function contactOf(value: string): NameAddr | null {
  try {
    const contact = parseNameAddr(value)
    return contact.uri.scheme === 'sip' ? contact : null
  } catch {
    return null
  }
}

function seconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined
}
