/** Who stands in From, To or Contact, as a reader has it: unquoted and unescaped. */
export interface ReadParty {
  name: string
  user: string
}

/** What a foreign parser made of a message. */
export interface Reading {
  /** The method, or the status as digits. */
  start: string
  /** The user of the Request-URI; '' in an answer. */
  target: string
  from: ReadParty
  to: ReadParty
  /** Null where there is none. */
  contact: ReadParty | null
}

/** A parser that others have written. */
export interface Reader {
  readonly name: string
  /** @throws Error for what it does not take, with what it is that it stumbles over where it says so. */
  read(octets: Uint8Array): Reading
  /** Reads a session description. @throws Error as {@link read} does. */
  readSdp(sdp: string): void
}

/** The text that a quoted string stands for (RFC 3261 §25.1), for parsers that leave it in its quotes. */
export function unquoted(text: string | null): string {
  const inner = /^\s*"([\s\S]*)"\s*$/.exec(text ?? '')?.[1]
  return inner === undefined ? (text ?? '').trim() : inner.replace(/\\([\s\S])/g, '$1')
}
