import { type Bytes, tag, Walk } from './bytes.ts'
import { unreadable } from './unreadable.ts'

/** RFC 3533 §6: the header of a page without its segment table. */
const HEADER = 27
const FLAG = { continued: 1, first: 2, last: 4 } as const

/** The largest packet that is put together: no packet of Opus is larger (RFC 6716 §3.2.5: 48 frames of 1275 bytes, with their lengths). */
export const LARGEST_PACKET = 61_440

/** A page of the one stream that a file holds, with the packets that end on it. Holds until the next one is asked for. */
export interface OggPage {
  /** Where in the file it begins. */
  at: number
  first: boolean
  last: boolean
  /** Whether its first packet began on a page before it: where one starts in the middle, that one is not whole. */
  continued: boolean
  /** By the codec's own clock, of the last packet that ends on it; −1 when none does. */
  granule: number
  packets: Uint8Array[]
}

const POLYNOMIAL = 0x04c11db7
const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24
  for (let i = 0; i < 8; i++) crc = (crc << 1) ^ (crc & 0x8000_0000 ? POLYNOMIAL : 0)
  return crc
})

/** RFC 3533 §6, field 8: over the whole page, its own four bytes taken for zero. */
function crcOf(page: Uint8Array): number {
  let crc = 0
  for (let i = 0; i < page.length; i++) {
    const byte = i >= 22 && i < 26 ? 0 : page[i]!
    crc = ((crc << 8) ^ CRC[((crc >>> 24) ^ byte) & 0xff]!) >>> 0
  }
  return crc
}

/**
 * The pages of an Ogg file (RFC 3533) from `at`, where one must begin, to the end of the file. Throws TielineError
 * `invalid-sound` for what is damaged, cut short, or holds several streams beside each other.
 */
export function* oggPages(bytes: Bytes, at = 0): Generator<OggPage, void, void> {
  const walk = new Walk(bytes, at)
  const joined = new Uint8Array(LARGEST_PACKET)
  let held = 0
  let serial: number | null = null
  let whole = false
  while (walk.left > 0) {
    const start = walk.at
    const page = pageAt(walk)
    const view = new DataView(page.buffer, page.byteOffset)
    const flags = page[5]!
    const first = (flags & FLAG.first) !== 0
    if (serial === null || (first && whole)) serial = view.getUint32(14, true)
    else if (serial !== view.getUint32(14, true)) throw unreadable('it holds several streams')
    whole = (flags & FLAG.last) !== 0
    if ((flags & FLAG.continued) === 0) held = 0
    const packets: Uint8Array[] = []
    const segments = page[26]!
    for (let i = 0, from = HEADER + segments; i < segments; i++) {
      const length = page[HEADER + i]!
      if (held + length > LARGEST_PACKET) throw unreadable('it is damaged')
      joined.set(page.subarray(from, from + length), held)
      held += length
      from += length
      if (length === 255) continue
      packets.push(joined.slice(0, held))
      held = 0
    }
    const granule = Number(view.getBigInt64(6, true))
    yield { at: start, first, last: whole, continued: (flags & FLAG.continued) !== 0, granule, packets }
    walk.at = start + page.length
  }
  if (!whole) throw unreadable('it is cut short')
}

/** The page where the walk stands, whole and proven. */
function pageAt(walk: Walk): Uint8Array {
  const head = walk.peek(HEADER + 255)
  if (head.length < HEADER) throw unreadable('it is cut short')
  if (tag(head, 0, 4) !== 'OggS' || head[4] !== 0) throw unreadable('it is damaged')
  const segments = head[26]!
  let length = HEADER + segments
  if (head.length < length) throw unreadable('it is cut short')
  for (let i = 0; i < segments; i++) length += head[HEADER + i]!
  // The longest page is 65,307 bytes, less than is held.
  const page = walk.peek(length)
  if (page.length < length) throw unreadable('it is cut short')
  const view = new DataView(page.buffer, page.byteOffset)
  if (view.getUint32(22, true) !== crcOf(page)) throw unreadable('it is damaged')
  return page
}
