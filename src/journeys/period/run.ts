import { type Id, type Log, TielineError } from '#lib/index.ts'
import { closePeriod, type Invoice, invoicePdf, nextPeriod, period, periodAt } from '#platform/billing/index.ts'
import type { AccountBooks, Books } from './books.ts'

/** What a bill run has done. */
export interface BillRun {
  period: string
  /** Of each account the invoices that are there now: the period's, and those of earlier ones that were still open. */
  invoices: Invoice[]
  /** Accounts that could not be billed, and why; their usage waits for the next run. */
  failures: { subscriber: Id<'sub'>; code: string; message: string }[]
}

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
  const run: BillRun = { period: options.period, invoices: [], failures: [] }
  for (const subscriber of options.subscriber ? [options.subscriber] : await books.accounts()) {
    try {
      run.invoices.push(...(await books.withAccount(subscriber, (own) => bill(own, options.period, options.now))))
    } catch (error) {
      if (!(error instanceof TielineError) || error.verdict.code === 'not-found') throw error
      options.log.warn({ subscriber, code: error.verdict.code, details: error.details }, 'a bill could not be made')
      run.failures.push({ subscriber, code: error.verdict.code, message: error.message })
    }
  }
  return run
}

async function bill(own: AccountBooks, last: string, now: Date): Promise<Invoice[]> {
  const { account } = own
  const closed = await own.lastClosed()
  if (closed !== null && closed >= last) {
    const invoice = await own.invoice(last)
    return invoice ? [invoice] : []
  }
  const invoices: Invoice[] = []
  let name = closed === null ? periodAt(account.since, account.timeZone).name : nextPeriod(closed)
  for (; name <= last; name = nextPeriod(name)) {
    const invoice = await billPeriod(own, name, now)
    if (!invoice) break
    invoices.push(invoice)
    if (invoice.state === 'draft') break
  }
  return invoices
}

/** `null` where nothing is left to be billed: the account is gone, and all it owed stands on earlier invoices. */
async function billPeriod(own: AccountBooks, name: string, now: Date): Promise<Invoice | null> {
  const { account } = own
  const within = period(name, account.timeZone)
  if (now < within.from) return null
  const usage = await own.openUsage(within.to)
  if (account.until && account.until < within.from && usage.length === 0) return null
  const state = now < within.to ? 'draft' : 'closed'
  const statement = closePeriod({ account, period: within, state, usage, plans: await own.plans(), meters: await own.meters() })
  if (state === 'draft') await own.draft(statement.invoice)
  else await own.close(statement, await invoicePdf(statement.invoice), usage)
  return statement.invoice
}
