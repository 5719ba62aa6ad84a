export { Carriers } from './carriers.ts'
export type { CarrierDeps, KeptTargets, LiveGateways } from './deps.ts'
