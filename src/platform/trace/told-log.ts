import { type Clock, type Id, isId, type Log } from '#lib/index.ts'
import type { PlatformConfig } from '#platform/words/index.ts'

type Level = PlatformConfig['log']['level']

/** What a log says of a call. */
export interface CallLine {
  call: Id<'call'>
  /** Wall-clock ms. */
  wall: number
  level: Level
  fields: Record<string, unknown>
  sentence: string
}

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error']

/** A log that tells somebody else, too, what it says of calls: so much of it as `level` lets through. */
export function toldLog(log: Log, options: { level: Level; clock: Clock; tell(line: CallLine): void }): Log {
  const told = (level: Level, bound: object) => (fields: object, sentence: string) => {
    const all: Record<string, unknown> = { ...bound, ...fields }
    if (!isId('call', all.call) || LEVELS.indexOf(level) < LEVELS.indexOf(options.level)) return
    const wall = options.clock.wall()
    options.tell({ call: all.call, wall, level, fields: { ...all, ...textOfError(all.err) }, sentence })
  }
  const wrapped = (own: Log, bound: object): Log => {
    const of = (level: Level) => {
      const tell = told(level, bound)
      return (fields: object, sentence: string) => {
        own[level](fields, sentence)
        tell(fields, sentence)
      }
    }
    return {
      ...{ debug: of('debug'), info: of('info'), warn: of('warn'), error: of('error') },
      child: (fields) => wrapped(own.child(fields), { ...bound, ...fields }),
    }
  }
  return wrapped(log, {})
}

/** An error is nothing to JSON. */
function textOfError(error: unknown): { err?: string } {
  return error instanceof Error ? { err: `${error.name}: ${error.message}` } : {}
}
