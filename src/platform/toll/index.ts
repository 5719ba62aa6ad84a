export { checkClass, checkRules } from './check.ts'
export { classFinder, policyFor } from './classes.ts'
export { type TollConfiguration, TollGate } from './gate.ts'
export { STANDARD_CLASSES } from './standard.ts'
