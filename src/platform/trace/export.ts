import type { SeenMessage } from '#platform/words/index.ts'
import { encodeHep } from '#protocol/hep/index.ts'
import type { OwnedDialog, TraceSink } from './tap.ts'

const IP_PROTOCOL: Record<string, number> = { udp: 17 }
const TCP = 6

/** Sends each message of a call to Homer, as it is kept: without secrets, with the call's own id as correlation id (O03). */
export class HepExport implements TraceSink {
  readonly #send: (packet: Buffer) => void
  readonly #captureId: number

  constructor(options: { send(packet: Buffer): void; captureId: number }) {
    this.#send = options.send
    this.#captureId = options.captureId
  }

  message({ direction, local, peer, transport }: SeenMessage, content: Uint8Array, wall: number, { call }: OwnedDialog): void {
    const [source, destination] = direction === 'in' ? [peer, local] : [local, peer]
    this.#send(
      encodeHep({
        ...{ source, destination, wall },
        ipProtocol: IP_PROTOCOL[transport] ?? TCP,
        captureId: this.#captureId,
        correlationId: call.id,
        payload: content,
      }),
    )
  }
}
