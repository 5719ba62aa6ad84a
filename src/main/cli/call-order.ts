import type { Command } from 'commander'
import type { CallCause, Target } from '#platform/words/index.ts'
import type { Context } from './context.ts'
import { CliError, usage } from './error.ts'
import { part, whole } from './parse.ts'

/** `tieline call hold|retrieve|transfer|park`: commands for a call whose two legs talk; `pickup` for one that rings. */
export function orderCommands(noun: Command, context: (command: Command) => Context): void {
  const order = async (command: Command, call: string, verb: string, body: object, sentence: string) => {
    const { client, out } = context(command)
    await client.post(`/v1/calls/${part(call)}/${verb}`, body)
    out.done(null, sentence)
  }
  noun
    .command('hold <call>')
    .description('hold one of the two who talk')
    .option('--party <party>', 'caller or dialled', 'caller')
    .action(async (call: string, { party }: { party: string }, command: Command) => {
      await order(command, call, 'hold', { party }, 'It is held.')
    })
  noun
    .command('retrieve <call>')
    .description('let them talk again')
    .action(async (call: string, _options, command: Command) => order(command, call, 'retrieve', {}, 'They talk again.'))
  noun
    .command('park <call> <slot>')
    .description('let the caller wait in a slot, which a telephone of the site picks up by dialling it')
    .option('--timeout <seconds>', 'then whoever it talked to is rung back', whole('--timeout'))
    .action(async (call: string, slot: string, { timeout }: { timeout?: number }, command: Command) => {
      const body = { slot, ...(timeout === undefined ? {} : { timeoutSeconds: timeout }) }
      await order(command, call, 'park', body, `It is parked in ${slot}.`)
    })
  targeted(noun.command('transfer <call>').description('let the caller go on with somebody else')).action(
    async (call: string, options: Targeted, command: Command) => {
      const { client, out } = context(command)
      const { transferred, cause } = await client.post<{ transferred: boolean; cause?: CallCause }>(
        `/v1/calls/${part(call)}/transfer`,
        { target: targetOf(options) },
      )
      if (!transferred) throw new CliError(`It talks to whom it did: ${why(cause)}.`)
      out.done(null, 'It is transferred.')
    },
  )
  targeted(noun.command('pickup <call>').description('call somebody to take a call that rings elsewhere'))
    .option('--leg <leg>', 'which of its legs has to ring')
    .action(async (call: string, { leg, ...options }: Targeted & { leg?: string }, command: Command) => {
      const { client, out } = context(command)
      const { pickedUp, cause } = await client.post<{ pickedUp: boolean; cause?: CallCause }>(`/v1/calls/${part(call)}/pickup`, {
        by: targetOf(options),
        ...(leg === undefined ? {} : { leg }),
      })
      if (!pickedUp) throw new CliError(`It is not picked up: ${why(cause)}.`)
      out.done(null, 'It is picked up.')
    })
}

interface Targeted {
  pbx?: string
  user?: string
  number?: string
}

function targeted(command: Command): Command {
  return command
    .option('--pbx <extension>', 'an extension of the PBX of the site')
    .option('--user <name>', 'a telephone of the site')
    .option('--number <number>', 'a number outside')
}

function targetOf(options: Targeted): Target {
  const [first, ...more] = Object.entries(options)
  if (!first || more.length > 0) throw usage('Say one of --pbx, --user and --number.')
  return { [first[0]]: first[1] } as unknown as Target
}

function why(cause: CallCause | undefined): string {
  return cause?.text ?? cause?.reason ?? 'nobody answered'
}
