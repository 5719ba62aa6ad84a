import type { SeenMessage } from '#platform/words/index.ts'

/** Credentials (RFC 3261 §20.7, §20.28), over as many lines as they are folded into, also in front of their colon. */
const CREDENTIALS = /^((?:proxy-)?authorization|authentication-info)[^!#-'*+\-.^-~\w:]*:[^\n]*(?:\n[ \t][^\n]*)*/gim

/** Keys in session descriptions: RFC 4568, RFC 4566 §5.12, RFC 4567, RFC 8839 §5.4, and RFC 5939 §3.3.1 of those that might be used. */
const KEYS = /^(a=crypto|k|a=key-mgmt|a=ice-pwd|a=acap)[:=][^\r\n]*/gim

const TYPE = /^(?:content-type|c)[ \t]*:[ \t]*([^;\r\n]+)/im

const EMPTY_LINE = /\n\r?\n/

const CR = 13
const EQUALS = 61
const COLON = 58
/** Makes a letter small. */
const SMALL = 0x20
const A = 0x61
const K = 0x6b
const V = 0x76
/** What the attributes begin with that hold keys: crypto, key-mgmt, ice-pwd, acap. */
const OF_KEYS: readonly number[] = [0x63, K, 0x69, A]

/**
 * A message as it may be kept: without credentials, without media keys, and without any body but a session description,
 * as others hold what people wrote or pressed (PITFALLS F15). As it came where there is nothing to hide.
 */
export function kept({ bytes, description }: Pick<SeenMessage, 'bytes' | 'description'>): Uint8Array {
  return description !== null && isPlain(bytes, bytes.length - description) ? bytes : redact(bytes)
}

/** Whether what stands from `at` on is a description, or nothing, without a line that begins as those do that hold keys. */
function isPlain(bytes: Uint8Array, at: number): boolean {
  if (at === bytes.length) return true
  if (bytes[at] !== V || bytes[at + 1] !== EQUALS) return false
  let before = CR
  for (let i = at; i < bytes.length; i++) {
    const byte = bytes[i]!
    // Any octet that somebody could take for the end of a line is one here.
    if (before <= CR) {
      const first = byte | SMALL
      const second = bytes[i + 1]
      if (first === K && (second === EQUALS || second === COLON)) return false
      if (first === A && second === EQUALS && OF_KEYS.includes(bytes[i + 2]! | SMALL)) return false
    }
    before = byte
  }
  return true
}

/** The same by the text alone, whatever is known of the message. */
function redact(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  const headEnd = endOfHead(text)
  const head = text.slice(0, headEnd)
  const body = text.slice(headEnd)
  const sdp = body.startsWith('v=') && TYPE.exec(head)?.[1]?.trim().toLowerCase() === 'application/sdp'
  const cleanHead = clean(head)
  const cleanBody = body === '' || sdp ? clean(body).replace(KEYS, '$1:(removed)') : `(${body.length} bytes removed)`
  return cleanHead === head && cleanBody === body ? bytes : Buffer.from(cleanHead + cleanBody, 'latin1')
}

/** Also behind an empty line, which somebody may take for a line of the head. */
function clean(lines: string): string {
  return lines.replace(CREDENTIALS, withoutValue)
}

function withoutValue(lines: string, name: string): string {
  return `${name}: (removed)${lines.endsWith('\r') ? '\r' : ''}`
}

/** Behind its first empty line; some end their lines with LF alone. */
function endOfHead(text: string): number {
  const empty = EMPTY_LINE.exec(text)
  return empty ? empty.index + empty[0].length : text.length
}
