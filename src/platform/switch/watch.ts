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
    const description = descriptionIn(message, bytes)
    return { realm, direction: 'in', bytes, description, is, callId, fromTag, transport: from.transport, local, peer: from }
  } catch {
    return null
  }
}

function descriptionIn(message: SipRequest | SipResponse, bytes: Uint8Array): number | null {
  const { body, head } = message
  // What stands behind the end of a body has been read by nobody. A head has its empty line behind it.
  const end = body.length === 0 ? bytes.byteOffset + head.length + 4 : body.byteOffset + body.length
  const whole = end === bytes.byteOffset + bytes.length
  if (!whole || message.hasCredentials) return null
  return body.length === 0 || message.contentType === 'application/sdp' ? body.length : null
}

/** A message of our own, and its octets. */
export function seenOut(realm: Realm, local: Local, message: OutgoingMessage, bytes: Uint8Array, to: Hop): SeenMessage {
  const { is, callId, fromTag, description } = message
  return { realm, direction: 'out', bytes, description, is, callId, fromTag, transport: to.transport, local, peer: to }
}
