import { type CodecName, codecOf, DECODE, type Law } from '#protocol/audio/index.ts'
import { portOf, readSockaddr } from '#protocol/posix/index.ts'
import { looksLikeRtcp, RTP_HEADER_BYTES, RtpReader, readControl } from '#protocol/rtp/index.ts'
import { conversion, type Endpoint, isLaw } from './endpoint.ts'
import type { Sender } from './sender.ts'
import { SpokenKey } from './spoken-key.ts'
import { Timeline, timedBy } from './timeline.ts'
import { LARGEST_PACKET, type Transmitter } from './transmitter.ts'

/** Samples of a packet that are cut anew: 200 ms, as much as is held. */
const LARGEST_PAYLOAD = 1600

/** Somebody watches RTCP. */
export type ShowControl = (
  endpoint: Endpoint,
  sent: boolean,
  bytes: Uint8Array,
  peer: { address: string; port: number },
  now: number,
) => void

/** What comes in: judged, counted, and given to whoever listens. Never throws on any bytes. */
export class Receiver {
  readonly #transmitter: Transmitter
  readonly #sender: Sender
  readonly #packet = new RtpReader()
  readonly #key = new Int16Array(LARGEST_PAYLOAD)

  readonly #epoch: number
  readonly #show: ShowControl | undefined

  /** `epoch` is the wall-clock time at which the monotonic clock was 0, ms. */
  constructor(transmitter: Transmitter, sender: Sender, epoch: number, show?: ShowControl) {
    this.#transmitter = transmitter
    this.#sender = sender
    this.#epoch = epoch
    this.#show = show
  }

