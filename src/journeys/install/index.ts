export {
  addNumber,
  allocate,
  changeSubscriber,
  OWN_FIELDS,
  removeNumber,
  removeTrunk,
  type SubscriberPatch,
  setCapacity,
  setEmergencyNumbers,
  suspend,
  writeTrunk,
} from './change.ts'
export { type BundleShelf, deploy, rollback, settleCandidates } from './deploy.ts'
export type { InstallDeps } from './deps.ts'
export { completeEnds } from './ends.ts'
export { type Installed, install, siteFileOf } from './install.ts'
export type { InstallOrder } from './order.ts'
export { finishHalfDone, remove } from './remove.ts'
export {
  activateDue,
  addTelephone,
  type Rotated,
  removeTelephone,
  rotateApiKey,
  rotateCertificate,
  rotatePresharedKey,
} from './rotate.ts'
export type { Spending } from './spent.ts'
export { removeTollClass, writeTollClass } from './toll.ts'
export { sealedTls } from './trust.ts'
export { removeUser, writeUser } from './user.ts'
