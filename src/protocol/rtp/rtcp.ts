/** RTCP (RFC 3550 §6): compound packets of one report and what names its sender. Rare, so that reading may allocate. */

const SENDER_REPORT = 200
const RECEIVER_REPORT = 201
const SOURCE_DESCRIPTION = 202
const GOODBYE = 203

/** The one item of a source description that must be (RFC 3550 §6.5.1). */
const CNAME = 1

/** Seconds between the NTP era (1900) and the Unix epoch (RFC 3550 §4). */
const NTP_UNIX_SECONDS = 2_208_988_800

/** What a receiver says of one stream (RFC 3550 §6.4.1). */
export interface ReportBlock {
  ssrc: number
  /** Of the packets since the report before, in 1/256. */
  fractionLost: number
  /** Since the beginning; negative with duplicates. */
  lost: number
  /** Extended highest sequence number. */
  highest: number
  /** In units of the timestamps. */
  jitter: number
  /** Middle 32 bits of the NTP time of the last sender report; 0 before the first. */
  lastReport: number
  /** Since its arrival, in 1/65536 s. */
  delay: number
}

/** What a sender says of its stream. */
export interface SenderInfo {
  /** Ms since the Unix epoch. */
  wallMs: number
  timestamp: number
  packets: number
  octets: number
}

/** What a compound packet told. */
export interface ControlReport {
  ssrc: number
  /** The middle 32 bits of its NTP time, where it was a sender report. */
  sentAt?: number
  blocks: ReportBlock[]
  /** Of its own stream. */
  goodbye: boolean
}

/** The middle 32 bits of an NTP time: 16 of seconds, 16 of their fraction. */
export function ntpMiddle(wallMs: number): number {
  return Math.floor(((wallMs / 1000 + NTP_UNIX_SECONDS) % 65_536) * 65_536) >>> 0
}

/** Ms since the sender report that a block refers to left us, less the time that it was kept; null when it refers to none. */
export function roundTripMs(block: Pick<ReportBlock, 'lastReport' | 'delay'>, wallMs: number): number | null {
  if (block.lastReport === 0) return null
  const units = (ntpMiddle(wallMs) - block.lastReport - block.delay) | 0
  // What isn't between nothing and a minute is a block about another report than ours.
  return units >= -66 && units < 60 * 65_536 ? Math.max(0, (units * 1000) / 65_536) : null
}

/** A stream whose sender has gone on to another one, and the last that is told of it. */
interface RetiredStream {
  ssrc: number
  sender: SenderInfo
}

/**
 * Writes a compound packet (RFC 3550 §6.1) at the start of `bytes`: report, reports of retired streams, the canonical name of all,
 * goodbye of the retired ones, and with `goodbye` of the whole. Returns its length.
 */
export function writeControl(
  bytes: Uint8Array,
  report: {
    ssrc: number
    sender: SenderInfo | null
    block: ReportBlock | null
    retired?: readonly RetiredStream[]
    name: string
    goodbye: boolean
  },
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { ssrc, sender, block, retired = [], name, goodbye } = report
  let at = writeReport(view, 0, ssrc, sender, block)
  for (const stream of retired) at = writeReport(view, at, stream.ssrc, stream.sender, null)
  const gone = retired.map((stream) => stream.ssrc)
  const description = at
  at += 4
  const text = new TextEncoder().encode(name)
  for (const source of [ssrc, ...gone]) at = writeName(view, at, source, text)
  head(view, description, 1 + gone.length, SOURCE_DESCRIPTION, at - description)
  if (goodbye) gone.push(ssrc)
  if (gone.length === 0) return at
  head(view, at, gone.length, GOODBYE, 4 + 4 * gone.length)
  for (const [i, source] of gone.entries()) view.setUint32(at + 4 + 4 * i, source)
  return at + 4 + 4 * gone.length
}

