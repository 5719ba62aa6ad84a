/** Letters and digits of a text, in words: what is left of it when a transcript's commas and capitals do not count. */
function plain(text: string): string {
  return ` ${text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()} `
}

/** The phrase that a transcript is, or is the only one to contain; empty where there is none. Of two, one within the other, the longer one. */
export function phraseIn(transcript: string, phrases: readonly string[]): string {
  const heard = plain(transcript)
  const found = phrases.filter((phrase) => plain(phrase).trim() !== '' && heard.includes(plain(phrase)))
  const longest = found.filter((one) => !found.some((other) => other.length > one.length && plain(other).includes(plain(one))))
  return longest.length === 1 ? longest[0]! : ''
}
