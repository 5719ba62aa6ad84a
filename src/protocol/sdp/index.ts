export type { CryptoAgreement, CryptoPolicy, CryptoSuite } from './crypto.ts'
export {
  attributeOf,
  formatSdp,
  parseSdp,
  type SdpAttribute,
  type SdpMedia,
  SdpParseError,
  type SdpSession,
} from './description.ts'
export {
  type Agreement,
  AUDIO_CODECS,
  type AudioCodecName,
  type Codec,
  type Direction,
  G711,
  type MediaPolicy,
  type StreamFormat,
  type Transport,
} from './media.ts'
export {
  codecsOf,
  connectionOf,
  createAnswer,
  createOffer,
  type LocalMedia,
  type Negotiation,
  negotiate,
  readAnswer,
} from './negotiate.ts'
