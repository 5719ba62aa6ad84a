export type { Journal, JournalOptions, JournalStatus, Replay } from './journal.ts'
export { openJournal } from './open.ts'
