export { usageOf } from './fold.ts'
export type { UsageQuery, UsageSink } from './sink.ts'
