export { Carriers } from './carriers.ts'
export type { CarrierDeps, LiveGateways } from './deps.ts'
