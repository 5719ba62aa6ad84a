import type { Journal, JournalOptions } from './journal.ts'

/** Opens the journal, cutting a torn last write off, and writes `boot`. @throws where the directory cannot be used. */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  throw new Error(`the journal of ${options.node} cannot be opened yet`)
}
