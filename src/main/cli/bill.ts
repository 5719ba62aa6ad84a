import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Invoice, Money, Plan } from '#platform/billing/index.ts'
import type { Rate, UsageRecord } from '#platform/words/index.ts'
import type { Page } from './client.ts'
import type { Context } from './context.ts'
import { CliError, usage } from './error.ts'
import type { Column } from './output.ts'
import { collect, part, whole } from './parse.ts'

type Contextual = (command: Command) => Context

interface BillSummary {
  id: string
  number: string
  state: string
  subscriber: string
  name: string
  period: string
  issuedOn: string
  lines: number
  total: Money
}

interface BillRun {
  period: string
  bills: BillSummary[]
  failures: { subscriber: string; code: string; message: string }[]
  unrated: { subscriber: string; plan: string; kind: string; leases: number; billableMs: number }[]
}

interface KeptPlan extends Plan {
  unpriced: string[]
}

const COLUMNS: Column<BillSummary>[] = [
  ['SUBSCRIBER', (b) => b.name],
  ['PERIOD', (b) => b.period],
  ['STATE', (b) => b.state],
  ['LINES', (b) => b.lines],
  ['TOTAL', (b) => `${b.total.amount} ${b.total.currency}`],
  ['NUMBER', (b) => b.number],
  ['ID', (b) => b.id],
]

/** `tieline bill`, `tieline plan` and `tieline usage`. */
export function billCommands(program: Command, context: Contextual): void {
  const noun = program.command('bill').description('bills of subscribers')
  runCommand(noun, context)
  listCommand(noun, context)
  showCommand(noun, context)
  planCommands(program, context)
  usageCommands(program, context)
}

function runCommand(noun: Command, context: Contextual): void {
  noun
    .command('run')
    .description('close a period: rate its usage, post it, make the bills. A period that is not over gives drafts')
    .requiredOption('--period <month>', 'such as 2026-11')
    .option('--subscriber <subscriber>', 'only of this one')
    .action(async (options: { period: string; subscriber?: string }, command: Command) => {
      const { client, out } = context(command)
      const run = await client.post<BillRun>('/v1/bill-runs', {
        period: options.period,
        ...(options.subscriber === undefined ? {} : { subscriber: options.subscriber }),
      })
      if (out.json) out.value(run)
      else {
        out.table(run.bills, COLUMNS, `There is nothing to bill for ${run.period}.`)
        for (const { subscriber, message, code } of run.failures) out.line(`No bill for ${subscriber}: ${message} (${code})`)
        for (const { subscriber, plan, kind, leases, billableMs } of run.unrated)
          out.line(
            `Not billed yet: ${leases} leases of ${kind}, ${Math.ceil(billableMs / 1000)} s, of ${subscriber}: plan ${plan} has no price for it`,
          )
        const plans = [...new Set(run.unrated.map(({ plan }) => plan))]
        for (const plan of plans) out.line(`Give it one with: tieline plan price ${plan} --standard, or from a file`)
      }
      if (run.failures.length > 0) out.fails()
    })
}

function listCommand(noun: Command, context: Contextual): void {
  noun
    .command('list')
    .description('list bills, newest period first')
    .option('--subscriber <subscriber>', 'of one')
    .option('--period <month>', 'of one period')
    .action(async (options: { subscriber?: string; period?: string }, command: Command) => {
      const { client, out } = context(command)
      const bills = await client.all<BillSummary>(`/v1/bills?${queryOf(options)}`)
      out.table(bills, COLUMNS, 'There are no bills yet. Make them with: tieline bill run --period 2026-11')
    })
}

function showCommand(noun: Command, context: Contextual): void {
  noun
    .command('show <bill>')
    .description('show a bill, by its id, or by subscriber and period: acme/2026-11')
    .option('--pdf <file>', 'write it as PDF to this file')
    .action(async (name: string, options: { pdf?: string }, command: Command) => {
      const { client, out } = context(command)
      const id = await billId(context(command), name)
      if (options.pdf !== undefined) {
        const bytes = await client.download(`/v1/bills/${part(id)}/pdf`)
        writeFileSync(options.pdf, bytes)
        return out.done({ bill: id, file: options.pdf, bytes: bytes.length }, `The bill is in ${options.pdf}.`)
      }
      const bill = await client.get<Invoice>(`/v1/bills/${part(id)}`)
      if (out.json) return out.value(bill)
      await print(bill, context(command))
    })
}

