/** Classes of octets, as a table of bits. */
const CLASSES = new Uint8Array(256)

const TOKEN = 1
const HOST = 2
/** What stands in the user part of a URI and means itself to every reader. */
const USER = 4
/** What stands in a parameter of a URI likewise. */
const PARAM = 8

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

function allow(characters: string, bit: number): void {
  for (const character of characters) CLASSES[character.charCodeAt(0)]! |= bit
}

allow(`${LETTERS}-.!%*_+\`'~`, TOKEN)
allow(`${LETTERS}._-`, HOST)
allow(`${LETTERS}-_.!~*'()&=+$`, USER)
allow(`${LETTERS}-_.!~*'()+$/:&[]`, PARAM)

/** Whether it stands in a token of RFC 3261 §25.1. */
export function inToken(code: number): boolean {
  return code < 256 && (CLASSES[code]! & TOKEN) !== 0
}

/** Whether it stands in a host name or an IPv4 address. */
export function inHost(code: number): boolean {
  return code < 256 && (CLASSES[code]! & HOST) !== 0
}

export function inUser(code: number): boolean {
  return code < 256 && (CLASSES[code]! & USER) !== 0
}

export function inParam(code: number): boolean {
  return code < 256 && (CLASSES[code]! & PARAM) !== 0
}
