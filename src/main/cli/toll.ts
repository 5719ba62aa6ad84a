import type { Command } from 'commander'
import type { TollClass, TollPolicy, TollRules } from '#platform/words/index.ts'
import type { Context } from './context.ts'
import { usage } from './error.ts'
import { collect, part } from './parse.ts'

type Contextual = (command: Command) => Context

/** Classes of numbers outside: the operator's, for all subscribers. */
export function tollCommands(program: Command, context: Contextual): void {
  const noun = program.command('toll').description('classes of numbers outside, and whether they may be called')
  noun
    .command('list')
    .description('list the classes')
    .action(async (_options, command: Command) => {
      const { client, out } = context(command)
      const { items } = await client.get<{ items: TollClass[] }>('/v1/toll-classes')
      out.table(
        items,
        [
          ['CLASS', (c) => c.name],
          ['POLICY', (c) => c.policy],
          ['PREFIXES', (c) => prefixesText(c.prefixes)],
          ['TITLE', (c) => c.title],
        ],
        'There are no classes: all numbers may be called.',
      )
    })
  noun
    .command('set <class>')
    .description('add a class, or change one')
    .option('--prefix <prefix>', 'how its numbers begin, such as +32900; again for more, in the place of what was', collect, [])
    .option('--add <prefix>', 'a prefix beside those that are there; again for more', collect, [])
    .option('--drop <prefix>', 'a prefix that is there; again for more', collect, [])
    .option('--title <text>', 'what people call it')
    .option('--policy <policy>', 'for subscribers of whom nothing else is said: allowed or denied')
    .action(async (name: string, options: SetOptions, command: Command) => {
      const { client, out } = context(command)
      const { items } = await client.get<{ items: TollClass[] }>('/v1/toll-classes')
      const changed = changedClass(
        items.find((one) => one.name === name),
        name,
        options,
      )
      const written = await client.put<TollClass>(`/v1/toll-classes/${part(name)}`, changed)
      out.done(written, `Calls to numbers of ${name} are ${written.policy}: ${prefixesText(written.prefixes)}.`)
    })
  noun
    .command('remove <class>')
    .description('remove one: its numbers are those of the classes with shorter prefixes')
    .action(async (name: string, _options, command: Command) => {
      const { client, out } = context(command)
      await client.delete(`/v1/toll-classes/${part(name)}`)
      out.done(null, `There is no class ${name} any more.`)
    })
}

interface SetOptions {
  prefix: string[]
  add: string[]
  drop: string[]
  title?: string
  policy?: string
}

function changedClass(known: TollClass | undefined, name: string, { prefix, add, drop, title, policy }: SetOptions) {
  const before = prefix.length > 0 ? prefix : (known?.prefixes ?? [])
  const prefixes = [...before.filter((one) => !drop.includes(one)), ...add]
  if (prefixes.length === 0) throw usage('Say how its numbers begin: --prefix +32900')
  return { title: title ?? known?.title ?? name, prefixes, policy: policy ?? known?.policy ?? 'denied' }
}

function prefixesText(prefixes: readonly string[]): string {
  const shown = prefixes.slice(0, 8).map((prefix) => prefix || '(all)')
  return `${shown.join(' ')}${prefixes.length > 8 ? ` and ${prefixes.length - 8} more` : ''}`
}

/** What one subscriber may call: a verb of the noun `subscriber`. */
export function capCommand(noun: Command, context: Contextual): void {
  noun
    .command('cap <subscriber>')
    .description('what its calls out may be; without options it is shown')
    .option('--class <class=policy>', 'allowed or denied, or off for what the class says; again for more', collect, [])
    .action(async (name: string, options: { class: string[] }, command: Command) => {
      const { client, out } = context(command)
      const path = `/v1/subscribers/${part(name)}`
      const { toll: known } = await client.get<{ toll: TollRules }>(path)
      const asked = options.class.length === 0
      const { toll } = asked ? { toll: known } : await client.patch<{ toll: TollRules }>(path, { toll: capped(known, options) })
      out.done(toll, `Calls out of ${name}: ${rulesText(toll)}.`)
    })
}

function capped(known: TollRules, options: { class: string[] }) {
  const classes: Record<string, string> = { ...known.classes }
  for (const text of options.class) {
    const [, name, policy] = /^([a-z][a-z0-9-]*)=([a-z]+)$/.exec(text) ?? []
    if (!name || !policy) throw usage(`A class is written name=policy, such as premium=allowed, not ${text}.`)
    if (policy === 'off') delete classes[name]
    else classes[name] = policy
  }
  return { ...known, classes }
}

function rulesText({ classes }: TollRules): string {
  const own = Object.entries(classes ?? {}) as [string, TollPolicy][]
  return own.length === 0 ? 'as the classes say' : own.map(([name, policy]) => `${name} ${policy}`).join(', ')
}
