export { formatNameAddr, NameAddr, parseNameAddr, parseVia, type Via } from './address.ts'
export { buildRequest, buildResponse, type MessageBody, type RequestParts, type ResponseParts } from './build.ts'
export { ALLOW, SUPPORTED } from './capabilities.ts'
export type { Credentials, DigestAlgorithm } from './digest.ts'
export { DigestGuard, type Verdict } from './digest-guard.ts'
export { SipFailure, type SipFailureReason, SipTextRefused } from './failure.ts'
export { glareDelayMs } from './glare.ts'
export { type CSeq, SipRequest, SipResponse } from './message.ts'
export { bodyOfType } from './multipart.ts'
export { HEADER } from './names.ts'
export type { OutgoingMessage } from './outgoing-message.ts'
export { Params } from './params.ts'
export { parseHead, parseMessage } from './parse.ts'
export { SipParseError } from './parse-error.ts'
export { reasonPhrase } from './reason.ts'
export { parseReplaces, type Replaces, replacesOf } from './replaces.ts'
export { type Framed, StreamFramer } from './stream-framer.ts'
export type {
  HeaderList,
  Hop,
  HopName,
  IncomingInvite,
  IncomingReinvite,
  IncomingRequest,
  IncomingSnapshot,
  IncomingSubscribe,
  InviteOptions,
  LocalPlace,
  OutgoingInvite,
  OutgoingSnapshot,
  RequestLoad,
  RequestOptions,
  RequestRefusal,
  ResponseOptions,
  Session,
  SessionEnd,
  SessionSnapshot,
  SessionUser,
  SipTransport,
  Subscription,
  Transport,
  UserAgent,
  UserAgentOptions,
} from './types.ts'
export { formatUri, parseUri, type SipUri, type UriParts } from './uri.ts'
export { createUserAgent } from './user-agent.ts'
