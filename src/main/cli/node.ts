import type { Command } from 'commander'
import type { Context } from './context.ts'
import { whole } from './parse.ts'
import { secondsOf, type WaitOption, waitFor } from './wait.ts'

interface Drained {
  draining: boolean
  calls: number
}

export function nodeCommands(program: Command, context: (command: Command) => Context): void {
  const noun = program.command('node').description('this node')
  noun
    .command('drain')
    .description('take no new calls but emergency calls; those that are up go on')
    .option('--wait [seconds]', 'until the last call has ended', whole('--wait'))
    .action(async (options: WaitOption, command: Command) => {
      const { client, out } = context(command)
      const drain = () => client.post<Drained>('/v1/node/drain')
      const seconds = secondsOf(options, 3600)
      const state = await (seconds === 0
        ? drain()
        : waitFor(seconds, {
            what: 'the last call to end',
            ask: drain,
            holds: ({ calls }) => calls === 0,
            why: ({ calls }) => `${calls} are up`,
          }))
      out.done(state, `The node takes no new calls; ${state.calls} are up.`)
    })
  noun
    .command('resume')
    .description('take new calls again')
    .action(async (_options, command: Command) => {
      const { client, out } = context(command)
      out.done(await client.post<Drained>('/v1/node/resume'), 'The node takes calls.')
    })
}
