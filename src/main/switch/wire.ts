import type { Clock, Log } from '#lib/index.ts'
import { openHomer, Tap, type TraceSink, type TraceStore, toldLog } from '#platform/trace/index.ts'
import type { AgentSaid, PlatformConfig } from '#platform/words/index.ts'

export interface WatchedWire {
  tap: Tap
  /** The log of calls: Homer is told what it says. */
  log: Log
  /** What agents have printed: Homer is told what is of a call of their own. */
  said(said: AgentSaid): void
  close(): void
}

/** Who is shown the messages of calls: the traces, and Homer where the configuration names one. */
export function watchWire(options: { config: PlatformConfig; traces: TraceStore; clock: Clock; log: Log }): WatchedWire {
  const { config, traces, clock, log } = options
  const sinks: TraceSink[] = config.trace.mebibytes > 0 ? [traces] : []
  const homer = openHomer(config, log)
  if (!homer) return { tap: new Tap({ clock, sinks }), log, said() {}, close() {} }
  sinks.push(homer.export)
  const tap = new Tap({ clock, sinks })
  return {
    tap,
    log: toldLog(log, { level: config.log.level, clock, tell: (line) => homer.export.line(line) }),
    said({ subscriber, wall, lines }) {
      for (const { call, text } of lines) {
        const fields = { process: 'agent', subscriber, call, text }
        if (tap.isCallOf(call, subscriber)) homer.export.line({ call, wall, level: 'info', fields, sentence: 'an agent printed' })
      }
    },
    close: () => homer.close(),
  }
}
