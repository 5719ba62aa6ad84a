import type { SipRequest, SipResponse } from './message.ts'
import { HEADER } from './names.ts'
import type { HeaderList } from './types.ts'

/** The option tag of RFC 4028. */
export const TIMER = 'timer'
/** §5: no session interval is shorter, in seconds. */
export const MIN_INTERVAL_S = 90
/** §4.2: what we ask for, and the longest that we grant. */
export const INTERVAL_S = 1800

/** For how long a session is good without a refresh, and whose task that is (RFC 4028). */
export interface SessionInterval {
  seconds: number
  refresher: 'us' | 'them'
}

/** What the answer to an INVITE or UPDATE says of the session interval: it has none, one, or the wish is too short. */
export type IntervalAnswer =
  | { kind: 'none' }
  | { kind: 'granted'; interval: SessionInterval; headers: HeaderList }
  | { kind: 'too-small'; headers: HeaderList }

/** §9: what we, the answering side, make of a request; pure. A wish below 90 s gets 422 from whoever understands that. */
export function answerInterval(request: SipRequest): IntervalAnswer {
  const wish = read(request)
  const supported = request.lists(HEADER.supported, TIMER)
  if (!wish && !supported) return { kind: 'none' }
  if (wish && wish.seconds < MIN_INTERVAL_S && supported) {
    return { kind: 'too-small', headers: [['Min-SE', String(MIN_INTERVAL_S)]] }
  }
  const least = Math.max(MIN_INTERVAL_S, minimumOf(request))
  const seconds = Math.max(least, Math.min(wish?.seconds ?? INTERVAL_S, INTERVAL_S))
  // §9, table 2: whoever does not support timers cannot be the one that refreshes.
  const uac = supported && wish !== null && wish.refresher !== 'uas'
  const headers: [string, string][] = [['Session-Expires', `${seconds};refresher=${uac ? 'uac' : 'uas'}`]]
  if (uac) headers.push(['Require', TIMER])
  return { kind: 'granted', interval: { seconds, refresher: uac ? 'them' : 'us' }, headers }
}

/** §7.2: what a 2xx to a request of ours has settled; null where the far end wants no timer. */
export function grantedInterval(response: SipResponse): SessionInterval | null {
  const granted = read(response)
  if (!granted || granted.seconds < MIN_INTERVAL_S) return null
  return { seconds: granted.seconds, refresher: granted.refresher === 'uas' ? 'them' : 'us' }
}

const USUAL: HeaderList = [['Session-Expires', String(INTERVAL_S)]]

/** The headers with which a request of ours asks for an interval (§7.1). */
export function askInterval(seconds: number, refresher?: 'uac' | 'uas'): HeaderList {
  if (seconds === INTERVAL_S && !refresher) return USUAL
  const value = refresher ? `${seconds};refresher=${refresher}` : String(seconds)
  const headers: [string, string][] = [['Session-Expires', value]]
  if (seconds > MIN_INTERVAL_S && seconds !== INTERVAL_S) headers.push(['Min-SE', String(seconds)])
  return headers
}

/** Seconds in Min-SE; 0 where there is none that can be read. */
export function minimumOf(message: SipRequest | SipResponse): number {
  const text = message.header(HEADER.minSe)
  const seconds = text === undefined ? null : /^\s*(\d{1,9})/.exec(text)
  return seconds ? Number(seconds[1]) : 0
}

function read(message: SipRequest | SipResponse): { seconds: number; refresher: 'uac' | 'uas' | null } | null {
  const text = message.header(HEADER.sessionExpires)
  const seconds = text === undefined ? null : /^\s*(\d{1,9})\s*(?:;|$)/.exec(text)
  if (!text || !seconds) return null
  const refresher = /;\s*refresher\s*=\s*(uac|uas)\b/i.exec(text)?.[1]?.toLowerCase()
  return { seconds: Number(seconds[1]), refresher: refresher === 'uac' || refresher === 'uas' ? refresher : null }
}
