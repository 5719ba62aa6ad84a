export { TrunkCallers } from './caller.ts'
export { emergencyCaller, ownNumber, type ShownCaller, shownCaller } from './callerid.ts'
export {
  CAUSES,
  causeOf,
  causeOfStatus,
  dialStatus,
  type Reason,
  readReason,
  rejection,
  toldStatus,
  writeReason,
} from './cause.ts'
export { createDirectory, type DirectorySource, type TrunkDirectory } from './directory.ts'
export { type AttemptEnd, orderServers, patience, triesNext } from './gateway.ts'
export { GatewayHealth } from './health.ts'
export { serverHop, serverUri } from './hop.ts'
export { gatewayKey, Locations, type Source } from './location.ts'
export { dialable, dialledForm, digitsOf, e164, isNumber } from './number.ts'
export { CallPace } from './pace.ts'
export { type RedirectPlace, redirectedTo, retryAfterMs } from './redirect.ts'
export { backOff, nextRefresh } from './registration.ts'
export { rewrite } from './rewrite.ts'
export { type GatewayServer, nameOf, serverKey } from './server.ts'
export { Strangers } from './strangers.ts'
