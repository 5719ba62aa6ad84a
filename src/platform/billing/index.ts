export { type Account, daysByPlan, planAt } from './account.ts'
export { type Closing, closePeriod, inOrder, PREPAID } from './close.ts'
export { type Entry, type Invoice, type InvoiceLine, invoiceBytes, type Statement, type TopUp, type Waiting } from './invoice.ts'
export { formatMicros, type Micros, type Money, parseMicros } from './money.ts'
export { invoicePdf, mebibyteHours } from './pdf.ts'
export { endOfDay, localDate, nextPeriod, type Period, period, periodAt } from './period.ts'
export {
  type Addition,
  added,
  checkPlan,
  complete,
  holds,
  isPriced,
  missing,
  type Plan,
  type RecurringFee,
  rateFor,
  rateKey,
  type Tax,
} from './plan.ts'
export { billedSeconds, type Meters, priceOf, type Rating, rate, unitsOf } from './rate.ts'
export { standardPlan } from './standard.ts'
