import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { inspect, styleText } from 'node:util'
import type { Clock, Log } from '#lib/index.ts'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type Level = (typeof LEVELS)[number]

interface Line {
  level: Level
  time: string
  process: string
  message: string
  [field: string]: unknown
}

/** Where the lines of all processes come together: JSON as it is, or, on a terminal, for people. */
export interface LogSink {
  /** A log for one of host's own parts. */
  log(process: string): Log
  /** Takes the output of a process line by line. A line that is not JSON has the level that `levelOf` says; else it is a warning. */
  follow(process: string, stream: Readable, levelOf?: (text: string) => Level): void
}

const COLOUR = { debug: 'gray', info: 'cyan', warn: 'yellow', error: 'red' } as const
/** The longest line that is taken from a process. */
const MAX_LINE = 16_384

export function logSink(options: { write(text: string): void; pretty: boolean; level: Level; clock: Clock }): LogSink {
  const { write, pretty, clock } = options
  const least = LEVELS.indexOf(options.level)
  const put = (line: Line) => {
    if (LEVELS.indexOf(line.level) < least) return
    write(pretty ? forPeople(line) : `${JSON.stringify(line)}\n`)
  }
  const time = () => new Date(clock.wall()).toISOString()
  const log = (process: string, bound: object = {}): Log => {
    const say = (level: Level) => (fields: object, message: string) =>
      put({ level, time: time(), process, ...bound, ...plain(fields), message })
    return {
      debug: say('debug'),
      info: say('info'),
      warn: say('warn'),
      error: say('error'),
      child: (fields) => log(process, { ...bound, ...fields }),
    }
  }
  const follow: LogSink['follow'] = (process, stream, levelOf = () => 'warn') => {
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (text) => {
      if (text.trim() === '') return
      const line = parse(text.slice(0, MAX_LINE))
      if (!line) put({ level: levelOf(text), time: time(), process, message: 'a process printed', text: text.slice(0, 2000) })
      else if (pretty) put({ ...line, process })
      else if (LEVELS.indexOf(line.level) >= least) write(`${text.slice(0, MAX_LINE)}\n`)
    })
  }
  return { log: (process) => log(process), follow }
}

function parse(text: string): Line | null {
  try {
    const value = JSON.parse(text)
    return typeof value?.message === 'string' && LEVELS.includes(value.level) ? value : null
  } catch {
    return null
  }
}

/** An Error has no fields of its own that JSON would show. */
function plain(fields: object): object {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? value.message : value]))
}

function forPeople({ level, time, process, message, ...fields }: Line): string {
  const rest = Object.entries(fields)
    .map(
      ([key, value]) => `${key}=${typeof value === 'string' ? value : inspect(value, { breakLength: Number.POSITIVE_INFINITY })}`,
    )
    .join(' ')
  const clockTime = time.slice(11, 23)
  return `${styleText('gray', clockTime)} ${styleText(COLOUR[level], process.padEnd(9))} ${message}${rest ? styleText('gray', `  ${rest}`) : ''}\n`
}
