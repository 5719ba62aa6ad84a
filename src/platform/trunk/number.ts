/** Whether this is `+` and digits alone. Most are, and to look through one costs less than to enter a regular expression. */
export function isNumber(text: string): boolean {
  if (text.charCodeAt(0) !== PLUS) return false
  for (let i = 1; i < text.length; i++) if (text.charCodeAt(i) < ZERO || text.charCodeAt(i) > NINE) return false
  return true
}

const [PLUS, ZERO, NINE] = [0x2b, 0x30, 0x39]

/**
 * The E.164 form (`+` and up to 15 digits) of a dialled or shown number, or null where it is none: an extension, a short
 * code, a name. Visual separators (RFC 3966 §5.1.1) and a `00` prefix are understood; national forms are not, since only
 * the trunk knows its country.
 */
export function e164(text: string): string | null {
  const number = dialledForm(text)
  const isGlobal = isNumber(number) && number.length >= 6 && number.length <= 16 && number[1] !== '0'
  return isGlobal ? number : null
}

/**
 * A dialled number as carriers read it, whose beginning says what it costs: also where it is no E.164 number, such as one with more
 * digits than numbers have, which some carriers cut off (PITFALLS F14).
 */
export function dialledForm(text: string): string {
  if (isNumber(text)) return text
  const bare = text.replace(/[-.() ]/g, '').replace(/;.*$/, '')
  return /^00\d{5}/.test(bare) ? `+${bare.slice(2)}` : bare
}

/** Only what may stand in the user part of a URI that we build from someone else's words (PITFALLS F09). */
export function dialable(text: string): boolean {
  return (isNumber(text) && text.length <= 64) || /^[0-9A-Za-z+*#._~-]{1,64}$/.test(text)
}

/** The digits by which numbers are compared: carriers send the same number with `+`, with `00` or bare. */
export function digitsOf(number: string): string {
  const digits = isNumber(number) ? number.slice(1) : number.replace(/^\+/, '').replace(/[-.() ]/g, '')
  return digits.startsWith('00') ? digits.slice(2) : digits
}
