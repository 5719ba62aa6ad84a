import { LONGEST_DECODED } from './codec.ts'
import { opusCodec } from './opus.ts'

/** Something like a voice: harmonics of 120 Hz that move, in syllables. 8 kHz. */
export function syllables(ms: number): Int16Array {
  return Int16Array.from({ length: 8 * ms }, (_, i) => {
    const moving = Math.sin(i / 900)
    const harmonics = [1, 2, 3, 5, 8].reduce((sum, k) => sum + Math.sin((2 * Math.PI * 120 * k * i) / 8000 + moving) / k, 0)
    return 3000 * harmonics * Math.max(0, Math.sin(i / 500))
  })
}

/** By how many dB sound with losses is nearer to the whole one where what packets repeat of the one before is used. 20 ms packets. */
export function gainOfRepeats(packets: readonly Uint8Array[]): number {
  const distance = (uses: boolean) => {
    const [whole, lossy] = [opusCodec.decoder(8000), opusCodec.decoder(8000)]
    const [a, b] = [new Int16Array(LONGEST_DECODED), new Int16Array(LONGEST_DECODED)]
    let [error, power] = [1, 1]
    for (const [n, packet] of packets.entries()) {
      whole.decode(packet, 0, packet.length, a)
      const next = packets[n + 1]
      if (n % 11 === 5) lossy.conceal(b, 160, uses && next ? { bytes: next, start: 0, length: next.length } : undefined)
      else lossy.decode(packet, 0, packet.length, b)
      for (let i = 0; i < 160; i++) {
        error += (a[i]! - b[i]!) ** 2
        power += a[i]! ** 2
      }
    }
    return 10 * Math.log10(power / error)
  }
  return distance(true) - distance(false)
}
