/** A sequence of whole numbers below `n`, the same for the same seed. */
export type Chance = (n: number) => number

export function chanceOf(seed: number): Chance {
  let state = seed >>> 0
  return (n) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % n
  }
}

const SPICE = [
  ...['\r\n', '\r\n\r\n', '\n', ':', ';', ',', '<', '>', '"', '\\', '%', ' ', '\t', '\0', '@', '[', ']', '=', '?', '&'],
  ...['\xff', '\xc3\x28', '9999999999', '-1', '4294967296', 'SIP/2.0', 'a'.repeat(3000), ';'.repeat(500), '%00', '%0d%0a'],
  ...[
    '\r\nContent-Length: 99999\r\n',
    '\r\nContent-Length: -1\r\n',
    '\r\nVia: x\r\n',
    '\r\nm=audio 1 RTP/AVP 0\r\n',
    '[::1]',
    '"\\',
  ],
]

/** A message with one to four things wrong: something put in, cut out, said twice, overwritten, or taken from another one. */
export function mutate(message: Uint8Array, others: readonly Uint8Array[], chance: Chance): Buffer {
  let bytes: Buffer = Buffer.from(message)
  for (let left = 1 + chance(4); left > 0; left--) {
    const at = chance(bytes.length + 1)
    const [before, behind] = [bytes.subarray(0, at), bytes.subarray(at)]
    switch (chance(6)) {
      case 0:
        bytes = Buffer.concat([before, Buffer.from(SPICE[chance(SPICE.length)]!, 'latin1'), behind])
        break
      case 1:
        bytes = Buffer.concat([before, behind.subarray(Math.min(behind.length, chance(60)))])
        break
      case 2:
        bytes = Buffer.concat([before, behind.subarray(0, chance(200)), behind])
        break
      case 3:
        bytes = Buffer.from(bytes)
        bytes.fill(chance(256), at, Math.min(bytes.length, at + 1 + chance(4)))
        break
      case 4: {
        const other = Buffer.from(others[chance(others.length)]!)
        const from = chance(other.length + 1)
        bytes = Buffer.concat([before, other.subarray(from, from + chance(300)), behind])
        break
      }
      default:
        bytes = withLinesSwapped(bytes, chance)
    }
  }
  return bytes
}

function withLinesSwapped(bytes: Buffer, chance: Chance): Buffer {
  const lines = bytes.toString('latin1').split('\r\n')
  const [a, b] = [chance(lines.length), chance(lines.length)]
  ;[lines[a], lines[b]] = [lines[b]!, lines[a]!]
  return Buffer.from(lines.join('\r\n'), 'latin1')
}
