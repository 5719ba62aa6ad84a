export { type Clock, sleep, systemClock, type Timer, TurnedClock } from './clock.ts'
export { assertNever, type Fault, TielineError, type Verdict } from './error.ts'
export { type Id, type IdPrefix, idOf, isId, newId, token, uuidOf } from './id.ts'
export { type Log, processLog, silentLog } from './log.ts'
