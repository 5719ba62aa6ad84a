/** G.711 (ITU-T G.711, RFC 3551 §4.5.14): the two laws as tables, to and from 16-bit linear and directly into each other. */

export type Law = 'PCMU' | 'PCMA'

function muToLinear(byte: number): number {
  const u = ~byte & 0xff
  const magnitude = ((((u & 0x0f) << 3) + 0x84) << ((u & 0x70) >> 4)) - 0x84
  return u & 0x80 ? -magnitude : magnitude
}

function linearToMu(sample: number): number {
  const negative = sample < 0
  const magnitude = Math.min(negative ? -sample : sample, 32_635) + 0x84
  const exponent = 24 - Math.clz32(magnitude)
  const code = (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)
  return ~(negative ? code | 0x80 : code) & 0xff
}

function aToLinear(byte: number): number {
  const a = byte ^ 0x55
  const exponent = (a & 0x70) >> 4
  const mantissa = ((a & 0x0f) << 4) + 8
  const magnitude = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1)
  return a & 0x80 ? magnitude : -magnitude
}

function linearToA(sample: number): number {
  const negative = sample < 0
  const magnitude = Math.min(negative ? ~sample : sample, 32_767)
  const exponent = magnitude < 256 ? 0 : 24 - Math.clz32(magnitude)
  const mantissa = (magnitude >> (exponent === 0 ? 4 : exponent + 3)) & 0x0f
  return ((exponent << 4) | mantissa | (negative ? 0 : 0x80)) ^ 0x55
}

function table<T extends Uint8Array | Int16Array>(into: T, value: (index: number) => number): T {
  for (let i = 0; i < into.length; i++) into[i] = value(i)
  return into
}

/** Byte to 16-bit sample. */
export const DECODE: Readonly<Record<Law, Int16Array>> = {
  PCMU: table(new Int16Array(256), muToLinear),
  PCMA: table(new Int16Array(256), aToLinear),
}

/** `sample & 0xffff` to byte. */
export const ENCODE: Readonly<Record<Law, Uint8Array>> = {
  PCMU: table(new Uint8Array(65_536), (i) => linearToMu((i << 16) >> 16)),
  PCMA: table(new Uint8Array(65_536), (i) => linearToA((i << 16) >> 16)),
}

/** Byte of the one law to byte of the other, by the nearest decoded value. */
export const MU_TO_A: Uint8Array = table(new Uint8Array(256), (i) => linearToA(muToLinear(i)))
export const A_TO_MU: Uint8Array = table(new Uint8Array(256), (i) => linearToMu(aToLinear(i)))

/** The byte that is silence. */
export const SILENCE: Readonly<Record<Law, number>> = { PCMU: 0xff, PCMA: 0xd5 }

/** Encodes samples in `law`. */
export function encodeG711(samples: Int16Array, law: Law): Uint8Array {
  const encode = ENCODE[law]
  const bytes = new Uint8Array(samples.length)
  for (let i = 0; i < samples.length; i++) bytes[i] = encode[samples[i]! & 0xffff]!
  return bytes
}

/** Decodes bytes of `law`. */
export function decodeG711(bytes: Uint8Array, law: Law): Int16Array {
  const decode = DECODE[law]
  const samples = new Int16Array(bytes.length)
  for (let i = 0; i < bytes.length; i++) samples[i] = decode[bytes[i]!]!
  return samples
}
