import { type Id, type Log, TielineError } from '#lib/index.ts'
import {
  closePeriod,
  type Invoice,
  invoicePdf,
  nextPeriod,
  period,
  periodAt,
  type Statement,
  type Waiting,
} from '#platform/billing/index.ts'
import type { Kind } from '#platform/words/index.ts'
import type { AccountBooks, Books } from './books.ts'

/** What a bill run has done. */
export interface BillRun {
  period: string
  /** Of each account the invoices that are there now: the period's, and those of earlier ones that were still open. */
  invoices: Invoice[]
  /** Accounts that could not be billed, and why; their usage waits for the next run. */
  failures: { subscriber: Id<'sub'>; code: string; message: string }[]
  /** Usage that is on none of them, since its plan has no price for its kind; it waits for that. */
  unrated: Unrated[]
}

/** How much of a kind waits for a price. */
export interface Unrated {
  subscriber: Id<'sub'>
  plan: string
  kind: Kind
  leases: number
  billableMs: number
}

/** Where a month begins first it is UTC+14. */
const FIRST_ZONE_MS = 14 * 3_600_000

/**
 * Closes a period of all accounts, or of one: collect usage, rate it, post it, invoice it. Earlier periods that are open
 * are closed first. A period that is not over by `now` in the subscriber's time zone gives a draft. Run again, it gives
 * the same invoices. An account that fails holds no other up. @throws TielineError `invalid-period`
 */
export async function runBills(
  books: Books,
  options: { period: string; subscriber?: Id<'sub'>; now: Date; log: Log },
): Promise<BillRun> {
  period(options.period, 'UTC')
  const newest = periodAt(new Date(options.now.getTime() + FIRST_ZONE_MS), 'UTC').name
  if (options.period > newest) {
    const verdict = { code: 'invalid-period', fault: 'caller', retry: false, http: 422 } as const
    throw new TielineError(`the period ${options.period} has not begun: the newest is ${newest}`, verdict, {
      period: options.period,
    })
  }
  const run: BillRun = { period: options.period, invoices: [], failures: [], unrated: [] }
  for (const subscriber of options.subscriber ? [options.subscriber] : await books.accounts()) {
    try {
      const { invoices, waiting } = await books.withAccount(subscriber, (own) => bill(own, options.period, options.now))
      run.invoices.push(...invoices)
      run.unrated.push(...sums(subscriber, waiting))
    } catch (error) {
      if (!(error instanceof TielineError) || error.verdict.code === 'not-found') throw error
      options.log.warn({ subscriber, code: error.verdict.code, details: error.details }, 'a bill could not be made')
      run.failures.push({ subscriber, code: error.verdict.code, message: error.message })
    }
  }
  return run
}

/** By plan and kind. */
function sums(subscriber: Id<'sub'>, waiting: readonly Waiting[]): Unrated[] {
  const found = new Map<string, Unrated>()
  for (const { usage, plan } of waiting) {
    const { kind, billableMs } = usage
    const sum = found.get(`${plan} ${kind}`) ?? { subscriber, plan, kind, leases: 0, billableMs: 0 }
    found.set(`${plan} ${kind}`, { ...sum, leases: sum.leases + 1, billableMs: sum.billableMs + billableMs })
  }
  return [...found.values()]
}

async function bill(own: AccountBooks, last: string, now: Date): Promise<{ invoices: Invoice[]; waiting: Waiting[] }> {
  const { account } = own
  const closed = await own.lastClosed()
  if (closed !== null && closed >= last) {
    const invoice = await own.invoice(last)
    return { invoices: invoice ? [invoice] : [], waiting: await stillWaiting(own, last) }
  }
  const invoices: Invoice[] = []
  let waiting: Waiting[] = []
  let name = closed === null ? periodAt(account.since, account.timeZone).name : nextPeriod(closed)
  for (; name <= last; name = nextPeriod(name)) {
    const statement = await billPeriod(own, name, now)
    if (!statement) break
    waiting = statement.waiting
    invoices.push(statement.invoice)
    if (statement.invoice.state === 'draft') break
  }
  return { invoices, waiting }
}

/** What a period that is closed has left, as far as its plan has no price for it still. */
async function stillWaiting(own: AccountBooks, name: string): Promise<Waiting[]> {
  const { account } = own
  const within = period(name, account.timeZone)
  const usage = await own.openUsage(within.to)
  if (usage.length === 0) return []
  const closing = {
    account,
    period: within,
    state: 'closed' as const,
    usage,
    plans: await own.plans(),
    meters: await own.meters(),
  }
  return closePeriod(closing).waiting
}

/** `null` where nothing is left to be billed: the account is gone, and all it owed stands on earlier invoices. */
async function billPeriod(own: AccountBooks, name: string, now: Date): Promise<Statement | null> {
  const { account } = own
  const within = period(name, account.timeZone)
  if (now < within.from) return null
  const usage = await own.openUsage(within.to)
  const state = now < within.to ? 'draft' : 'closed'
  const statement = closePeriod({
    ...{ account, period: within, state, usage, plans: await own.plans(), meters: await own.meters() },
    topUps: await own.topUps(within.from, within.to),
  })
  const waits = new Set(statement.waiting.map((one) => one.usage.lease))
  const settled = usage.filter(({ lease }) => !waits.has(lease))
  const { prepaid } = statement.invoice
  if (account.until && account.until < within.from && settled.length + (prepaid?.topUps.length ?? 0) === 0) return null
  if (state === 'draft') await own.draft(statement.invoice)
  else await own.close(statement, await invoicePdf(statement.invoice), settled)
  return statement
}
