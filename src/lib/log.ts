import pino from 'pino'

/**
 * A log line is a fixed sentence plus fields: no number, name or address in the sentence itself. Personal fields are
 * written under a key that starts with `pii_`; a line about a call has `subscriber` and `call`.
 */
export interface Log {
  debug(fields: object, sentence: string): void
  info(fields: object, sentence: string): void
  warn(fields: object, sentence: string): void
  error(fields: object, sentence: string): void
  /** A log that adds these fields to every line. */
  child(fields: object): Log
}

/** The log of a process: JSON lines on standard output, each with `process`. */
export function processLog(process: string, level = 'info'): Log {
  return pino({
    level,
    base: { process },
    timestamp: pino.stdTimeFunctions.isoTime,
    messageKey: 'message',
    formatters: { level: (label) => ({ level: label }) },
  })
}

/** A log that says nothing, for tests and benches. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
}
