export type { AccountBooks, Books } from './books.ts'
export { type BillRun, runBills } from './run.ts'
