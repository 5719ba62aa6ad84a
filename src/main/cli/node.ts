import type { Command } from 'commander'
import type { Context } from './context.ts'
import { whole } from './parse.ts'
import { waitFor } from './wait.ts'

interface Drained {
  draining: boolean
  calls: number
}

export function nodeCommands(program: Command, context: (command: Command) => Context): void {
  const noun = program.command('node').description('this node')
  noun
    .command('drain')
    .description('take no new calls but emergency calls; those that are up go on')
    .option('--wait [seconds]', 'until the last call has ended')
    .action(async (options: { wait?: true | string }, command: Command) => {
      const { client, out } = context(command)
      const drain = () => client.post<Drained>('/v1/node/drain')
      const seconds = options.wait === undefined ? 0 : options.wait === true ? 3600 : whole('--wait')(options.wait)
      const state =
        seconds > 0 ? await waitFor('the last call to end', seconds, drain, ({ calls }) => calls === 0) : await drain()
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
