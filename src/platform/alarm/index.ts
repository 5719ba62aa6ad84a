export { AlarmBoard } from './board.ts'
export { expiryOf } from './certificate.ts'
export { ClockWatch } from './clock-watch.ts'
export { judge, type Observation } from './judge.ts'
