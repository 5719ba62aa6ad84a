export { FloodPeer, Peer, SipPeer, SpeechPeer, startCrmPeer, startDnsPeer } from './client.ts'
export { now, sleep, until } from './clock.ts'
export type { Customer } from './crm.ts'
export type { CallPhase, CallReport, PlaceOptions, Rule } from './sip/rule.ts'
