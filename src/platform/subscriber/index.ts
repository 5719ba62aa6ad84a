export { type CertificatePurpose, type Credential, createAuthority, issueCertificate, SWITCH_NAME } from './authority.ts'
export { applyChange, planOf, subscriberConfig } from './config.ts'
export type { AgentVersionStore, PlatformStore, Scope, SecretStore, SubscriberStore } from './ports.ts'
export { type ChangedParts, type PublicationSource, Publisher, type Receiver } from './publish.ts'
export type {
  AgentVersionRecord,
  DefaultRoute,
  KeyRecord,
  NewAgentVersion,
  NewSubscriber,
  Page,
  PageQuery,
  Principal,
  SubscriberRecord,
  SubscriberState,
} from './record.ts'
export { checkRoute } from './route.ts'
export {
  checkAddress,
  checkAllocation,
  checkHost,
  checkName,
  checkNetwork,
  checkNumber,
  checkPort,
  checkTimeZone,
  checkTunnelKey,
  checkUser,
  invalid,
} from './rule.ts'
export { createSealer, type Sealer, subscriberSealer } from './sealing.ts'
export { hashApiKey, type KeyRole, newApiKey, newPassword } from './secret.ts'
export { issueSiteTls, type SealedSiteTls, type SiteCredentials, sealSiteTls } from './site-tls.ts'
export { checkUserConfig, type UserSurroundings } from './user.ts'
