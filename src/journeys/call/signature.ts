import { HEADER, type SipRequest } from '#protocol/sip/index.ts'

/** How far a signature's moment may be from now, either way, s: a verifier takes no other (RFC 8224 §6.2.2). */
const FRESH_SECONDS = 60

const DATE = /^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/

/**
 * The signatures over caller and callee that may go on, byte for byte as they came, and the Date that belongs to them (RFC
 * 8224, PITFALLS F11). One whose moment is over is left behind, as it would be refused, or has been signed for another call;
 * one that cannot be read is somebody else's to judge. `wall` in ms since the epoch.
 */
export function freshSignatures(request: SipRequest, wall: number): [string, string][] {
  if (!request.has(HEADER.identity)) return []
  const date = request.header(HEADER.date)
  const dated = date !== undefined && DATE.test(date) ? Date.parse(date) / 1000 : null
  if (dated !== null && !isFresh(dated, wall)) return []
  const fresh = request.headers(HEADER.identity).filter((value) => {
    const signed = signedAt(value)
    if (signed === 'compact') return dated !== null
    return signed === null || (isFresh(signed, wall) && (dated === null || Math.abs(dated - signed) <= FRESH_SECONDS))
  })
  if (fresh.length === 0) return []
  return [
    ...fresh.map((value): [string, string] => ['Identity', value]),
    ...(dated === null ? [] : [['Date', date!] as [string, string]]),
  ]
}

function isFresh(seconds: number, wall: number): boolean {
  return Math.abs(wall / 1000 - seconds) <= FRESH_SECONDS
}

/** When a PASSporT was signed, s (`iat`, RFC 8225 §5.1.1); `compact` where its moment is that of Date; null when nobody can tell. */
function signedAt(value: string): number | 'compact' | null {
  const [, payload, signature] = value.split(';', 1)[0]!.trim().split('.')
  if (payload === undefined || signature === undefined) return null
  if (payload === '') return 'compact'
  try {
    const { iat } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { iat?: unknown }
    return typeof iat === 'number' && Number.isFinite(iat) ? iat : null
  } catch {
    return null
  }
}
