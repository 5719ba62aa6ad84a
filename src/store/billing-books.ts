import { sql } from 'kysely'
import type { Spending } from '#journeys/install/index.ts'
import type { AccountBooks, Books } from '#journeys/period/index.ts'
import { type Clock, type Id, idOf, uuidOf } from '#lib/index.ts'
import { type Account, type Invoice, type Meters, periodAt } from '#platform/billing/index.ts'
import { readAccount } from './billing-account.ts'
import { topUps } from './billing-balance.ts'
import { writeClosed, writeDraft } from './billing-invoice.ts'
import { listPlans } from './billing-plan.ts'
import { billing } from './billing-tables.ts'
import { openUsage, usageFrom, usagePosition } from './billing-usage.ts'
import type { Store, Tx } from './store.ts'

/** More than anybody pays in in a month. */
const MOST_TOP_UPS = 100_000

/** The books in PostgreSQL, for the journey that closes periods. */
export function booksIn(store: Store): Books {
  return {
    accounts: () =>
      store.transaction('platform', async (tx) => {
        const rows = await billing(tx)
          .selectFrom('account')
          .select('subscriber_id')
          .orderBy('name')
          .orderBy('subscriber_id')
          .execute()
        return rows.map((row) => idOf('sub', row.subscriber_id))
      }),
    withAccount: (subscriber, work) =>
      store.transaction('platform', async (tx) => work(accountBooks(tx, await lockAccount(tx, subscriber)))),
  }
}

/** What a subscriber's calls out of this month are rated by and from, at one moment. */
export function spendingIn(store: Store, { node, clock }: { node: string; clock: Clock }) {
  return (subscriber: Id<'sub'>): Promise<Spending> =>
    store.transaction('platform', async (tx) => {
      await sql`set transaction isolation level repeatable read`.execute(tx)
      const account = await readAccount(tx, subscriber)
      const now = new Date(clock.wall())
      return {
        ...{ now, account, position: await usagePosition(tx, node) },
        usage: await usageFrom(tx, subscriber, 'trunk.out', periodAt(now, account.timeZone).from),
        plans: await plansByName(tx),
      }
    })
}

/** Two runs at once would close a period twice: the second waits, and finds it closed. */
async function lockAccount(tx: Tx, subscriber: Id<'sub'>): Promise<Account> {
  await billing(tx).selectFrom('account').select('name').where('subscriber_id', '=', uuidOf(subscriber)).forUpdate().execute()
  return readAccount(tx, subscriber)
}

const plansByName = async (tx: Tx) => new Map((await listPlans(tx)).map((plan) => [plan.name, plan]))

function accountBooks(tx: Tx, account: Account): AccountBooks {
  const { subscriber } = account
  const invoices = () => billing(tx).selectFrom('invoice').where('subscriber_id', '=', uuidOf(subscriber))
  return {
    account,
    async lastClosed() {
      const row = await invoices()
        .select('period')
        .where('state', '=', 'closed')
        .orderBy('period', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row?.period ?? null
    },
    async invoice(period) {
      const row = await invoices().select('document').where('period', '=', period).executeTakeFirst()
      return row ? (JSON.parse(row.document) as Invoice) : null
    },
    openUsage: (to) => openUsage(tx, subscriber, to),
    plans: () => plansByName(tx),
    topUps: async (from, to) => (await topUps(tx, subscriber, { from, to, limit: MOST_TOP_UPS })).items,
    async meters() {
      const rows = await invoices().select('meters').where('state', '=', 'closed').orderBy('period').execute()
      return rows.reduce<Record<string, Meters>>((all, { meters }) => Object.assign(all, meters), {})
    },
    draft: (invoice) => writeDraft(tx, invoice),
    close: (statement, pdf, usage) =>
      writeClosed(
        tx,
        statement,
        pdf,
        usage.map(({ lease }) => lease),
      ),
  }
}
