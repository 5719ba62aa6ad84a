export { checkClass, checkRules } from './check.ts'
export { ClassFinder, policyFor } from './classes.ts'
export { type TollConfiguration, TollGate } from './gate.ts'
export { STANDARD_CLASSES } from './standard.ts'
