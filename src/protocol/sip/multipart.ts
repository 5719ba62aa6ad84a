/** What of a message is read here. */
export interface MessageWithBody {
  readonly body: Uint8Array
  readonly contentType: string
  header(name: string): string | undefined
}

/**
 * The body of this media type (lower case, without parameters): the body itself, or the first such part of a
 * multipart/mixed one (RFC 5621). Null when there is none.
 */
export function bodyOfType(message: MessageWithBody, type: string): Uint8Array | null {
  const { body, contentType } = message
  if (body.length === 0) return null
  if (contentType === type) return body
  if (!contentType.startsWith('multipart/')) return null
  const match = /;\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(message.header('content-type') ?? '')
  const boundary = match?.[1] ?? match?.[2]
  return boundary === undefined ? null : findPart(Buffer.from(body.buffer, body.byteOffset, body.byteLength), boundary, type)
}

function findPart(body: Buffer, boundary: string, type: string): Uint8Array | null {
  const delimiter = Buffer.from(`--${boundary}`)
  let start = body.indexOf(delimiter)
  while (start >= 0) {
    const next = body.indexOf(delimiter, start + delimiter.length)
    if (next < 0) return null
    const part = body.subarray(start + delimiter.length, next)
    const blank = part.indexOf('\r\n\r\n')
    const head = blank < 0 ? '' : part.toString('latin1', 0, blank)
    const stated = /^(?:content-type|c)[ \t]*:[ \t]*([^\s;]+)/im.exec(head)?.[1]
    // RFC 2046 §4.1.2.4: the line end before a delimiter belongs to the delimiter.
    if (stated?.toLowerCase() === type) return part.subarray(blank + 4, Math.max(blank + 4, part.length - 2))
    start = next
  }
  return null
}
