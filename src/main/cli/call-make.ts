import type { Command } from 'commander'
import type { Target } from '#platform/words/index.ts'
import type { Context } from './context.ts'
import { usage } from './error.ts'
import { part, progressOf, whole } from './parse.ts'

interface MakeOptions {
  from: string
  to: string
  callerId?: string
  timeout?: number
  amd?: true | string
  progress?: true | string
  afterAnswer?: number
}

/** `tieline call make`: click to dial. */
export function makeCommand(noun: Command, context: (command: Command) => Context): void {
  noun
    .command('make <subscriber>')
    .description('call one, then another, and join them')
    .requiredOption('--from <target>', 'who is called first: pbx:101, user:anna, sip:…, or a number')
    .requiredOption('--to <target>', 'who is called then, or agent')
    .option('--caller-id <number>', 'a number of the subscriber that a carrier is shown')
    .option('--timeout <seconds>', 'how long the first may ring', whole('--timeout'))
    .option('--amd [until]', 'listen for a machine or a person: verdict, or message-end to wait for the beep')
    .option('--progress [country]', 'listen for the tones of networks, as those of a country: busy ends the call')
    .option('--after-answer <seconds>', 'with --progress: behind the answer, too', whole('--after-answer'))
    .action(async (subscriber: string, options: MakeOptions, command: Command) => {
      const { from, to, callerId, timeout, amd } = options
      const { client, out } = context(command)
      const call = await client.post<{ id: string }>(`/v1/subscribers/${part(subscriber)}/calls`, {
        from: targetOf(from),
        to: to === 'agent' ? to : targetOf(to),
        ...(callerId === undefined ? {} : { callerId }),
        ...(timeout === undefined ? {} : { timeoutSeconds: timeout }),
        ...(amd === undefined ? {} : { amd: amd === true ? {} : { until: amd } }),
        ...progressOf(options),
      })
      out.done(call, `${call.id} is being placed.`)
    })
}

function targetOf(text: string): Target {
  const [, kind, rest = ''] = /^(pbx|user):(.+)$/.exec(text) ?? []
  if (kind === 'pbx') return { pbx: rest }
  if (kind === 'user') return { user: rest }
  if (/^sips?:/.test(text)) return { sip: text }
  if (/^\+?\d+$/.test(text)) return { number: text }
  throw usage(`A target is pbx:101, user:anna, sip:…, or a number, not ${text}.`)
}
