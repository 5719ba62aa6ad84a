import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Log } from '#lib/index.ts'
import type { PlatformConfig } from '#platform/words/index.ts'
import { HepExport } from './export.ts'

/** Homer, as one process tells it of calls, over a socket of its own. */
export interface Homer {
  export: HepExport
  close(): void
}

/** Null where the configuration names none. What cannot be sent is lost, as with any capture: a call does not wait for it. */
export function openHomer({ hep, sip }: Pick<PlatformConfig, 'hep' | 'sip'>, log: Log): Homer | null {
  if (!hep) return null
  const socket = createSocket(isIPv6(hep.address) ? 'udp6' : 'udp4')
  socket.on('error', (error) => log.debug({ err: error }, 'Homer cannot be reached'))
  socket.unref()
  let closed = false
  return {
    export: new HepExport({
      captureId: hep.captureId,
      self: sip,
      send: (packet) => void (closed || socket.send(packet, hep.port, hep.address, () => {})),
    }),
    close() {
      closed = true
      socket.close()
    },
  }
}
