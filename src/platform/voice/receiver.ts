import type { Law } from '#protocol/audio/index.ts'
import { looksLikeRtcp, RTP_HEADER_BYTES, RtpReader, readControl } from '#protocol/rtp/index.ts'
import { conversion, type Endpoint } from './endpoint.ts'
import type { Sender } from './sender.ts'
import { portOf } from './sockaddr.ts'
import { SpokenKey } from './spoken-key.ts'
import { Timeline } from './timeline.ts'
import { LARGEST_PACKET, type Transmitter } from './transmitter.ts'

/** Samples of a packet that are cut anew: 200 ms, as much as is held. */
const LARGEST_PAYLOAD = 1600

/** What comes in: judged, counted, and given to whoever listens. Never throws on any bytes. */
export class Receiver {
  readonly #transmitter: Transmitter
  readonly #sender: Sender
  readonly #packet = new RtpReader()

  readonly #epoch: number

  /** `epoch` is the wall-clock time at which the monotonic clock was 0, ms. */
  constructor(transmitter: Transmitter, sender: Sender, epoch: number) {
    this.#transmitter = transmitter
    this.#sender = sender
    this.#epoch = epoch
  }

  /** Takes one datagram from an endpoint's RTP socket. */
  rtp(endpoint: Endpoint, now: number): void {
    const { bytes, source } = this.#transmitter
    let length = this.#transmitter.receive(endpoint.rtp)
    if (length < 0) return
    const { gate, stats, protection } = endpoint
    const packet = this.#packet
    if (!gate) {
      stats.packetsRefused++
      return
    }
    if (looksLikeRtcp(bytes, length)) {
      this.#report(endpoint, length, now)
      return
    }
    // What isn't the far end's own is refused before it can say anything: not even the source rule hears of it.
    if (protection) length = protection.in.open(bytes, length)
    if (length < 0 || length === LARGEST_PACKET || !packet.read(bytes, length)) {
      stats.packetsRefused++
      return
    }
    const law = endpoint.lawOf(packet.payloadType)
    const isEvent = packet.payloadType === endpoint.receiveEvents
    if (
      (!law && !isEvent && !endpoint.isComfortNoise(packet.payloadType)) ||
      gate.judge(source, 0, packet.ssrc, packet.sequence) === 'refused'
    ) {
      stats.packetsRefused++
      return
    }
    stats.packetsReceived++
    stats.octetsReceived += packet.payloadLength
    endpoint.heardAt = now
    endpoint.control.reception.take(packet.ssrc, packet.sequence)
    if (packet.ssrc !== endpoint.ssrc) {
      if (endpoint.ssrc >= 0) endpoint.events.reset()
      endpoint.ssrc = packet.ssrc
    }
    if (!endpoint.canReceive) return
    if (isEvent) {
      endpoint.events.receive(bytes, packet.payloadStart, packet.payloadLength, packet.timestamp, now)
      if (endpoint.peer) this.#relayEvent(endpoint.peer, now)
    } else if (law && packet.payloadLength > 0) {
      endpoint.control.reception.time(packet.timestamp, now)
      this.#sound(endpoint, law, now)
    }
  }

