import type { Realm, SeenMessage } from '#platform/words/index.ts'
import { type Hop, SipRequest, type SipResponse } from '#protocol/sip/index.ts'

type Local = { address: string; port: number }

/** A message that has come in. Null for one without a Call-ID or From that can be read, which is no call's. */
export function seenIn(
  realm: Realm,
  local: Local,
  message: SipRequest | SipResponse,
  bytes: Uint8Array,
  from: Hop,
): SeenMessage | null {
  const callId = message.header('call-id')
  const tag = TAG.exec(message.header('from') ?? '')?.[1]
  if (callId === undefined) return null
  const is = message instanceof SipRequest ? message.method : message.status
  return { realm, direction: 'in', bytes, is, callId, fromTag: tag ?? '', transport: from.transport, local, peer: from }
}

const TAG = /;[ \t]*tag[ \t]*=[ \t]*([^;>\s]+)/i
const CALL_ID = '\r\nCall-ID: '
const FROM = '\r\nFrom: '

/** A message of our own, which we have written in one way only. */
export function seenOut(realm: Realm, local: Local, bytes: Uint8Array, to: Hop): SeenMessage | null {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const callId = lineAt(text, CALL_ID)
  if (callId === null) return null
  const fromTag = TAG.exec(lineAt(text, FROM) ?? '')?.[1] ?? ''
  const start = text.toString('latin1', 0, 12)
  const is = start.startsWith('SIP/2.0 ') ? Number(start.slice(8, 11)) : start.slice(0, start.indexOf(' '))
  return { realm, direction: 'out', bytes, is, callId, fromTag, transport: to.transport, local, peer: to }
}

function lineAt(text: Buffer, name: string): string | null {
  const at = text.indexOf(name, 0, 'latin1')
  if (at < 0) return null
  const begin = at + name.length
  const end = text.indexOf('\r\n', begin, 'latin1')
  return end < 0 ? null : text.toString('utf8', begin, end)
}
