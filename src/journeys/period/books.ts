import type { Id } from '#lib/index.ts'
import type { Account, Invoice, Meters, Plan, Statement, TopUp } from '#platform/billing/index.ts'
import type { UsageRecord } from '#platform/words/index.ts'

/** What the journey needs of whoever keeps the books. */
export interface Books {
  /** Every account, removed ones too, until their last period is closed. */
  accounts(): Promise<Id<'sub'>[]>
  /** Runs `work` with one account locked and all that it writes in one transaction. */
  withAccount<T>(subscriber: Id<'sub'>, work: (books: AccountBooks) => Promise<T>): Promise<T>
}

export interface AccountBooks {
  readonly account: Account
  /** The last closed period: `2026-10`. */
  lastClosed(): Promise<string | null>
  invoice(period: string): Promise<Invoice | null>
  /** Usage on no closed invoice, released before `to`. */
  openUsage(to: Date): Promise<UsageRecord[]>
  /** What was paid in, in advance, from then on and before `to`. */
  topUps(from: Date, to: Date): Promise<TopUp[]>
  plans(): Promise<ReadonlyMap<string, Plan>>
  /** The meters of these periods as they stand. */
  meters(): Promise<Record<string, Meters>>
  /** Writes a draft, in place of an earlier one of its period. */
  draft(invoice: Invoice): Promise<void>
  /** Writes the closed invoice with its PDF and entries, for good, and marks all of `usage` as settled by it. */
  close(statement: Statement, pdf: Uint8Array, usage: readonly UsageRecord[]): Promise<void>
}
