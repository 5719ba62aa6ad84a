import type { Command } from 'commander'
import type { Forward, ForwardTarget, UserConfig } from '#platform/words/index.ts'
import type { Context } from './context.ts'
import { usage } from './error.ts'
import { part } from './parse.ts'

interface ForwardOptions {
  always?: string
  busy?: string
  unanswered?: string
  unregistered?: string
}

/** What rings for a user, and where its calls go instead: verbs of the noun `telephone`. */
export function userCommands(noun: Command, context: (command: Command) => Context): void {
  noun
    .command('routes <subscriber>')
    .description('list what rings for whom, and where calls go instead')
    .action(async (subscriber: string, _options, command: Command) => {
      const { client, out } = context(command)
      const { items } = await client.get<{ items: UserConfig[] }>(`/v1/subscribers/${part(subscriber)}/users`)
      out.table(
        items,
        [
          ['NAME', (u) => u.name],
          ['RINGS', (u) => u.ring?.map(({ at, seconds }) => `${at.map(targetText).join(',')}@${seconds}`).join(' ')],
          ['SENDS ON', (u) => forwardText(u)],
        ],
        'Nothing is stored: each telephone rings when it is called.',
      )
    })
  noun
    .command('forward <subscriber> <name>')
    .description('where calls to a telephone or a user go instead: user:102, pbx:200 or number:+32…; off takes a rule back')
    .option('--always <target>', 'always; nothing of its own rings')
    .option('--busy <target>', 'when it is busy')
    .option('--unanswered <target@seconds>', 'when nobody has answered after so many seconds')
    .option('--unregistered <target>', 'when its telephone is not registered, or cannot be reached')
    .action(async (subscriber: string, name: string, options: ForwardOptions, command: Command) => {
      const { client, out } = context(command)
      const { ring, forward: known } = await stored(client, subscriber, name)
      const forward = changed({ ...known }, options)
      const user = await write(client, subscriber, { name, ...(ring ? { ring } : {}), forward })
      out.done(user, `Calls to ${name} are sent on: ${forwardText(user) || 'never'}.`)
    })
  noun
    .command('ring <subscriber> <name> [steps...]')
    .description('what rings for a user, step after step, such as user:101,user:102@15; without steps its own telephone')
    .action(async (subscriber: string, name: string, texts: string[], _options, command: Command) => {
      const { client, out } = context(command)
      const ring = texts.map((step) => {
        const { text, seconds } = timed(step)
        return { at: text.split(',').map(target), seconds }
      })
      const { forward } = await stored(client, subscriber, name)
      const user = await write(client, subscriber, {
        name,
        ...(ring.length > 0 ? { ring } : {}),
        ...(forward ? { forward } : {}),
      })
      out.done(user, ring.length > 0 ? `For ${name} rings: ${texts.join(' ')}.` : `For ${name} its own telephone rings.`)
    })
}

type Client = Context['client']

/** The rules that are named, in the place of what was. */
function changed(forward: Forward, { always, busy, unanswered, unregistered }: ForwardOptions): Forward {
  for (const [rule, text] of [
    ['unconditional', always],
    ['busy', busy],
    ['unregistered', unregistered],
  ] as const) {
    if (text === 'off') delete forward[rule]
    else if (text !== undefined) forward[rule] = target(text)
  }
  if (unanswered === 'off') delete forward.noAnswer
  else if (unanswered !== undefined) {
    const { text, seconds } = timed(unanswered)
    forward.noAnswer = { to: target(text), afterSeconds: seconds }
  }
  return forward
}

async function stored(client: Client, subscriber: string, name: string): Promise<Omit<UserConfig, 'name'>> {
  const { items } = await client.get<{ items: UserConfig[] }>(`/v1/subscribers/${part(subscriber)}/users`)
  return items.find((user) => user.name === name) ?? {}
}

/** A user for whom nothing is left to store is not stored. */
async function write(client: Client, subscriber: string, { name, ring, forward }: UserConfig): Promise<UserConfig> {
  const path = `/v1/subscribers/${part(subscriber)}/users/${part(name)}`
  const rules = { ...(ring ? { ring } : {}), ...(forward && Object.keys(forward).length > 0 ? { forward } : {}) }
  const user = await client.put<UserConfig>(path, rules)
  if (Object.keys(rules).length === 0) await client.delete(path)
  return user
}

function target(text: string): ForwardTarget {
  const [, kind, value] = /^(user|pbx|number):(.+)$/.exec(text) ?? []
  if (!kind || !value) throw usage(`A target is written user:102, pbx:200 or number:+3225550199, not ${text}.`)
  return { [kind]: value } as unknown as ForwardTarget
}

function timed(text: string): { text: string; seconds: number } {
  const [, before, seconds] = /^(.+)@(\d{1,4})$/.exec(text) ?? []
  if (!before) throw usage(`Say for how many seconds, such as user:101@20, not ${text}.`)
  return { text: before, seconds: Number(seconds) }
}

function targetText(to: ForwardTarget): string {
  const [kind = '', value = ''] = Object.entries(to)[0] ?? []
  return `${kind}:${value}`
}

function forwardText({ forward }: UserConfig): string {
  const { unconditional, busy, noAnswer, unregistered } = forward ?? {}
  return [
    unconditional && `always to ${targetText(unconditional)}`,
    busy && `when busy to ${targetText(busy)}`,
    noAnswer && `after ${noAnswer.afterSeconds} s to ${targetText(noAnswer.to)}`,
    unregistered && `when not registered to ${targetText(unregistered)}`,
  ]
    .filter(Boolean)
    .join(', ')
}
