const KNOWN = [
  ...['INVITE', 'ACK', 'BYE', 'CANCEL', 'OPTIONS', 'INFO', 'UPDATE', 'PRACK'],
  ...['REGISTER', 'SUBSCRIBE', 'NOTIFY', 'REFER', 'MESSAGE', 'PUBLISH'],
]

/** The method that stands there, up to `end`: one and the same text each time for those that are known. */
export function methodAt(text: string, start: number, end: number): string {
  for (const method of KNOWN) if (method.length === end - start && text.startsWith(method, start)) return method
  return text.slice(start, end)
}

/** The octets of the known ones, one behind the other. */
const OCTETS = new TextEncoder().encode(KNOWN.join(''))

/** The known method that stands there, by its octets; '' for another. */
export function knownMethod(codes: Uint8Array, start: number, end: number): string {
  let octet = 0
  for (const method of KNOWN) {
    const { length } = method
    if (length === end - start) {
      let i = 0
      while (i < length && codes[start + i] === OCTETS[octet + i]) i++
      if (i === length) return method
    }
    octet += length
  }
  return ''
}
