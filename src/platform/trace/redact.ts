/** What no message may have that is kept as it is; most have none of it, and are looked through once. */
const SUSPECT = /^(?:(?:proxy-)?authorization|authentication-info|a=crypto|k[=:]|a=key-mgmt|a=ice-pwd)/im

/** Credentials (RFC 3261 §20.7, §20.28), over as many lines as they are folded into. */
const CREDENTIALS = /^((?:proxy-)?authorization|authentication-info)[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*/gim

/** Keys in session descriptions: RFC 4568, RFC 4566 §5.12, RFC 4567, RFC 8839 §5.4. */
const KEYS = /^(a=crypto|k|a=key-mgmt|a=ice-pwd)[:=][^\r\n]*/gim

const TYPE = /^(?:content-type|c)[ \t]*:[ \t]*([^;\r\n]+)/im

/**
 * A message as it may be kept: without credentials, without media keys, and without any body but a session description,
 * as others hold what people wrote or pressed (PITFALLS F15). As it came where there is nothing to hide.
 */
export function redact(content: string | Uint8Array): string | Uint8Array {
  const text = typeof content === 'string' ? content : latin1(content)
  const end = text.indexOf('\r\n\r\n')
  const headEnd = end < 0 ? text.length : end + 4
  const suspect = SUSPECT.test(text)
  if (!suspect && headEnd === text.length) return content
  const head = text.slice(0, headEnd)
  const sdp = TYPE.exec(head)?.[1]?.trim().toLowerCase() === 'application/sdp'
  if (!suspect && sdp) return content
  const body = text.slice(headEnd)
  const cleanHead = head.replace(CREDENTIALS, '$1: (removed)')
  const cleanBody = body === '' ? '' : sdp ? body.replace(KEYS, '$1:(removed)') : `(${body.length} bytes removed)`
  if (cleanHead === head && cleanBody === body) return content
  return typeof content === 'string' ? cleanHead + cleanBody : Buffer.from(cleanHead + cleanBody, 'latin1')
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
