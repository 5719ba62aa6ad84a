/** Credentials (RFC 3261 §20.7, §20.28), over as many lines as they are folded into. */
const CREDENTIALS = /^((?:proxy-)?authorization|authentication-info)[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*/gim

/** Keys in session descriptions: RFC 4568, RFC 4566 §5.12, RFC 4567, RFC 8839 §5.4. */
const KEYS = /^(a=crypto|k|a=key-mgmt|a=ice-pwd)[:=][^\r\n]*/gim

const TYPE = /^(?:content-type|c)[ \t]*:[ \t]*([^;\r\n]+)/im

/**
 * A message as it may be kept: without credentials, without media keys, and without any body but a session description,
 * as others hold what people wrote or pressed (PITFALLS F15).
 */
export function redact(bytes: Uint8Array): Buffer {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = whole.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  const headEnd = end < 0 ? text.length : end + 4
  const head = text.slice(0, headEnd)
  const body = text.slice(headEnd)
  const cleanHead = head.replace(CREDENTIALS, '$1: (removed)')
  const cleanBody = body === '' ? '' : redactBody(TYPE.exec(head)?.[1]?.trim().toLowerCase(), body)
  // As it came, without a copy, where there is nothing to hide.
  return cleanHead === head && cleanBody === body ? whole : Buffer.from(cleanHead + cleanBody, 'latin1')
}

function redactBody(type: string | undefined, body: string): string {
  return type === 'application/sdp' ? body.replace(KEYS, '$1:(removed)') : `(${body.length} bytes removed)`
}
