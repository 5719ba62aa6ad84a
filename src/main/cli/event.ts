import type { Command } from 'commander'
import type { PlatformEvent } from '#platform/words/index.ts'
import type { Page } from './client.ts'
import type { Context } from './context.ts'
import { whole } from './parse.ts'

interface Filter {
  subscriber?: string
  call?: string
  after?: string
}

export function eventCommands(program: Command, context: (command: Command) => Context): void {
  const noun = program.command('event').description('what happened')
  noun
    .command('list')
    .description('events in order')
    .option('--subscriber <subscriber>', 'of one')
    .option('--call <call>', 'of one call')
    .option('--after <cursor>', 'from there on')
    .option('--limit <n>', 'at most', whole('--limit'), 100)
    .action(async (options: Filter & { limit: number }, command: Command) => {
      const { client, out } = context(command)
      const page = await client.get<Page<PlatformEvent>>(`/v1/events?${query(options)}&limit=${options.limit}`)
      if (out.json) return out.value(page)
      for (const event of page.items) out.line(line(event))
      if (page.next) out.line(`There are more: --after ${page.next}`)
    })
  noun
    .command('tail')
    .description('events as they come, until Ctrl-C')
    .option('--subscriber <subscriber>', 'of one')
    .option('--call <call>', 'of one call')
    .option('--after <cursor>', 'from there on')
    .action(async (options: Filter, command: Command) => {
      const { client, out } = context(command)
      const stopped = new AbortController()
      process.once('SIGINT', () => stopped.abort())
      try {
        for await (const event of client.stream<PlatformEvent>(`/v1/events/stream?${query(options)}`, stopped.signal))
          out.json ? out.jsonLine(event) : out.line(line(event))
      } catch (error) {
        if (!stopped.signal.aborted) throw error
      }
    })
}

function query({ subscriber, call, after }: Filter): string {
  const given = Object.entries({ subscriber, call, after }).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return new URLSearchParams(given).toString()
}

function line({ at, number, type, call, cause, data }: PlatformEvent): string {
  const facts = Object.entries(data).map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
  if (cause) facts.push(`cause=${cause.reason}/${cause.by}${cause.sip ? `/${cause.sip}` : ''}`)
  return `${at}  ${String(number).padStart(5)}  ${type.padEnd(16)}  ${call ?? ''}  ${facts.join(' ')}`.trimEnd()
}
