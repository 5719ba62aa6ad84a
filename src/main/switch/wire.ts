import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Clock, Log } from '#lib/index.ts'
import { HepExport, Tap, type TraceSink, type TraceStore, toldLog } from '#platform/trace/index.ts'
import type { PlatformConfig } from '#platform/words/index.ts'

export interface WatchedWire {
  tap: Tap
  /** The log of calls: Homer is told what it says. */
  log: Log
  close(): void
}

/** Who is shown the messages of calls: the traces, and Homer where the configuration names one. */
export function watchWire(options: { config: PlatformConfig; traces: TraceStore; clock: Clock; log: Log }): WatchedWire {
  const { config, traces, clock, log } = options
  const sinks: TraceSink[] = config.trace.mebibytes > 0 ? [traces] : []
  const { hep } = config
  if (!hep) return { tap: new Tap({ clock, sinks }), log, close() {} }
  const socket = createSocket(isIPv6(hep.address) ? 'udp6' : 'udp4')
  socket.on('error', (error) => log.debug({ err: error }, 'Homer cannot be reached'))
  socket.unref()
  let closed = false
  const homer = new HepExport({
    captureId: hep.captureId,
    self: config.sip,
    // What cannot be sent is lost, as with any capture: a call does not wait for it.
    send: (packet) => void (closed || socket.send(packet, hep.port, hep.address, () => {})),
  })
  sinks.push(homer)
  return {
    tap: new Tap({ clock, sinks }),
    log: toldLog(log, { level: config.log.level, clock, tell: (line) => homer.line(line) }),
    close() {
      closed = true
      socket.close()
    },
  }
}
