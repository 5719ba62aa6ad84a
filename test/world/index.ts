export { execute, must, Namespace, type Outcome } from './namespace.ts'
export { OFFICE, Office, type OfficePlan } from './office.ts'
export { leftOf, sweepOrphans } from './sweep.ts'
export { PUBLIC, World, type WorldPlan } from './world.ts'
