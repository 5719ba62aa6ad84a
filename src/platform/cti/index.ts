export { type Explanation, explain, refusalText, visible, visibleEvent } from './explain.ts'
export type { EventQuery } from './query.ts'
export { type EventSink, type JournalSource, type ShipOptions, shipJournal, shipOnce, type UsageSink } from './ship.ts'
