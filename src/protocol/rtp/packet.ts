/** Bytes of an RTP header without CSRCs and extension (RFC 3550 §5.1). */
export const RTP_HEADER_BYTES = 12

/**
 * The fields of one RTP packet, read into the same object again and again: a media loop allocates nothing per packet.
 * What it says is valid until the next `read`.
 */
export class RtpReader {
  marker = false
  payloadType = 0
  sequence = 0
  timestamp = 0
  ssrc = 0
  /** Where the payload begins in the bytes that were read, after CSRCs and extension. */
  payloadStart = 0
  /** Bytes of payload, without padding. */
  payloadLength = 0

  /** Reads `length` bytes at the start of `bytes`. False when they are no valid RTP version 2 packet (RFC 3550 §5.1). */
  read(bytes: Uint8Array, length: number): boolean {
    if (length < RTP_HEADER_BYTES) return false
    const first = bytes[0]!
    if (first >> 6 !== 2) return false
    const second = bytes[1]!
    let start = RTP_HEADER_BYTES + (first & 0x0f) * 4
    if (first & 0x10) {
      if (start + 4 > length) return false
      start += 4 + ((bytes[start + 2]! << 8) | bytes[start + 3]!) * 4
    }
    let end = length
    if (first & 0x20) {
      const padding = bytes[length - 1]!
      if (padding === 0) return false
      end -= padding
    }
    if (start > end) return false
    this.marker = (second & 0x80) !== 0
    this.payloadType = second & 0x7f
    this.sequence = (bytes[2]! << 8) | bytes[3]!
    this.timestamp = ((bytes[4]! << 24) | (bytes[5]! << 16) | (bytes[6]! << 8) | bytes[7]!) >>> 0
    this.ssrc = ((bytes[8]! << 24) | (bytes[9]! << 16) | (bytes[10]! << 8) | bytes[11]!) >>> 0
    this.payloadStart = start
    this.payloadLength = end - start
    return true
  }
}

/** Writes a 12-byte header at the start of `bytes`: version 2, no padding, no extension, no CSRC. */
export function writeRtpHeader(
  bytes: Uint8Array,
  marker: boolean,
  payloadType: number,
  sequence: number,
  timestamp: number,
  ssrc: number,
): void {
  bytes[0] = 0x80
  bytes[1] = (marker ? 0x80 : 0) | payloadType
  bytes[2] = sequence >> 8
  bytes[3] = sequence
  bytes[4] = timestamp >>> 24
  bytes[5] = timestamp >>> 16
  bytes[6] = timestamp >>> 8
  bytes[7] = timestamp
  bytes[8] = ssrc >>> 24
  bytes[9] = ssrc >>> 16
  bytes[10] = ssrc >>> 8
  bytes[11] = ssrc
}

/** Whether the bytes on an RTP port are RTCP that shares it (RFC 5761 §4: packet types 192–223). */
export function looksLikeRtcp(bytes: Uint8Array, length: number): boolean {
  return length >= 8 && bytes[0]! >> 6 === 2 && bytes[1]! >= 192 && bytes[1]! <= 223
}
