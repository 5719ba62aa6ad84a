/** RFC 3533 §6, written apart from the reader. */
function crc(page: Uint8Array): number {
  let sum = 0
  for (const byte of page) {
    sum = (sum ^ (byte << 24)) >>> 0
    for (let bit = 0; bit < 8; bit++) sum = (sum & 0x8000_0000 ? (sum << 1) ^ 0x04c1_1db7 : sum << 1) >>> 0
  }
  return sum
}

/** The end of the second page of an Ogg file: behind it stands sound. */
function afterComments(ogg: Buffer): number {
  let at = 0
  for (let page = 0; page < 2; page++) {
    const segments = ogg[at + 26]!
    at += 27 + segments + ogg.subarray(at + 27, at + 27 + segments).reduce((sum, length) => sum + length, 0)
  }
  return at
}

/** An Ogg Opus file with the headers of another one, and `seconds` of silence in packets of two bytes that hold 120 ms each. */
export function daysOfSilence(like: Buffer, seconds: number): Buffer {
  const pages = [like.subarray(0, afterComments(like))]
  const perPage = 255
  const count = Math.ceil(seconds / (perPage * 0.12))
  for (let n = 0; n < count; n++) {
    const page = Buffer.alloc(27 + perPage + 2 * perPage)
    page.write('OggS')
    page[5] = n === count - 1 ? 4 : 0
    page.writeBigInt64LE(BigInt((n + 1) * perPage * 5760), 6)
    like.copy(page, 14, 14, 18)
    page.writeUInt32LE(n + 2, 18)
    page[26] = perPage
    page.fill(2, 27, 27 + perPage)
    // SILK, 60 ms, two frames in a packet of which each has nothing to say.
    for (let i = 0; i < perPage; i++) page.set([(3 << 3) | 3, 2], 27 + perPage + 2 * i)
    page.writeUInt32LE(crc(page), 22)
    pages.push(page)
  }
  return Buffer.concat(pages)
}