  /** Takes one datagram from an endpoint's RTCP socket. */
  control(endpoint: Endpoint, now: number): void {
    const length = this.#transmitter.receive(endpoint.rtcp)
    if (length < 0) return
    if (endpoint.gate && looksLikeRtcp(this.#transmitter.bytes, length)) this.#report(endpoint, length, now)
    else endpoint.stats.packetsRefused++
  }

  record(endpoint: Endpoint, record: number, now: number): void {
    endpoint.recording = { record, timeline: new Timeline(now) }
  }

  /**
   * A report shows that the far end lives, and is about our own stream: it is read here and goes no further. Where it came from is
   * where ours go, once its sender is the one that we hear: NATs move this port, too.
   */
  #report(endpoint: Endpoint, length: number, now: number): void {
    const { bytes, source } = this.#transmitter
    const admitted = endpoint.gate?.admitsControl(source, 0)
    const clear = admitted && endpoint.protection ? endpoint.protection.in.openControl(bytes, length) : length
    const report = admitted && clear >= 0 ? readControl(bytes, clear) : null
    if (!report) {
      endpoint.stats.packetsRefused++
      return
    }
    endpoint.heardAt = now
    endpoint.control.read(report, endpoint.out.ssrc, this.#epoch + now, now)
    if (report.ssrc === endpoint.ssrc && !report.goodbye) endpoint.control.port = portOf(source, 0)
  }

  #sound(endpoint: Endpoint, law: Law, now: number): void {
    const { bytes } = this.#transmitter
    const { ssrc, timestamp, payloadStart, payloadLength } = this.#packet
    const { recording, peer, seat, streaming } = endpoint
    recording?.timeline.push(ssrc, timestamp, law, bytes, payloadStart, payloadLength, now)
    streaming?.heard?.push(ssrc, timestamp, law, bytes, payloadStart, payloadLength, now)
    if (endpoint.receiveEvents < 0) endpoint.tones.push(law, bytes, payloadStart, payloadLength, now)
    seat?.push(law, bytes, payloadStart, Math.min(payloadLength, LARGEST_PAYLOAD))
    if (!peer?.canSend || peer.isSpeaking || (peer.sendEvents < 0 && endpoint.events.active)) return
    const table = conversion(law, peer.sendLaw)
    if (table) for (let i = payloadStart, end = payloadStart + payloadLength; i < end; i++) bytes[i] = table[bytes[i]!]!
    if (payloadLength !== peer.frameSamples || peer.reframing) {
      this.#reframe(peer, payloadStart, payloadLength, now)
      return
    }
    this.#pass(peer, peer.sendPayloadType, now)
  }

  #relayEvent(peer: Endpoint, now: number): void {
    if (!peer.canSend || peer.isSpeaking) return
    if (peer.sendEvents >= 0) this.#pass(peer, peer.sendEvents, now)
    else this.#speakKey(peer, now)
  }

  /** The far end has not negotiated telephone-events: it gets the tones. */
  #speakKey(peer: Endpoint, now: number): void {
    const { bytes } = this.#transmitter
    const { payloadStart, payloadLength, timestamp } = this.#packet
    if (payloadLength < 4) return
    peer.spokenKey ??= new SpokenKey()
    const duration = (bytes[payloadStart + 2]! << 8) | bytes[payloadStart + 3]!
    const event = bytes[payloadStart]!
    const samples = peer.spokenKey.write(bytes, event, duration, timestamp, RTP_HEADER_BYTES, peer.sendLaw)
    if (samples === 0) return
    if (samples !== peer.frameSamples || peer.reframing) {
      this.#reframe(peer, RTP_HEADER_BYTES, samples, now)
      return
    }
    peer.out.next(samples, peer.spokenKey.first, now)
    this.#transmitter.send(peer, peer.sendPayloadType, samples)
  }

  /** Sends the payload of the packet in hand on, with the header of the peer's own stream. */
  #pass(peer: Endpoint, payloadType: number, now: number): void {
    const { ssrc, sequence, timestamp, marker, payloadStart, payloadLength } = this.#packet
    peer.out.map(ssrc, sequence, timestamp, marker, now)
    if (payloadStart !== RTP_HEADER_BYTES) {
      this.#transmitter.bytes.copyWithin(RTP_HEADER_BYTES, payloadStart, payloadStart + payloadLength)
    }
    this.#transmitter.send(peer, payloadType, payloadLength)
  }

  /** Packets of another length than the peer asked for go through a buffer, from which the sender takes its frames. */
  #reframe(peer: Endpoint, start: number, length: number, now: number): void {
    if (!peer.reframing) this.#sender.reframe(peer, length, now)
    peer.reframing!.reframer.push(this.#transmitter.bytes, start, Math.min(length, LARGEST_PAYLOAD))
  }
}