/** Of a sender or of a receiver (RFC 3550 §6.4). Returns where it ends. */
function writeReport(view: DataView, start: number, ssrc: number, sender: SenderInfo | null, block: ReportBlock | null): number {
  let at = start + 8
  view.setUint32(start + 4, ssrc)
  if (sender) {
    const seconds = sender.wallMs / 1000 + NTP_UNIX_SECONDS
    view.setUint32(at, Math.floor(seconds) >>> 0)
    view.setUint32(at + 4, Math.floor((seconds % 1) * 2 ** 32) >>> 0)
    view.setUint32(at + 8, sender.timestamp)
    view.setUint32(at + 12, sender.packets >>> 0)
    view.setUint32(at + 16, sender.octets >>> 0)
    at += 20
  }
  if (block) {
    view.setUint32(at, block.ssrc)
    view.setUint32(at + 4, ((block.fractionLost << 24) | (block.lost & 0xff_ffff)) >>> 0)
    view.setUint32(at + 8, block.highest)
    view.setUint32(at + 12, block.jitter)
    view.setUint32(at + 16, block.lastReport)
    view.setUint32(at + 20, block.delay)
    at += 24
  }
  head(view, start, block ? 1 : 0, sender ? SENDER_REPORT : RECEIVER_REPORT, at - start)
  return at
}

/** One chunk (RFC 3550 §6.5.1): one null octet ends its items, more fill the word up. Returns where it ends. */
function writeName(view: DataView, start: number, ssrc: number, name: Uint8Array): number {
  view.setUint32(start, ssrc)
  view.setUint8(start + 4, CNAME)
  view.setUint8(start + 5, name.length)
  const end = start + 6 + name.length
  const next = (end + 4) & ~3
  for (let i = 0; i < name.length; i++) view.setUint8(start + 6 + i, name[i]!)
  for (let i = end; i < next; i++) view.setUint8(i, 0)
  return next
}

function head(view: DataView, at: number, count: number, type: number, length: number): void {
  view.setUint8(at, 0x80 | count)
  view.setUint8(at + 1, type)
  view.setUint16(at + 2, length / 4 - 1)
}

/** Reads a compound packet. Null when it is none (RFC 3550 §A.2). Never throws, whatever the bytes are. */
export function readControl(bytes: Uint8Array, length: number): ControlReport | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, Math.min(length, bytes.byteLength))
  if (view.byteLength < 8 || (view.getUint8(0) & 0xe0) !== 0x80) return null
  const first = view.getUint8(1)
  if (first !== SENDER_REPORT && first !== RECEIVER_REPORT) return null
  const report: ControlReport = { ssrc: view.getUint32(4), blocks: [], goodbye: false }
  let at = 0
  while (at < view.byteLength) {
    if (at + 8 > view.byteLength) return null
    const end = at + 4 * (view.getUint16(at + 2) + 1)
    if (view.getUint8(at) >> 6 !== 2 || end > view.byteLength) return null
    const type = view.getUint8(at + 1)
    // What follows the first is of streams that were before it (RFC 7160 §4.1).
    if (type === SENDER_REPORT && end >= at + 28) report.sentAt ??= view.getUint32(at + 10)
    if (type === SENDER_REPORT || type === RECEIVER_REPORT) {
      readBlocks(view, at + (type === SENDER_REPORT ? 28 : 8), view.getUint8(at) & 0x1f, end, report.blocks)
    } else if (type === GOODBYE) report.goodbye ||= names(view, at, end, report.ssrc)
    at = end
  }
  return report
}

/** Whether a goodbye is of this source. */
function names(view: DataView, start: number, end: number, ssrc: number): boolean {
  const count = view.getUint8(start) & 0x1f
  for (let i = 0, at = start + 4; i < count && at + 4 <= end; i++, at += 4) if (view.getUint32(at) === ssrc) return true
  return false
}

function readBlocks(view: DataView, start: number, count: number, end: number, into: ReportBlock[]): void {
  for (let i = 0, at = start; i < count && at + 24 <= end; i++, at += 24) {
    const loss = view.getUint32(at + 4)
    into.push({
      ssrc: view.getUint32(at),
      fractionLost: loss >>> 24,
      lost: (loss << 8) >> 8,
      highest: view.getUint32(at + 8),
      jitter: view.getUint32(at + 12),
      lastReport: view.getUint32(at + 16),
      delay: view.getUint32(at + 20),
    })
  }
}
