import { createOpusDecoder, LONGEST_DECODED, RATE } from '#protocol/audio/index.ts'
import { type Bytes, tag } from './bytes.ts'
import { LARGEST_PACKET, type OggPage, oggPages } from './ogg.ts'
import { LONGEST, type SoundFile } from './sound-file.ts'
import { unreadable } from './unreadable.ts'

/** Opus counts by this clock, whatever its sound was (RFC 7845 §4), Hz. */
const CLOCK = 48_000
const PER_SAMPLE = CLOCK / RATE

/** Sound by which a decoder that begins in the middle has found in (RFC 7845 §4.6), samples of 8 kHz. */
const RUN_UP = (80 * RATE) / 1000

/** A place to begin at is noted as often as this, in samples of 8 kHz. */
const PLACES = 8 * RATE

/** Identification header of one chain link (RFC 7845 §5.1). */
interface Head {
  /** Samples of the clock that are left out at the beginning. */
  skip: number
  /** What its sound is multiplied with. */
  gain: number
}

/** A page where a decoder may begin, and the sound that lies before it. */
interface Place {
  at: number
  samples: number
  head: Head
  /** The granule before it. */
  granule: number
}

/** A page that holds sound, with its link's header, whether a link begins with it, and by how much its end is cut (RFC 7845 §4.5). */
interface Sounding {
  page: OggPage
  head: Head
  begins: boolean
  /** By the clock; so is the granule before it. */
  cut: number
  before: number
}

function headOf(packet: Uint8Array): Head {
  if (tag(packet, 0, 8) !== 'OpusHead' || packet.length < 19) throw unreadable('the only Ogg sound that is known is Opus')
  const view = new DataView(packet.buffer, packet.byteOffset)
  // RFC 7845 §5.1: the upper half of the version breaks readers; family 0 is mono and stereo.
  if (packet[8]! > 15) throw unreadable('it is of a later version of Ogg Opus')
  if (packet[18] !== 0 || packet[9]! < 1 || packet[9]! > 2) throw unreadable('only mono and stereo are known')
  return { skip: view.getUint16(10, true), gain: 10 ** (view.getInt16(16, true) / 256 / 20) }
}

/** How much sound a packet holds, by its first bytes (RFC 6716 §3.1), in samples of 48 kHz; 0 when it is none. */
export function opusDuration(packet: Uint8Array): number {
  if (packet.length === 0) return 0
  const config = packet[0]! >> 3
  const frame =
    config < 12 ? [480, 960, 1920, 2880][config & 3]! : config < 16 ? [480, 960][config & 1]! : [120, 240, 480, 960][config & 3]!
  const code = packet[0]! & 3
  const frames = code === 0 ? 1 : code < 3 ? 2 : packet.length < 2 ? 0 : packet[1]! & 0x3f
  const samples = frame * frames
  return samples <= (CLOCK * 120) / 1000 ? samples : 0
}

/** Of all packets that end on a page, by the clock. */
function durationOf(page: OggPage): number {
  return page.packets.reduce((sum, packet) => sum + opusDuration(packet), 0)
}

function* soundPages(bytes: Bytes, from?: Place): Generator<Sounding, void, void> {
  let head: Head | null = from?.head ?? null
  let comments = false
  let begins = false
  let granule = from?.granule ?? 0
  for (const page of oggPages(bytes, from?.at)) {
    if (page.first) {
      if (!page.packets[0]) throw unreadable('it is damaged')
      head = headOf(page.packets[0])
      comments = true
      begins = true
      granule = 0
      continue
    }
    if (!head) throw unreadable('it is damaged')
    // RFC 7845 §3: the comments have their pages to themselves.
    if (comments) {
      comments = page.packets.length === 0
      continue
    }
    const held = durationOf(page)
    const cut: number = page.last && page.granule >= 0 ? Math.min(held, Math.max(0, granule + held - page.granule)) : 0
    yield { page, head, begins, cut, before: granule }
    if (page.granule >= 0) granule = page.granule
    begins = false
  }
}

/** An Ogg file of Opus (RFC 7845), also of several links one after the other. */
export function openOggOpus(bytes: Bytes): SoundFile {
  const places: Place[] = []
  let ticks = 0
  for (const { page, head, begins, cut, before } of soundPages(bytes)) {
    if (begins) ticks -= head.skip
    const samples = ticks / PER_SAMPLE
    if (!begins && !page.continued && samples - (places.at(-1)?.samples ?? 0) >= PLACES)
      places.push({ at: page.at, samples, head, granule: before })
    ticks += durationOf(page) - cut
    if (ticks > LONGEST * PER_SAMPLE) break
  }
  const samples = Math.max(0, Math.round(ticks / PER_SAMPLE))
  return { format: 'ogg-opus', samples, sound: async (from) => read(bytes, places, from) }
}

function* read(bytes: Bytes, places: readonly Place[], from: number): Generator<Int16Array, void, void> {
  const place = places.findLast(({ samples }) => samples <= from - RUN_UP)
  const pcm = new Int16Array(LONGEST_DECODED)
  let decoder = createOpusDecoder(RATE, LARGEST_PACKET)
  let skip = place ? Math.round(from - place.samples) : from
  for (const { page, head, begins, cut } of soundPages(bytes, place)) {
    if (begins) {
      decoder = createOpusDecoder(RATE, LARGEST_PACKET)
      skip += Math.round(head.skip / PER_SAMPLE)
    }
    let left = (durationOf(page) - cut) / PER_SAMPLE
    for (const packet of page.packets) {
      const samples = Math.round(opusDuration(packet) / PER_SAMPLE)
      // What can't be decoded is as long as it says, and silent.
      const made = decoder.decode(packet, 0, packet.length, pcm)
      pcm.fill(0, made, samples)
      const start = Math.min(skip, samples)
      const end = Math.max(start, Math.min(samples, Math.floor(left)))
      skip -= start
      left -= samples
      if (end > start) yield louder(pcm.slice(start, end), head.gain)
    }
  }
}

function louder(pcm: Int16Array, gain: number): Int16Array {
  if (gain !== 1) for (let i = 0; i < pcm.length; i++) pcm[i] = Math.max(-32_768, Math.min(32_767, Math.round(pcm[i]! * gain)))
  return pcm
}
