import type { Binding } from '#platform/words/index.ts'
import { type NameAddr, parseNameAddr, type SipRequest } from '#protocol/sip/index.ts'

/** Contacts of one telephone at once: more than a person has on a desk and in pockets, and not a way to fill our memory. */
const MAX_CONTACTS = 10

const LEAST_SECONDS = 30
const USUAL_SECONDS = 600
const MOST_SECONDS = 3600
/**
 * Of a contact that is reached by its own connection alone, which ends with this process: a telephone that does not notice, as baresip
 * 1.0, is there again when its registration is due.
 */
const MOST_BOUND_SECONDS = 120

/** What becomes of a REGISTER: the bindings that hold from now on, or why it is refused. */
export type Registration = { bindings: Binding[] } | { refused: number; headers: [string, string][] }

/**
 * RFC 3261 §10.3, steps 6 and 7: what a REGISTER, whose sender has been recognised, makes of a telephone's bindings.
 * `wall` in ms since the epoch; `hop` is where it came from, which is where calls go to (its own contact may be an
 * address that only it knows).
 */
export function register(bindings: readonly Binding[], request: SipRequest, source: Binding['hop'], wall: number): Registration {
  const hop: Binding['hop'] = source.flow === undefined ? source : { ...source, bound: true }
  const live = bindings.filter(({ expiresAt }) => expiresAt > wall)
  const expires = seconds(request.header('expires'))
  const { callId, cseq } = request
  const contacts = request.list('contact')
  if (contacts.includes('*')) {
    // §10.3 step 6: all of them, and nothing else.
    return contacts.length === 1 && expires === 0 ? { bindings: [] } : { refused: 400, headers: [] }
  }
  // Each is looked for among those that are there: one who says thousands is not listened to (PITFALLS F13).
  if (contacts.length > 2 * MAX_CONTACTS) return { refused: 403, headers: [] }
  let next = [...live]
  for (const value of contacts) {
    const contact = contactOf(value)
    if (!contact) return { refused: 400, headers: [] }
    const asked = seconds(contact.params.get('expires')) ?? expires ?? USUAL_SECONDS
    if (asked > 0 && asked < LEAST_SECONDS) return { refused: 423, headers: [['Min-Expires', String(LEAST_SECONDS)]] }
    const uri = contact.address
    const instance = instanceOf(contact)
    // RFC 5626 §6: a telephone that comes back by another connection is the same one, whatever its contact is now.
    const known =
      (instance ? next.find((binding) => binding.instance === instance) : undefined) ??
      next.find((binding) => binding.uri === uri)
    // §10.3 step 7: one that is older than what is there changes nothing, and neither does anything beside it.
    if (known && known.callId === callId && cseq.sequence <= known.sequence)
      return { refused: 500, headers: [['Retry-After', '1']] }
    next = next.filter((binding) => binding !== known)
    const expiresAt = wall + Math.min(asked, hop.bound ? MOST_BOUND_SECONDS : MOST_SECONDS) * 1000
    const entry = { uri, hop, expiresAt, callId, sequence: cseq.sequence }
    if (asked > 0) next.push(instance ? { ...entry, instance } : entry)
  }
  return next.length > MAX_CONTACTS ? { refused: 403, headers: [] } : { bindings: next }
}

/** The Contact headers of the 200 (§10.3 step 8). */
export function boundContacts(bindings: readonly Binding[], wall: number): [string, string][] {
  return bindings.map(({ uri, expiresAt, instance = '' }) => [
    'Contact',
    `<${uri}>${instance};expires=${Math.max(0, Math.round((expiresAt - wall) / 1000))}`,
  ])
}

/** RFC 5626 §4.2: which of its flows a telephone registers; undefined where it names none. */
function instanceOf({ params }: NameAddr): string | undefined {
  const instance = params.get('+sip.instance')
  const flow = params.get('reg-id')
  const named = instance !== undefined && /^<[^<>"\\\s]{1,128}>$/.test(instance) && /^\d{1,9}$/.test(flow ?? '')
  return named ? `;+sip.instance="${instance}";reg-id=${flow}` : undefined
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
