import type { Id } from '#lib/index.ts'
import type { SeenControl, SeenMessage } from '#platform/words/index.ts'
import { encodeHep, HEP_PROTOCOL, rtcpJson } from '#protocol/hep/index.ts'
import { type CourseRecord, entryOfRecord } from './entry.ts'
import type { OwnedDialog, TracedCall, TraceSink } from './tap.ts'
import type { CallLine } from './told-log.ts'

const IP_PROTOCOL: Record<string, number> = { udp: 17 }
const TCP = 6
const UDP = 17

type Place = { address: string; port: number }

/**
 * Sends to Homer what is kept of a call: each message, without secrets, the reports of its sound (RTCP), and as lines of a log its
 * events, its leases, and what the log says of it. All of it has the call's own id as correlation id (O03).
 */
export class HepExport implements TraceSink {
  readonly #send: (packet: Buffer) => void
  readonly #captureId: number
  readonly #self: Place

  /** `self` is where lines of the log come from, which were on no wire. */
  constructor(options: { send(packet: Buffer): void; captureId: number; self: Place }) {
    this.#send = options.send
    this.#captureId = options.captureId
    this.#self = options.self
  }

  message({ direction, local, peer, transport }: SeenMessage, content: Uint8Array, wall: number, { call }: OwnedDialog): void {
    const [source, destination] = direction === 'in' ? [peer, local] : [local, peer]
    this.#send(
      encodeHep({
        ...{ protocol: HEP_PROTOCOL.sip, source, destination, wall },
        ipProtocol: IP_PROTOCOL[transport] ?? TCP,
        captureId: this.#captureId,
        correlationId: call.id,
        payload: content,
      }),
    )
  }

  record(call: Id<'call'>, _traced: TracedCall | undefined, record: CourseRecord): void {
    const found = entryOfRecord(record)
    if (found) this.#line(call, record.at.wall, { call, subscriber: found.subscriber, ...found.entry })
  }

  /** What is told of a call's sound by RTCP: as JSON, a packet for each report. */
  control({ call, direction, bytes, wall, local, peer }: SeenControl): void {
    const [source, destination] = direction === 'in' ? [peer, local] : [local, peer]
    for (const text of rtcpJson(bytes)) {
      this.#send(
        encodeHep({
          ...{ protocol: HEP_PROTOCOL.rtcp, source, destination, wall },
          ipProtocol: UDP,
          captureId: this.#captureId,
          correlationId: call,
          payload: Buffer.from(text),
        }),
      )
    }
  }

  /** A line that the log has of a call. */
  line({ call, wall, fields, level, sentence }: CallLine): void {
    this.#line(call, wall, { at: new Date(wall).toISOString(), kind: 'log', level, ...fields, message: sentence })
  }

  #line(call: Id<'call'>, wall: number, what: object): void {
    this.#send(
      encodeHep({
        ...{ protocol: HEP_PROTOCOL.log, source: this.#self, destination: this.#self, wall },
        ipProtocol: UDP,
        captureId: this.#captureId,
        correlationId: call,
        payload: Buffer.from(JSON.stringify(what)),
      }),
    )
  }
}
