export { HepExport } from './export.ts'
export { TraceStore } from './store.ts'
export { type DialogOwner, Tap, type TraceSink } from './tap.ts'
export { visibleToSubscriber } from './visible.ts'
