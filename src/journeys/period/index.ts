export type { AccountBooks, Books } from './books.ts'
export { type BillRun, runBills, type Unrated } from './run.ts'
