import type { Command } from 'commander'
import type { CallTrace, CallView, Refusal } from '#platform/words/index.ts'
import { makeCommand } from './call-make.ts'
import { orderCommands } from './call-order.ts'
import type { Context } from './context.ts'
import { ladder } from './ladder.ts'
import { part } from './parse.ts'

interface Explanation {
  summary: string
  refusals: Refusal[]
  steps: { at: string; type: string; text: string }[]
}

export function callCommands(program: Command, context: (command: Command) => Context): void {
  const noun = program.command('call').description('calls')
  noun
    .command('list')
    .description('calls that are up')
    .option('--subscriber <subscriber>', 'of one')
    .action(async (options: { subscriber?: string }, command: Command) => {
      const { client, out } = context(command)
      const query = options.subscriber ? `?subscriber=${part(options.subscriber)}` : ''
      const { items } = await client.get<{ items: CallView[] }>(`/v1/calls${query}`)
      out.table(
        items,
        [
          ['CALL', (c) => c.id],
          ['STATE', (c) => c.state],
          ['FROM', (c) => c.from.number],
          ['TO', (c) => c.to.number],
          ['SINCE', (c) => c.startedAt],
          ['LEGS', (c) => c.legs.map((leg) => `${leg.via} ${leg.state}`).join(', ')],
        ],
        'No call is up.',
      )
    })
  noun
    .command('show <call>')
    .description('a call that is up')
    .action(async (call: string, _options, command: Command) => {
      const { client, out } = context(command)
      const view = await client.get<CallView>(`/v1/calls/${part(call)}`)
      out.facts(view, [
        ['call', view.id],
        ['subscriber', view.subscriber],
        ['state', view.state],
        ['from', view.from.number],
        ['to', view.to.number],
        ['started', view.startedAt],
        ['answered', view.answeredAt],
        ...view.legs.map((leg): [string, string] => [
          `leg ${leg.direction}`,
          `${leg.state} over the ${leg.via}, ${leg.party.number}`,
        ]),
      ])
    })
  noun
    .command('kill <call>')
    .description('end a call in whatever state it is')
    .action(async (call: string, _options, command: Command) => {
      const { client, out } = context(command)
      await client.post(`/v1/calls/${part(call)}/kill`)
      out.done(null, 'The call is ended.')
    })
  makeCommand(noun, context)
  orderCommands(noun, context)
  noun
    .command('trace <call>')
    .description('what was said for a call, as a ladder; also for a while after its end')
    .option('--messages', 'each SIP message whole')
    .action(async (call: string, options: { messages?: true }, command: Command) => {
      const { client, out } = context(command)
      const trace = await client.get<NonNullable<CallTrace>>(`/v1/calls/${part(call)}/trace`)
      if (out.json) return out.value(trace)
      for (const line of ladder(trace, { messages: options.messages === true })) out.line(line)
    })
  program
    .command('explain <call>')
    .description('why a call went as it did, also after its end')
    .action(async (call: string, _options, command: Command) => {
      const { client, out } = context(command)
      const explanation = await client.get<Explanation>(`/v1/calls/${part(call)}/explain`)
      if (out.json) return out.value(explanation)
      out.line(explanation.summary)
      for (const { kind, holders } of explanation.refusals)
        for (const { call: holder, agent, subscriber, count } of holders)
          out.line(`  ${kind}: ${count} held by ${holder ?? agent} of ${subscriber}`)
      out.line('')
      for (const { at, type, text } of explanation.steps)
        out.line(`${at}  ${type.padEnd(16)}  ${text === type ? '' : text}`.trimEnd())
    })
}
