import type { Clock, Log } from '#lib/index.ts'
import { openHomer, Tap, type TraceSink, type TraceStore, toldLog } from '#platform/trace/index.ts'
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
  const homer = openHomer(config, log)
  if (!homer) return { tap: new Tap({ clock, sinks }), log, close() {} }
  sinks.push(homer.export)
  return {
    tap: new Tap({ clock, sinks }),
    log: toldLog(log, { level: config.log.level, clock, tell: (line) => homer.export.line(line) }),
    close: () => homer.close(),
  }
}
