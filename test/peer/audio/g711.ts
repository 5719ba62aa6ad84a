/** G.711 (ITU-T), straight from its definition: the far end's own, so that it checks the switch's. */

/** One 16-bit sample to µ-law. */
export function toUlaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0
  const magnitude = Math.min(32635, Math.abs(sample)) + 132
  const exponent = Math.max(0, Math.floor(Math.log2(magnitude)) - 7)
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff
}

export function fromUlaw(octet: number): number {
  const u = ~octet & 0xff
  const magnitude = ((((u & 0x0f) << 3) + 132) << ((u >> 4) & 7)) - 132
  return u & 0x80 ? -magnitude : magnitude
}

/** One 16-bit sample to A-law. */
export function toAlaw(sample: number): number {
  const sign = sample >= 0 ? 0x80 : 0
  const magnitude = Math.min(32767, Math.abs(sample)) >> 3
  const exponent = magnitude < 32 ? 0 : Math.floor(Math.log2(magnitude)) - 4
  const mantissa = exponent === 0 ? (magnitude >> 1) & 0x0f : (magnitude >> exponent) & 0x0f
  return (sign | (exponent << 4) | mantissa) ^ 0x55
}

export function fromAlaw(octet: number): number {
  const a = octet ^ 0x55
  const exponent = (a >> 4) & 7
  const mantissa = a & 0x0f
  const magnitude = exponent === 0 ? (mantissa << 4) + 8 : ((mantissa << 4) + 264) << (exponent - 1)
  return a & 0x80 ? magnitude : -magnitude
}

const DECODE = {
  0: Int16Array.from({ length: 256 }, (_, i) => fromUlaw(i)),
  8: Int16Array.from({ length: 256 }, (_, i) => fromAlaw(i)),
}

/** Decodes a G.711 payload of type 0 (PCMU) or 8 (PCMA). */
export function decode(payload: Uint8Array, type: 0 | 8): Int16Array {
  const table = DECODE[type]
  return Int16Array.from(payload, (octet) => table[octet]!)
}

export function encode(samples: Int16Array, type: 0 | 8): Buffer {
  return Buffer.from(Uint8Array.from(samples, type === 0 ? toUlaw : toAlaw))
}
