export { type Explanation, explain, refusalText, visible, visibleEvent } from './explain.ts'
export type { EventPage, EventQuery, EventReader } from './query.ts'
export { type EventSink, type JournalSource, type LeaseSink, type ShipOptions, shipJournal, shipOnce } from './ship.ts'