async function billId({ client }: Context, name: string): Promise<string> {
  const [, subscriber, period] = /^([^/]+)\/(\d{4}-\d{2})$/.exec(name) ?? []
  if (!subscriber || !period) return name
  const { items } = await client.get<Page<BillSummary>>(`/v1/bills?${queryOf({ subscriber, period })}`)
  const [bill] = items
  if (!bill)
    throw new CliError(`There is no bill of ${subscriber} for ${period}. Make it with: tieline bill run --period ${period}`)
  return bill.id
}

async function print(bill: Invoice, { out }: Context): Promise<void> {
  // Loaded only here: it knows how to make PDFs, too.
  const { mebibyteHours } = await import('#platform/billing/index.ts')
  out.facts(bill, [
    ['Bill', `${bill.number} (${bill.state})`],
    ['Subscriber', `${bill.name} ${bill.subscriber}`],
    ['Period', `${bill.period} ${bill.timeZone}: ${bill.from} to ${bill.to}`],
    ['Date', bill.issuedOn],
  ])
  out.line('')
  out.table(
    bill.lines,
    [
      ['#', (l) => l.line],
      ['WHAT', (l) => l.title],
      ['RATE', (l) => l.rate],
      ['COUNT', (l) => l.count],
      ['UNITS', (l) => (l.type === 'recurring' ? null : l.unit ? mebibyteHours(l.units) : l.units)],
      ['LEASES', (l) => (l.review ? `${l.leases.length} (${l.review.length} to review)` : l.leases.length)],
      [bill.currency, (l) => l.amount],
    ],
    'Nothing is owed.',
  )
  for (const { at, amount, reference } of bill.prepaid?.topUps ?? [])
    out.line(`Paid in on ${at}: ${amount} ${bill.currency}${reference ? ` (${reference})` : ''}`)
  out.line('')
  out.facts(bill, [
    ['Subtotal', bill.subtotal],
    ...(bill.prepaid ? [['Paid from balance', bill.prepaid.used] as [string, string]] : []),
    ...bill.taxes.map((tax): [string, string] => [`${tax.title} ${tax.percent} %`, tax.amount]),
    ['Rounding', bill.rounding],
    ['Total', `${bill.total} ${bill.currency}`],
  ])
}

