import type { Command } from 'commander'
import type { Alarm } from '#platform/words/index.ts'
import { ALARM_COLUMNS } from './alarm.ts'
import type { Context } from './context.ts'
import { whole } from './parse.ts'
import { waitFor } from './wait.ts'

interface Status {
  database: boolean
  host: boolean
  switch: { draining: boolean; calls: number; uptimeMs: number; snapshot: number } | null
  publication: number
  node: { instance: string; snapshot: number } | null
  alarms: Alarm[]
  processes: { name: string; pid: number | null; uid: number; restarts: number; startedAt: string }[]
}

export function statusCommands(program: Command, context: (command: Command) => Context): void {
  program
    .command('status')
    .description('what runs, and how it is; exit code 1 when something is missing')
    .option('--wait [seconds]', 'until everything is there')
    .action(async (options: { wait?: true | string }, command: Command) => {
      const { client, out } = context(command)
      const ask = () => client.get<Status>('/v1/status')
      const seconds = options.wait === undefined ? 0 : options.wait === true ? 60 : whole('--wait')(options.wait)
      const status = seconds > 0 ? await waitFor('the platform to be ready', seconds, ask, ready) : await ask()
      if (!ready(status)) process.exitCode = 1
      if (out.json) return out.value(status)
      out.facts(status, [
        ['instance', status.node?.instance],
        ['database', out.mark(status.database)],
        ['host', out.mark(status.host)],
        ['switch', out.mark(status.switch !== null)],
        ['calls', status.switch?.calls],
        ['draining', status.switch?.draining ? 'yes' : undefined],
        ['publication', status.publication],
      ])
      out.line('')
      out.table(
        status.processes,
        [
          ['PROCESS', (p) => p.name],
          ['PID', (p) => p.pid],
          ['UID', (p) => p.uid],
          ['RESTARTS', (p) => p.restarts],
          ['SINCE', (p) => p.startedAt],
        ],
        'No process is known.',
      )
      out.line('')
      out.table(status.alarms, ALARM_COLUMNS, 'There is no alarm.')
    })
}

function ready(status: Status): boolean {
  return status.database && status.host && status.switch !== null
}
