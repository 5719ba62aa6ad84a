import koffi from 'koffi'
import type { MediaCommand, MediaReport } from '#platform/voice/command.ts'
import { MediaLoop } from '#platform/voice/loop.ts'
import { EPOLL_CTL_ADD, EPOLL_EVENT, EPOLLIN, type Libc, loadLibc, reserve, writeSockaddr } from '#protocol/posix/index.ts'
import { RTP_HEADER_BYTES, writeRtpHeader } from '#protocol/rtp/index.ts'

const WAKE = 2
const FRAME_MS = 20

const memcpy = koffi.load(null).func('memcpy', 'int64', ['int64', 'int64', 'size_t'])

/** A far end that sends frames of one octet by the turned clock, while `speaks`. */
export class Speaker {
  readonly address: string
  readonly port = 4000
  octet: number
  /** How long a frame takes by its own clock, ms. */
  frameMs = FRAME_MS
  /** Told before each frame when it is, ms; false where that is lost on its way. */
  arrives: (now: number) => boolean = () => true
  speaks = true
  /** Whether it has just been silent: its next packet has the marker. */
  fresh = true
  ssrc: number
  sequence: number
  timestamp: number
  due: number

  constructor(address: string, octet: number, due: number) {
    this.address = address
    this.octet = octet
    this.due = due
    this.ssrc = octet
    this.sequence = (octet * 1000) & 0xffff
    this.timestamp = octet * 100_000
  }
}

/** What left a socket. */
export interface Sent {
  at: number
  bytes: Uint8Array
}

/** When something is said to the loop, ms, and what. */
export type Script = Iterator<{ at: number; commands: MediaCommand[] }>

/**
 * The media loop itself over a kernel that is played: its clock is turned from one packet to the next, so that an hour of calls
 * is a matter of seconds. Endpoint `i` has the descriptors `10 + 2 i` for RTP and one more for RTCP, and `speakers[i]` as its far end.
 */
export function runTurned(
  speakers: readonly Speaker[],
  script: Script,
  onSent: (slot: number, sent: Sent) => void,
  onReport: (report: MediaReport) => void = () => {},
): void {
  let now = 1000
  let next = script.next()
  let state = 0x2545f491
  const packet = reserve(2048)
  const source = reserve(64)
  const events = reserve(4096)
  const eventView = new DataView(events.bytes.buffer)
  const data = new Map<number, number>()
  const waiting = new Map<number, Speaker>()
  const ready = () => {
    for (const [slot, speaker] of speakers.entries()) {
      if (speaker.due > now) continue
      const arrives = speaker.arrives(speaker.due)
      speaker.due += speaker.frameMs
      speaker.timestamp = (speaker.timestamp + 160) >>> 0
      if (!speaker.speaks) speaker.fresh = true
      if (!arrives) speaker.sequence = (speaker.sequence + 1) & 0xffff
      if (!speaker.speaks || !arrives || !data.has(10 + 2 * slot)) continue
      waiting.set(10 + 2 * slot, speaker)
    }
    const found = [...waiting.keys()].map((fd) => data.get(fd)!)
    if (!next.done && next.value.at <= now) found.push(data.get(WAKE)!)
    return found
  }
  const sent = (fd: number, from: number, length: number) => {
    memcpy(packet.address, from, length)
    if (fd % 2 === 0) onSent((fd - 10) >> 1, { at: now, bytes: packet.bytes.slice(0, length) })
    return length
  }
  const libc: Libc = {
    ...loadLibc(),
    epollCreate: () => 1,
    epollCtl(_epoll, operation, fd, event) {
      memcpy(events.address, event, EPOLL_EVENT.bytes)
      if (operation === EPOLL_CTL_ADD) data.set(fd, eventView.getInt32(EPOLL_EVENT.data, true))
      else data.delete(fd)
      return 0
    },
    epollWait(_epoll, into, _max, timeoutMs) {
      const until = Math.min(...speakers.map(({ due }) => due), next.done ? Number.POSITIVE_INFINITY : next.value.at)
      now = Math.max(now, Math.min(until, now + timeoutMs))
      const found = ready()
      for (const [i, value] of found.entries()) {
        eventView.setUint32(i * EPOLL_EVENT.bytes, EPOLLIN, true)
        eventView.setInt32(i * EPOLL_EVENT.bytes + EPOLL_EVENT.data, value, true)
      }
      if (found.length > 0) memcpy(into, events.address, found.length * EPOLL_EVENT.bytes)
      return found.length
    },
    recvfrom(fd, into, _length, _flags, address) {
      const speaker = waiting.get(fd)
      if (!speaker) return -1
      waiting.delete(fd)
      speaker.sequence = (speaker.sequence + 1) & 0xffff
      writeRtpHeader(packet.bytes, speaker.fresh, 0, speaker.sequence, speaker.timestamp, speaker.ssrc)
      packet.bytes.fill(speaker.octet, RTP_HEADER_BYTES, RTP_HEADER_BYTES + 160)
      speaker.fresh = false
      memcpy(into, packet.address, RTP_HEADER_BYTES + 160)
      memcpy(address, source.address, writeSockaddr(source.bytes, 0, speaker.address, speaker.port))
      return RTP_HEADER_BYTES + 160
    },
    sendto: sent,
    send: sent,
    connect: () => 0,
    read: () => 8,
    usleep(microseconds) {
      now += microseconds / 1000
      return 0
    },
    close: () => 0,
  }
  const loop = new MediaLoop({
    ...{ libc, wake: WAKE, now: () => now, epoch: 0 },
    random: () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0),
    report(report) {
      if (report.type === 'fault') throw new Error(`${report.message}\n${report.stack}`)
      onReport(report)
    },
    flush: () => {},
    commands() {
      if (next.done || next.value.at > now) return undefined
      const { commands } = next.value
      next = script.next()
      return commands
    },
  })
  loop.run()
}
