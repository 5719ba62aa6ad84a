import type { Command } from 'commander'
import {
  TOLL_RULES,
  type TollClass,
  type TollLimits,
  type TollRule,
  type TollRules,
  type TollUse,
} from '#platform/words/index.ts'
import type { Context } from './context.ts'
import { usage } from './error.ts'
import { collect, part, whole } from './parse.ts'

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
          ['POLICY', (c) => [c.policy, limitsText(c.limits)].filter(Boolean).join(': ')],
          ['PREFIXES', (c) => prefixesText(c.prefixes)],
          ['TITLE', (c) => c.title],
        ],
        'There are no classes: all numbers may be called.',
      )
    })
  limitOptions(noun.command('set <class>'))
    .description('add a class, or change one')
    .option('--prefix <prefix>', 'how its numbers begin, such as +32900; again for more, in the place of what was', collect, [])
    .option('--add <prefix>', 'a prefix beside those that are there; again for more', collect, [])
    .option('--drop <prefix>', 'a prefix that is there; again for more', collect, [])
    .option('--title <text>', 'what people call it')
    .option('--policy <policy>', 'for subscribers of whom nothing else is said: allowed, limited or denied')
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

interface SetOptions extends LimitOptions {
  prefix: string[]
  add: string[]
  drop: string[]
  title?: string
  policy?: string
}

function changedClass(known: TollClass | undefined, name: string, options: SetOptions) {
  const { prefix, add, drop, title, policy } = options
  const before = prefix.length > 0 ? prefix : (known?.prefixes ?? [])
  const prefixes = [...before.filter((one) => !drop.includes(one)), ...add]
  if (prefixes.length === 0) throw usage('Say how its numbers begin: --prefix +32900')
  const limits = limited(known?.limits, options)
  const said = { title: title ?? known?.title ?? name, prefixes, policy: policy ?? known?.policy ?? 'denied' }
  return { ...said, ...(Object.keys(limits).length > 0 ? { limits } : {}) }
}

function prefixesText(prefixes: readonly string[]): string {
  const shown = prefixes.slice(0, 8).map((prefix) => prefix || '(all)')
  return `${shown.join(' ')}${prefixes.length > 8 ? ` and ${prefixes.length - 8} more` : ''}`
}

/** What one subscriber may call, and how much: a verb of the noun `subscriber`. */
export function capCommand(noun: Command, context: Contextual): void {
  limitOptions(noun.command('cap <subscriber>'))
    .description('what its calls out may be, and how many; without options it is shown')
    .option('--class <class=policy>', 'allowed, limited or denied, or off for what the class says; again for more', collect, [])
    .option('--of <class>', 'the limits are of its calls to this class alone')
    .action(async (name: string, options: CapOptions, command: Command) => {
      const { client, out } = context(command)
      const path = `/v1/subscribers/${part(name)}`
      const { toll: known } = await client.get<{ toll: TollRules }>(path)
      const { class: classes, of, ...limits } = options
      const asked = classes.length === 0 && !LIMITS.some((rule) => limits[rule] !== undefined)
      if (of && asked) throw usage('--of goes with a limit, such as --calls-per-hour 10.')
      const { toll } = asked ? { toll: known } : await client.patch<{ toll: TollRules }>(path, { toll: capped(known, options) })
      const { items: uses } = await client.get<{ items: TollUse[] }>(`${path}/toll`)
      out.done({ ...toll, uses }, `Calls out of ${name}: ${rulesText(toll)}.${usesText(uses)}`)
    })
}

/** As the words of {@link TollLimits} become options. */
const LIMITS = Object.keys(TOLL_RULES) as TollRule[]
type LimitOptions = Partial<Record<TollRule, string>>

interface CapOptions extends LimitOptions {
  class: string[]
  of?: string
}

function limitOptions(command: Command): Command {
  return command
    .option('--calls-per-minute <n>', 'calls that begin in every minute; off for no limit')
    .option('--calls-per-hour <n>', 'calls that begin in every hour')
    .option('--minutes-per-day <n>', 'minutes of answered calls in a day')
    .option('--spend-per-day <amount>', 'what they cost in a day by the plan, in its currency, without tax')
    .option('--spend-per-month <amount>', 'what they cost in a month')
}

function limited(known: TollLimits | undefined, options: LimitOptions): TollLimits {
  const said = LIMITS.flatMap((rule): [TollRule, number | string][] => {
    const text = options[rule] ?? known?.[rule]
    if (text === undefined || text === 'off') return []
    const money = rule === 'spendPerDay' || rule === 'spendPerMonth'
    return [[rule, typeof text === 'number' || money ? text : whole('A limit')(text)]]
  })
  return Object.fromEntries(said)
}

function capped(known: TollRules, options: CapOptions): Record<string, unknown> {
  const classes: Record<string, string> = { ...known.classes }
  for (const text of options.class) {
    const [, name, policy] = /^([a-z][a-z0-9-]*)=([a-z]+)$/.exec(text) ?? []
    if (!name || !policy) throw usage(`A class is written name=policy, such as premium=allowed, not ${text}.`)
    if (policy === 'off') delete classes[name]
    else classes[name] = policy
  }
  const { of } = options
  const classLimits = of ? { ...known.classLimits, [of]: limited(known.classLimits?.[of], options) } : known.classLimits
  const limits = of ? known.limits : limited(known.limits, options)
  const some = Object.entries(classLimits ?? {}).filter(([, limits]) => Object.keys(limits).length > 0)
  return {
    ...(Object.keys(classes).length > 0 ? { classes } : {}),
    ...(limits && Object.keys(limits).length > 0 ? { limits } : {}),
    ...(some.length > 0 ? { classLimits: Object.fromEntries(some) } : {}),
  }
}

function limitsText(limits: TollLimits | undefined): string {
  return LIMITS.flatMap((rule) => (limits?.[rule] === undefined ? [] : [`${limits[rule]} ${TOLL_RULES[rule]}`])).join(', ')
}

function rulesText({ classes, limits, classLimits }: TollRules): string {
  const own = [
    ...Object.entries(classes ?? {}).map(([name, policy]) => `${name} ${policy}`),
    ...(limits ? [`all ${limitsText(limits)}`] : []),
    ...Object.entries(classLimits ?? {}).map(([name, of]) => `${name} ${limitsText(of)}`),
  ]
  return own.length === 0 ? 'as the classes say' : own.join('; ')
}

function usesText(uses: readonly TollUse[]): string {
  return uses
    .map(({ class: name, rule, limit, used }) => `\n  ${name ?? 'all'}: ${used} of ${limit} ${TOLL_RULES[rule]}`)
    .join('')
}
