import { RTP_HEADER_BYTES, writeRtpHeader } from '#protocol/rtp/index.ts'
import type { Endpoint } from './endpoint.ts'
import { type Libc, type Memory, MSG_DONTWAIT, reserve } from './libc.ts'
import { SOCKADDR_BYTES } from './sockaddr.ts'

/** The largest datagram that is taken; longer ones are cut and then refused. */
export const LARGEST_PACKET = 2048

/** Where a packet lies while it is handled: one buffer for all, since one packet is handled at a time. */
const PACKET = 0
const SOURCE = LARGEST_PACKET
const SOURCE_LENGTH = SOURCE + 32
const TARGET = SOURCE_LENGTH + 16

/** The memory that the kernel reads and writes, and the sending of what is in it. */
export class Transmitter {
  readonly #libc: Libc
  readonly #memory: Memory
  readonly #lengthView: DataView
  /** The packet, from its first byte. */
  readonly bytes: Uint8Array
  /** The `sockaddr` that a packet came from. */
  readonly source: Uint8Array

  constructor(libc: Libc) {
    this.#libc = libc
    this.#memory = reserve(TARGET + SOCKADDR_BYTES)
    this.bytes = this.#memory.bytes.subarray(PACKET, LARGEST_PACKET)
    this.source = this.#memory.bytes.subarray(SOURCE, SOURCE + SOCKADDR_BYTES)
    this.#lengthView = new DataView(this.#memory.bytes.buffer)
  }

  /** Takes one datagram. Its length, or −1 when there is none. */
  receive(fd: number): number {
    this.#lengthView.setUint32(SOURCE_LENGTH, SOCKADDR_BYTES, true)
    const { address } = this.#memory
    return this.#libc.recvfrom(fd, address, LARGEST_PACKET, MSG_DONTWAIT, address + SOURCE, address + SOURCE_LENGTH)
  }

  /**
   * Sends the `length` bytes of payload that follow the header's place, with the header that the endpoint's stream has
   * prepared. What the kernel doesn't take is lost, as in any network.
   */
  send(to: Endpoint, payloadType: number, length: number): void {
    const { out, gate } = to
    if (!gate) return
    writeRtpHeader(this.bytes, out.marker, payloadType, out.sequence, out.timestamp, out.ssrc)
    let size = RTP_HEADER_BYTES + length
    if (to.protection) {
      size = to.protection.out.protect(this.bytes, size)
      if (size < 0) return
    }
    const sent = this.#libc.sendto(to.rtp, this.#memory.address, size, MSG_DONTWAIT, gate.targetAddress, to.targetLength)
    if (sent < 0) return
    out.sent(length)
  }

  /** Sends an RTCP packet of `length` bytes to the far end's control port, from our own. */
  sendControl(to: Endpoint, length: number): void {
    if (!to.gate) return
    const { bytes, address } = this.#memory
    const size = to.protection ? to.protection.out.protectControl(this.bytes, length) : length
    bytes.set(to.gate.target, TARGET)
    bytes[TARGET + 2] = to.control.port >> 8
    bytes[TARGET + 3] = to.control.port
    this.#libc.sendto(to.rtcp, address, size, MSG_DONTWAIT, address + TARGET, to.targetLength)
  }
}
