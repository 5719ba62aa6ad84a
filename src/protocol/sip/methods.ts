const KNOWN = [
  ...['INVITE', 'ACK', 'BYE', 'CANCEL', 'OPTIONS', 'INFO', 'UPDATE', 'PRACK'],
  ...['REGISTER', 'SUBSCRIBE', 'NOTIFY', 'REFER', 'MESSAGE', 'PUBLISH'],
]

/** The method that stands there, up to `end`: one and the same text each time for those that are known. */
export function methodAt(text: string, start: number, end: number): string {
  for (const method of KNOWN) if (method.length === end - start && text.startsWith(method, start)) return method
  return text.slice(start, end)
}
