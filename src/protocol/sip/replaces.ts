import { parseParams } from './params.ts'

/** Which dialog an INVITE takes the place of (RFC 3891 §6.1), as whoever receives it sees it. */
export interface Replaces {
  callId: string
  /** The tag of whoever receives the INVITE. */
  toTag: string
  fromTag: string
  /** Only a dialog that is not answered yet is meant. */
  earlyOnly: boolean
}

/** Reads a Replaces header. Null when it is none: without a Call-ID, or without both tags. */
export function parseReplaces(value: string): Replaces | null {
  const semicolon = value.indexOf(';')
  const callId = value.slice(0, Math.max(semicolon, 0)).trim()
  if (callId === '') return null
  try {
    const params = parseParams(value, semicolon)
    const [toTag, fromTag] = [params.get('to-tag'), params.get('from-tag')]
    if (!toTag || !fromTag) return null
    return { callId, toTag, fromTag, earlyOnly: params.has('early-only') }
  } catch {
    return null
  }
}

/**
 * The Replaces among the headers of a Refer-To URI (RFC 5589 §7.3), which are escaped (RFC 3261 §19.1.1): undefined when
 * there is none, null when it cannot be read.
 */
export function replacesOf(headers: string | undefined): Replaces | null | undefined {
  for (const part of headers?.split('&') ?? []) {
    const [name = '', value = ''] = part.split('=', 2)
    if (name.toLowerCase() !== 'replaces') continue
    try {
      return parseReplaces(decodeURIComponent(value))
    } catch {
      return null
    }
  }
  return undefined
}
