import type { Command } from 'commander'
import type { Alarm, AlarmChange } from '#platform/words/index.ts'
import type { Context } from './context.ts'
import type { Column } from './output.ts'

/** How alarms are shown in a table. */
export const ALARM_COLUMNS: Column<Alarm>[] = [
  ['ALARM', (alarm) => alarm.code],
  ['SEVERITY', (alarm) => alarm.severity],
  ['SINCE', (alarm) => alarm.since],
  ['WHAT', (alarm) => alarm.text],
]

export function alarmCommands(program: Command, context: (command: Command) => Context): void {
  const noun = program.command('alarm').description('what an operator must know')
  noun
    .command('list')
    .description('alarms that hold; exit code 1 when one of them is critical')
    .action(async (_options: object, command: Command) => {
      const { client, out } = context(command)
      const { items } = await client.get<{ items: Alarm[] }>('/v1/alarms')
      if (items.some(({ severity }) => severity === 'critical')) out.fails()
      out.table(items, ALARM_COLUMNS, 'There is no alarm.')
    })
  noun
    .command('tail')
    .description('alarms as they are raised and cleared, until Ctrl-C')
    .action(async (_options: object, command: Command) => {
      const { client, out } = context(command)
      const stopped = new AbortController()
      process.once('SIGINT', () => stopped.abort())
      try {
        for await (const change of client.stream<AlarmChange>('/v1/alarms/stream', stopped.signal))
          out.json ? out.jsonLine(change) : out.line(line(change))
      } catch (error) {
        if (!stopped.signal.aborted) throw error
      }
    })
}

function line({ at, type, alarm }: AlarmChange): string {
  return `${at}  ${type.padEnd(13)}  ${alarm.severity.padEnd(8)}  ${alarm.code}  ${alarm.text}`
}
