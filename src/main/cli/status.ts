import type { Command } from 'commander'
import type { Alarm } from '#platform/words/index.ts'
import { ALARM_COLUMNS } from './alarm.ts'
import type { Context } from './context.ts'
import { whole } from './parse.ts'
import { secondsOf, type WaitOption, waitFor } from './wait.ts'

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
    .option('--wait [seconds]', 'until everything is there', whole('--wait'))
    .action(async (options: WaitOption, command: Command) => {
      const { client, out } = context(command)
      const ask = () => client.get<Status>('/v1/status')
      const seconds = secondsOf(options, 60)
      const status = await (seconds === 0
        ? ask()
        : waitFor(seconds, { what: 'the platform to be ready', ask, holds: ready, why: missing, fromNothing: true }))
      if (!ready(status)) out.fails()
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
  return missing(status) === ''
}

function missing(status: Status): string {
  const parts = { 'the database': status.database, host: status.host, 'the switch': status.switch !== null }
  const away = Object.entries(parts).filter(([, there]) => !there)
  return away.length === 0 ? '' : `${away.map(([name]) => name).join(', ')} cannot be reached`
}
