/** How far sequence number `a` is ahead of `b`, in −32768…32767 (RFC 3550 §A.1: arithmetic modulo 2^16). */
export function sequenceDelta(a: number, b: number): number {
  return ((a - b) << 16) >> 16
}

/** How far timestamp `a` is ahead of `b`, in samples, as a signed 32-bit number (arithmetic modulo 2^32). */
export function timestampDelta(a: number, b: number): number {
  return (a - b) | 0
}