  /** Judges the datagram in hand, of `length` bytes, from an endpoint's RTP socket. */
  rtp(endpoint: Endpoint, length: number, now: number): void {
    const { bytes, source } = this.#transmitter
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
    const codec = endpoint.codecOf(packet.payloadType)
    const eventRate = codec ? 0 : endpoint.eventRateOf(packet.payloadType)
    if (
      (!codec && eventRate === 0 && !endpoint.isComfortNoise(packet.payloadType)) ||
      (!this.#transmitter.isFrom(endpoint) && gate.judge(source, 0, packet.ssrc, packet.sequence) === 'refused')
    ) {
      stats.packetsRefused++
      return
    }
    if (!endpoint.connected) this.#transmitter.connect(endpoint)
    stats.packetsReceived++
    stats.octetsReceived += packet.payloadLength
    endpoint.heardAt = now
    endpoint.soundAt = now
    endpoint.control.reception.take(packet.ssrc, packet.sequence)
    if (packet.ssrc !== endpoint.ssrc) {
      if (endpoint.ssrc >= 0) endpoint.events.reset()
      endpoint.ssrc = packet.ssrc
    }
    if (!endpoint.canReceive) {
      endpoint.peer?.out.interrupt()
      return
    }
    if (eventRate > 0) {
      endpoint.events.clockRate = eventRate
      endpoint.events.receive(bytes, packet.payloadStart, packet.payloadLength, packet.timestamp, now)
      if (endpoint.peer) this.#relayEvent(endpoint, endpoint.peer, eventRate, now)
    } else if (codec && packet.payloadLength > 0) {
      endpoint.speaks(codec)
      endpoint.control.reception.time(packet.timestamp, codecOf(codec).clockRate, now)
      this.#sound(endpoint, codec, now)
    } else {
      // Comfort noise, and packets that hold nothing, were agreed on with nobody else.
      endpoint.ear?.push(packet, bytes, now)
      endpoint.peer?.out.leaveOut(packet.ssrc, packet.sequence)
    }
  }

  /** Judges the datagram in hand, of `length` bytes, from an endpoint's RTCP socket. */
  control(endpoint: Endpoint, length: number, now: number): void {
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
    this.#show?.(endpoint, false, bytes.slice(0, clear), readSockaddr(source, 0), now)
    endpoint.heardAt = now
    endpoint.control.read(report, endpoint.out, this.#epoch + now, now)
    if (report.ssrc === endpoint.ssrc && !report.goodbye) endpoint.control.port = portOf(source, 0)
  }

  /** What must be decoded goes to the ear; a recording and the detector of keys take G.711 as it comes, since each places it by itself. */
  #sound(endpoint: Endpoint, codec: CodecName, now: number): void {
    const { peer, seat } = endpoint
    const passes = peer === null || peer.takes(codec)
    if (seat || !passes || !isLaw(codec)) {
      if (seat || !passes || endpoint.isOverheard) this.#hear(endpoint, passes ? null : peer, now)
      if (passes && peer && this.#goesTo(peer, endpoint)) this.#passOn(peer, codec, now)
      return
    }
    const { bytes } = this.#transmitter
    const { ssrc, timestamp, payloadStart, payloadLength } = this.#packet
    const source = timedBy(ssrc, codecOf(codec).clockRate)
    endpoint.recording?.timeline.push(source, timestamp, codec, bytes, payloadStart, payloadLength, now)
    endpoint.detecting?.timeline.push(source, timestamp, codec, bytes, payloadStart, payloadLength, now)
    endpoint.streaming?.heard?.push(source, timestamp, codec, bytes, payloadStart, payloadLength, now)
    if (endpoint.listensForTones) endpoint.tones.push(codec, bytes, payloadStart, payloadLength, now)
    if (peer && this.#goesTo(peer, endpoint)) this.#relay(peer, codec, now)
  }

  /** Whether the peer gets what the endpoint says: not while it can't, hears something of ours, or a key that is spoken or was taken out. */
  #goesTo(peer: Endpoint, endpoint: Endpoint): boolean {
    const speaksKey = peer.sendEvents < 0 && peer.hearsTones && endpoint.events.active
    const goes = peer.canSend && !peer.isSpeaking && !speaksKey && !endpoint.isMuted
    if (!goes) peer.out.interrupt()
    return goes
  }

  /** Gives the packet to the ear, which is pulled by the conference, by the peer that gets it in another codec, or by nobody but us. */
  #hear(endpoint: Endpoint, peer: Endpoint | null, now: number): void {
    const wide = peer?.sendCodec.soundRate === 16_000 && codecOf(endpoint.codecOf(this.#packet.payloadType)!).soundRate === 16_000
    const ear = endpoint.listen(wide ? 16_000 : 8000)
    ear.push(this.#packet, this.#transmitter.bytes, now)
    if (peer) this.#sender.transcode(peer, ear, now)
    else if (!endpoint.seat) this.#sender.listen(endpoint, now)
  }

  /** The same codec, but not G.711: frames of G.722 can be cut anew, those of others go on as they are. */
  #passOn(peer: Endpoint, codec: CodecName, now: number): void {
    const { payloadStart, payloadLength } = this.#packet
    if (codec === 'G722' && (payloadLength !== peer.frameSamples || peer.reframing)) {
      this.#reframe(peer, payloadStart, payloadLength, now)
    } else this.#pass(peer, peer.sendPayloadType, now)
  }

  #relay(peer: Endpoint, law: Law, now: number): void {
    const { bytes } = this.#transmitter
    const { payloadStart, payloadLength } = this.#packet
    const table = conversion(law, peer.sendCodec.name as Law)
    if (table) for (let i = payloadStart, end = payloadStart + payloadLength; i < end; i++) bytes[i] = table[bytes[i]!]!
    if (payloadLength !== peer.frameSamples || peer.reframing) {
      this.#reframe(peer, payloadStart, payloadLength, now)
      return
    }
    this.#pass(peer, peer.sendPayloadType, now)
  }

  /** `rate` is that of the event's timestamps, Hz. */
  #relayEvent(endpoint: Endpoint, peer: Endpoint, rate: number, now: number): void {
    if (!peer.canSend || peer.isSpeaking) return
    if (peer.sendEvents < 0 && !peer.hearsTones) return
    if (peer.sendEvents < 0) this.#speakKey(endpoint, peer, rate, now)
    else if (peer.transcoding || rate !== peer.sendCodec.clockRate) this.#passKey(peer, rate, now)
    else this.#pass(peer, peer.sendEvents, now)
  }

  /** A key beside sound of another codec: the time of its beginning and its length, by the peer's clock (RFC 4733 §2.1). */
  #passKey(peer: Endpoint, rate: number, now: number): void {
    const { bytes } = this.#transmitter
    const { payloadStart, payloadLength, timestamp } = this.#packet
    if (payloadLength < 4) return
    const { passedKey, out, sendCodec } = peer
    const first = passedKey.timestamp !== timestamp
    if (first) {
      passedKey.timestamp = timestamp
      passedKey.own = out.startingAt(peer.frameTicks, now)
      passedKey.stream = out
    }
    // Told again in a stream that has begun since, it would be another key.
    if (passedKey.stream !== out) return
    const duration = ((bytes[payloadStart + 2]! << 8) | bytes[payloadStart + 3]!) * (sendCodec.clockRate / rate)
    const ticks = Math.min(0xffff, Math.round(duration))
    bytes[RTP_HEADER_BYTES] = bytes[payloadStart]!
    bytes[RTP_HEADER_BYTES + 1] = bytes[payloadStart + 1]!
    bytes[RTP_HEADER_BYTES + 2] = ticks >> 8
    bytes[RTP_HEADER_BYTES + 3] = ticks
    out.at(passedKey.own, first, now)
    this.#transmitter.send(peer, peer.sendEvents, 4)
  }

  /** The far end has not negotiated telephone-events: it gets the tones. */
  #speakKey(endpoint: Endpoint, peer: Endpoint, rate: number, now: number): void {
    const { bytes } = this.#transmitter
    const { payloadStart, payloadLength, timestamp } = this.#packet
    if (payloadLength < 4) return
    peer.spokenKey ??= new SpokenKey()
    const duration = (bytes[payloadStart + 2]! << 8) | bytes[payloadStart + 3]!
    const event = bytes[payloadStart]!
    const law = isLaw(peer.sendCodec.name) ? peer.sendCodec.name : 'PCMU'
    const ticks = Math.round((duration * 8000) / rate)
    const samples = peer.spokenKey.write(bytes, event, ticks, timestamp, RTP_HEADER_BYTES, law)
    if (samples === 0) return
    if (peer.transcoding || law !== peer.sendCodec.name) {
      const ear = endpoint.listen(8000)
      for (let i = 0; i < samples; i++) this.#key[i] = DECODE[law][bytes[RTP_HEADER_BYTES + i]!]!
      ear.say(this.#key, samples)
      this.#sender.transcode(peer, ear, now)
      return
    }
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
