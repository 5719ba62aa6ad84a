export { EVENT_KEYS, EVENT_SILENCE_MS, EventReceiver, type EventSink } from './event-receiver.ts'
export { EventSender } from './event-sender.ts'
export { JitterBuffer } from './jitter.ts'
export { type OutgoingPacket, StreamMapper } from './mapper.ts'
export { looksLikeRtcp, RTP_HEADER_BYTES, RtpReader, writeRtpHeader } from './packet.ts'
export { type KeyWay, type Press, Presses } from './presses.ts'
export { type CodecImpairment, estimateMos, G711_IMPAIRMENT } from './quality.ts'
export { Reception } from './reception.ts'
export {
  type ControlReport,
  ntpMiddle,
  type ReportBlock,
  readControl,
  roundTripMs,
  type SenderInfo,
  writeControl,
} from './rtcp.ts'
export { sequenceDelta, timestampDelta } from './sequence.ts'
export { SrtpContext } from './srtp.ts'
export { LONGEST_MASTER, SRTP_SUITES, type SrtpSuite, type SrtpSuiteName } from './srtp-suite.ts'
