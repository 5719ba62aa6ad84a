const SENDER_REPORT = 200
const RECEIVER_REPORT = 201
const BLOCK_BYTES = 24

/**
 * What the reports of a compound RTCP packet say (RFC 3550 §6.4), each as the JSON that Homer reads, which is rtpengine's. Who
 * its sender is (SDES) is left out. Never throws: what is cut is told up to there.
 */
export function rtcpJson(packet: Uint8Array): string[] {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  const told: string[] = []
  for (let at = 0; at + 8 <= view.byteLength; ) {
    const end = at + 4 * (view.getUint16(at + 2) + 1)
    if (end > view.byteLength) break
    const type = view.getUint8(at + 1)
    if (type === SENDER_REPORT || type === RECEIVER_REPORT) told.push(JSON.stringify(reportAt(view, at, end, type)))
    at = end
  }
  return told
}

function reportAt(view: DataView, at: number, end: number, type: number): object {
  const sends = type === SENDER_REPORT && at + 28 <= end
  const blocks: object[] = []
  const count = view.getUint8(at) & 0x1f
  for (let i = at + (sends ? 28 : 8); blocks.length < count && i + BLOCK_BYTES <= end; i += BLOCK_BYTES) {
    blocks.push(blockAt(view, i))
  }
  return {
    type,
    ssrc: view.getUint32(at + 4),
    ...(sends ? { sender_information: senderAt(view, at + 8) } : {}),
    report_count: blocks.length,
    report_blocks: blocks,
  }
}

/** Homer's name for the fraction of the NTP time says µs; what all put there is the fraction as it came, in 1/2³² s. */
function senderAt(view: DataView, at: number): object {
  return {
    ntp_timestamp_sec: view.getUint32(at),
    ntp_timestamp_usec: view.getUint32(at + 4),
    rtp_timestamp: view.getUint32(at + 8),
    packets: view.getUint32(at + 12),
    octets: view.getUint32(at + 16),
  }
}

function blockAt(view: DataView, at: number): object {
  return {
    source_ssrc: view.getUint32(at),
    fraction_lost: view.getUint8(at + 4),
    packets_lost: (view.getInt32(at + 4) << 8) >> 8,
    highest_seq_no: view.getUint32(at + 8),
    ia_jitter: view.getUint32(at + 12),
    lsr: view.getUint32(at + 16),
    dlsr: view.getUint32(at + 20),
  }
}
