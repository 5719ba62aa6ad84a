/**
 * Where a value has text that no database or header can hold (PITFALLS F09): NUL, or half of a surrogate pair, in a value or a
 * name. Gives the JSON Pointer (RFC 6901), or null where all can be written. It goes as deep as the value does.
 */
export function findUnwritable(value: unknown): string | null {
  const left: { path: string; value: unknown }[] = [{ path: '', value }]
  for (let next = left.pop(); next; next = left.pop()) {
    const { path, value } = next
    if (typeof value === 'string' && !isWritable(value)) return path
    if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) continue
    for (const [key, inner] of Object.entries(value)) {
      if (!isWritable(key)) return path
      left.push({ path: `${path}/${key}`, value: inner })
    }
  }
  return null
}

function isWritable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}
