export { Configuration } from './configuration.ts'
export { MessageCount } from './count.ts'
export type { Datagrams } from './datagram-socket.ts'
export { KeptFile } from './kept-file.ts'
export { type DialogSnapshot, type Farewell, Leg, type LegFacts, type LegOwner } from './leg.ts'
export { Load } from './load.ts'
export {
  ALL_CODECS,
  acceptsOffer,
  type CodecChoice,
  LegMedia,
  type LegPolicy,
  type MediaSnapshot,
  NotAcceptable,
} from './media.ts'
export { Outbox } from './outbox.ts'
export { type ProbeResult, probeSite } from './probe.ts'
export { placesIn, type RealmPlaces, Realms, type RealmsOptions, type SwitchRealm } from './realm.ts'
export { NameNotResolved, SipNames } from './sip-names.ts'
export { SiteDns } from './site-dns.ts'
export { SiteSecurity, TrunkSecurity } from './tls.ts'
export { VoicePool } from './voice.ts'
export { type EndpointSnapshot, VoiceEndpoint, VoiceUnavailable } from './voice-endpoint.ts'
