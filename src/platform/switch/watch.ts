import type { Realm, SeenMessage } from '#platform/words/index.ts'
import { type Hop, type OutgoingMessage, SipRequest, type SipResponse } from '#protocol/sip/index.ts'

type Local = { address: string; port: number }

/** A message that has come in. Null for one without a Call-ID or From that can be read, which is no call's. */
export function seenIn(
  realm: Realm,
  local: Local,
  message: SipRequest | SipResponse,
  bytes: Uint8Array,
  from: Hop,
): SeenMessage | null {
  try {
    const is = message instanceof SipRequest ? message.method : message.status
    const { callId } = message
    const fromTag = message.fromTag ?? ''
    return { realm, direction: 'in', content: bytes, is, callId, fromTag, transport: from.transport, local, peer: from }
  } catch {
    return null
  }
}

/** A message of our own. */
export function seenOut(realm: Realm, local: Local, message: OutgoingMessage, to: Hop): SeenMessage {
  const { is, callId, fromTag } = message
  return { realm, direction: 'out', content: message.content, is, callId, fromTag, transport: to.transport, local, peer: to }
}
