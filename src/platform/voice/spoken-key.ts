import { dtmfFrequencies, ENCODE, type Law, RATE } from '#protocol/audio/index.ts'
import { EVENT_KEYS } from '#protocol/rtp/index.ts'

/** Peak of each of the two tones: −7 dBm0 together, as ITU-T Q.23 leaves to the administrations. */
const PEAK = 6000

/** The longest piece that one packet may add, in samples; a longer gap was lost and is left out. */
const LONGEST_PIECE = 800

/**
 * Turns the telephone-events of one side into the tones themselves, for a far end that has not negotiated events. Each
 * packet's growing duration says how much of the tone is new.
 */
export class SpokenKey {
  #timestamp = -1
  #sent = 0
  /** The first piece of a key. */
  first = false

  /** Writes what the event packet adds, encoded in `law`, at `to`. How many samples; 0 when it adds nothing. */
  write(bytes: Uint8Array, event: number, duration: number, timestamp: number, to: number, law: Law): number {
    if (event > 15) return 0
    this.first = timestamp !== this.#timestamp
    if (this.first) {
      this.#timestamp = timestamp
      this.#sent = 0
    }
    const samples = Math.min(duration - this.#sent, LONGEST_PIECE)
    if (samples <= 0) return 0
    const [low, high] = dtmfFrequencies(EVENT_KEYS[event]!)
    const encode = ENCODE[law]
    for (let i = 0; i < samples; i++) {
      const angle = (2 * Math.PI * (this.#sent + i)) / RATE
      bytes[to + i] = encode[Math.round(PEAK * (Math.sin(angle * low) + Math.sin(angle * high))) & 0xffff]!
    }
    this.#sent = duration
    return samples
  }
}
