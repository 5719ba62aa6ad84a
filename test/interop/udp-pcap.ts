export interface Datagram {
  bytes: Uint8Array
  /** Monotonic, ms. */
  at: number
  /** UDP port that it went to. */
  port: number
}

const ETHERNET = 14

/** A pcap file of UDP over IPv4 in Ethernet frames, to be judged by tshark or sent by SIPp. */
export function udpPcap(packets: readonly Datagram[]): Buffer {
  const file = Buffer.alloc(24)
  file.writeUInt32LE(0xa1b2c3d4, 0)
  file.writeUInt16LE(2, 4)
  file.writeUInt16LE(4, 6)
  file.writeUInt32LE(65_535, 16)
  file.writeUInt32LE(1, 20)
  const records = packets.map(({ bytes, at, port }) => {
    const ip = Buffer.alloc(28)
    ip[0] = 0x45
    ip.writeUInt16BE(28 + bytes.length, 2)
    ip[8] = 64
    ip[9] = 17
    ip.writeUInt32BE(0x7f000001, 12)
    ip.writeUInt32BE(0x7f000001, 16)
    ip.writeUInt16BE(5004, 20)
    ip.writeUInt16BE(port, 22)
    ip.writeUInt16BE(8 + bytes.length, 24)
    const head = Buffer.alloc(16)
    head.writeUInt32LE(Math.floor(at / 1000), 0)
    head.writeUInt32LE(Math.floor((at % 1000) * 1000), 4)
    head.writeUInt32LE(ETHERNET + ip.length + bytes.length, 8)
    head.writeUInt32LE(ETHERNET + ip.length + bytes.length, 12)
    const ethernet = Buffer.alloc(ETHERNET)
    ethernet.writeUInt16BE(0x0800, 12)
    return Buffer.concat([head, ethernet, ip, bytes])
  })
  return Buffer.concat([file, ...records])
}