function planCommands(program: Command, context: Contextual): void {
  const noun = program.command('plan').description('what subscribers pay by')
  noun
    .command('list')
    .description('list plans')
    .action(async (_options, command: Command) => {
      const { client, out } = context(command)
      const plans = await client.all<KeptPlan>('/v1/plans')
      const columns: Column<KeptPlan>[] = [
        ['NAME', (p) => p.name],
        ['TITLE', (p) => p.title],
        ['CURRENCY', (p) => p.currency],
        ['RATES', (p) => p.rates.length],
        ['A MONTH', (p) => p.recurring.map(({ amount }) => amount).join(' + ')],
        ['TAX', (p) => p.taxes.map(({ title, percent }) => `${title} ${percent} %`).join(' ')],
        ['NO PRICE FOR', (p) => p.unpriced.join(' ') || null],
      ]
      out.table(plans, columns, 'There are no plans.')
    })
  noun
    .command('show <plan>')
    .description('show the rates of a plan')
    .action(async (name: string, _options, command: Command) => {
      const { client, out } = context(command)
      const plan = await client.get<KeptPlan>(`/v1/plans/${part(name)}`)
      if (out.json) return out.value(plan)
      const columns: Column<Rate>[] = [
        ['KIND', (r) => r.kind],
        ['PREFIX', (r) => r.prefix || null],
        ['INCREMENTS', (r) => `${r.increments.first}/${r.increments.next}`],
        ['SET-UP', (r) => r.setUpFee],
        ['INCLUDED', (r) => r.included],
        [`${plan.currency} PER UNITS`, (r) => r.tiers.map((t) => `${t.price}/${r.per}`).join(', ')],
        ['TITLE', (r) => r.title],
      ]
      out.table(plan.rates, columns, 'It has no rates.')
      for (const { title, amount } of plan.recurring) out.line(`${title}: ${amount} ${plan.currency} a month`)
      if (plan.prepaid) out.line('It is paid in advance, from a balance.')
      if (plan.free?.length) out.line(`Free: ${plan.free.join(' ')}`)
      if (plan.unpriced.length > 0)
        out.line(
          `It says nothing of ${plan.unpriced.join(' ')}: usage of it waits. Give a price with: tieline plan price ${plan.name}`,
        )
    })
  noun
    .command('price <plan> [file]')
    .description(
      'say what kinds cost of which the plan says nothing yet, from a YAML or JSON file: rates, as of a plan, and free',
    )
    .option('--free <kind>', 'it costs nothing; again for more', collect, [])
    .option('--standard', 'what the standard plan of this release has, for all that are missing')
    .action(async (name: string, file: string | undefined, options: { free: string[]; standard?: true }, command: Command) => {
      const { client, out } = context(command)
      const { rates, free = [] } = (file === undefined ? {} : await read(file)) as { rates?: Rate[]; free?: string[] }
      const plan = await client.post<KeptPlan>(`/v1/plans/${part(name)}/prices`, {
        ...(rates ? { rates } : {}),
        free: [...free, ...options.free],
        ...(options.standard ? { standard: true } : {}),
      })
      const left = plan.unpriced.length > 0 ? ` It still says nothing of ${plan.unpriced.join(' ')}.` : ''
      out.done(plan, `The plan ${name} has ${plan.rates.length} rates.${left}`)
    })
  noun
    .command('add <file>')
    .description('add a plan from a YAML or JSON file. A plan never changes: another price is another plan')
    .action(async (file: string, _options, command: Command) => {
      const { client, out } = context(command)
      const plan = await client.post<Plan>('/v1/plans', await read(file))
      out.done(plan, `The plan ${plan.name} is there.`)
    })
}

async function read(file: string): Promise<unknown> {
  const { parse } = await import('yaml')
  try {
    return parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw usage(`The plan in ${file} cannot be read: ${error instanceof Error ? error.message : error}`)
  }
}

interface UsageOptions {
  from?: string
  to?: string
  kind?: string
  call?: string
  review?: boolean
  limit: number
}

function usageCommands(program: Command, context: Contextual): void {
  const noun = program.command('usage').description('what subscribers have used')
  noun
    .command('list <subscriber>')
    .description('usage of a subscriber, lease by lease')
    .option('--from <time>', 'released from then on')
    .option('--to <time>', 'released before')
    .option('--kind <kind>', 'of one kind')
    .option('--call <call>', 'of one call')
    .option('--review', 'only what was closed at the last proven moment, since nobody ended it')
    .option('--limit <n>', 'at most', whole('--limit'), 100)
    .action(async (subscriber: string, options: UsageOptions, command: Command) => {
      const { client, out } = context(command)
      const { limit, review, ...filter } = options
      const query = queryOf({ ...filter, limit: String(limit), ...(review ? { review: 'true' } : {}) })
      const page = await client.get<Page<UsageRecord>>(`/v1/subscribers/${part(subscriber)}/usage?${query}`)
      if (out.json) return out.value(page)
      const columns: Column<UsageRecord>[] = [
        ['RELEASED', (u) => u.releasedAt],
        ['KIND', (u) => u.kind],
        ['COUNT', (u) => u.count],
        ['SECONDS', (u) => (u.billableMs / 1000).toFixed(3)],
        ['REASON', (u) => (u.review ? `${u.reason} (review)` : u.reason)],
        ['NUMBER', (u) => u.detail.number],
        ['OF', (u) => u.call ?? u.agent],
        ['LEASE', (u) => u.lease],
      ]
      out.table(page.items, columns, 'There is no usage.')
      if (page.next) out.line(`There is more: --limit ${limit * 10}, or --from and --to`)
    })
}

function queryOf(options: Record<string, string | undefined>): string {
  return new URLSearchParams(Object.entries(options).filter((e): e is [string, string] => e[1] !== undefined)).toString()
}
