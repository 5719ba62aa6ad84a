import { type Libc, type Memory, MSG_DONTWAIT, reserve, SOCKADDR_BYTES } from '#protocol/posix/index.ts'
import { RTP_HEADER_BYTES, writeRtpHeader } from '#protocol/rtp/index.ts'
import type { Endpoint } from './endpoint.ts'

/** The largest datagram that is taken; longer ones are cut and then refused. */
export const LARGEST_PACKET = 2048

/** Datagrams that are taken before the first of them is looked at. */
export const BATCH = 32

/** Where one packet lies, with the `sockaddr` that it came from. An odd number of cache lines keeps packets out of each other's way. */
const SOURCE = LARGEST_PACKET
const SOURCE_LENGTH = SOURCE + 32
const PLACE_BYTES = 35 * 64

/** `struct sockaddr_in`. */
const IPV4_BYTES = 16

/** The place of what is of our own, after those of a batch. */
const OWN = BATCH
const TARGET = (BATCH + 1) * PLACE_BYTES

interface Place {
  address: number
  bytes: Uint8Array
  source: Uint8Array
  /** Of what was received. */
  length: number
  /** Who gets what it holds now, once the whole batch was looked at. */
  to: Endpoint | null
  size: number
  octets: number
}

/**
 * The memory that the kernel reads and writes, and the sending of what is in it. Datagrams are taken, looked at and sent on in
 * batches, so that the kernel's code and ours don't drive each other out of the processor's caches for every packet.
 */
export class Transmitter {
  readonly #libc: Libc
  readonly #memory: Memory
  /** All of it, by four bytes. */
  readonly #words: Int32Array
  readonly #places: Place[]
  /** The place that is in hand. */
  #at = OWN
  /** The packet in hand, from its first byte. */
  bytes: Uint8Array
  /** The `sockaddr` that it came from. */
  source: Uint8Array

  constructor(libc: Libc) {
    this.#libc = libc
    this.#memory = reserve(TARGET + SOCKADDR_BYTES)
    const { bytes, address } = this.#memory
    this.#words = new Int32Array(bytes.buffer)
    this.#places = Array.from({ length: BATCH + 1 }, (_, i) => {
      const start = i * PLACE_BYTES
      const packet = bytes.subarray(start, start + LARGEST_PACKET)
      const source = bytes.subarray(start + SOURCE, start + SOURCE + SOCKADDR_BYTES)
      return { address: address + start, bytes: packet, source, length: -1, to: null, size: 0, octets: 0 }
    })
    this.bytes = this.#places[OWN]!.bytes
    this.source = this.#places[OWN]!.source
  }

  /** Takes one datagram to a place of the batch. */
  receive(fd: number, at: number): void {
    const place = this.#places[at]!
    const { address } = place
    this.#words[(at * PLACE_BYTES + SOURCE_LENGTH) >> 2] = SOCKADDR_BYTES
    place.length = this.#libc.recvfrom(fd, address, LARGEST_PACKET, MSG_DONTWAIT, address + SOURCE, address + SOURCE_LENGTH)
  }

  /** Takes what was received there in hand. Its length, or −1 when there was nothing. */
  take(at: number): number {
    const place = this.#places[at]!
    this.#at = at
    this.bytes = place.bytes
    this.source = place.source
    return place.length
  }

  /** What came of the first `count` packets of the batch leaves, and a packet of our own is in hand. */
  flush(count: number): void {
    this.take(OWN)
    for (let at = 0; at < count; at++) {
      const place = this.#places[at]!
      if (place.to) this.#leave(place, place.to)
      place.to = null
    }
  }

  /**
   * Sends the `length` bytes of payload that follow the header's place, with the header that the endpoint's stream has
   * prepared. Of each packet of a batch comes one at most, and it leaves with its batch. What the kernel doesn't take is lost, as in
   * any network.
   */
  send(to: Endpoint, payloadType: number, length: number): void {
    const { out } = to
    if (!to.gate) return
    writeRtpHeader(this.bytes, out.marker, payloadType, out.sequence, out.timestamp, out.ssrc)
    let size = RTP_HEADER_BYTES + length
    if (to.protection) {
      size = to.protection.out.protect(this.bytes, size)
      if (size < 0) return
    }
    const place = this.#places[this.#at]!
    place.size = size
    place.octets = length
    if (this.#at === OWN) this.#leave(place, to)
    else place.to = to
  }

  #leave({ address, size, octets }: Place, to: Endpoint): void {
    const { gate, rtp, connected } = to
    if (!gate) return
    const sent = connected
      ? this.#libc.send(rtp, address, size, MSG_DONTWAIT)
      : this.#libc.sendto(rtp, address, size, MSG_DONTWAIT, gate.targetAddress, to.targetLength)
    if (sent >= 0) to.out.sent(octets)
  }

  /**
   * Once the far end is certain and speaks, the kernel keeps the way to it and drops what comes from anywhere else, as the gate
   * would. What strangers had sent before is still in the queue: each packet's source is judged as ever. A host that has nobody for
   * what we send (ICMP) makes one call fail, which is that of `receive`, since it is waited for.
   */
  connect(endpoint: Endpoint): void {
    const { gate, rtp, targetLength } = endpoint
    if (!gate || this.#libc.connect(rtp, gate.targetAddress, targetLength) < 0) return
    endpoint.connected = true
    if (targetLength !== IPV4_BYTES) return
    const [portWord, hostWord] = new Int32Array(gate.target.buffer, gate.target.byteOffset, 2)
    endpoint.portWord = portWord!
    endpoint.hostWord = hostWord!
  }

  /** Whether the packet in hand is from the IPv4 far end that the endpoint is connected to. */
  isFrom(endpoint: Endpoint): boolean {
    const at = (this.#at * PLACE_BYTES + SOURCE) >> 2
    return this.#words[at] === endpoint.portWord && this.#words[at + 1] === endpoint.hostWord
  }

  /** Hears everybody again: who fell silent may have moved, which is to be seen. */
  disconnect(endpoint: Endpoint): void {
    if (!endpoint.connected) return
    endpoint.connected = false
    endpoint.portWord = 0
    // The family AF_UNSPEC, 0, ends it.
    this.#memory.bytes.fill(0, TARGET, TARGET + SOCKADDR_BYTES)
    this.#libc.connect(endpoint.rtp, this.#memory.address + TARGET, SOCKADDR_BYTES)
  }

  /** Sends an RTCP packet of `length` bytes to the far end's control port, from our own. */
  sendControl(to: Endpoint, length: number): void {
    if (!to.gate) return
    const { address } = this.#places[this.#at]!
    const { bytes } = this.#memory
    const size = to.protection ? to.protection.out.protectControl(this.bytes, length) : length
    bytes.set(to.gate.target, TARGET)
    bytes[TARGET + 2] = to.control.port >> 8
    bytes[TARGET + 3] = to.control.port
    this.#libc.sendto(to.rtcp, address, size, MSG_DONTWAIT, this.#memory.address + TARGET, to.targetLength)
  }
}
