import { randomBytes } from 'node:crypto'
import { type RawEnd, rawRequest } from './raw.ts'

/** What is to be sent, from an address of the sender's own, for how long. */
export interface Flood {
  from: string
  to: { address: string; port: number }
  perSecond: number
  ms: number
  /** Octets that are nothing, or SIP to a user. */
  what: { bytes: number } | { user: string }
}

const METHODS = ['INVITE', 'REGISTER', 'OPTIONS', 'INVITE', 'SUBSCRIBE', 'BYE', 'MESSAGE', 'INVITE'] as const

/** What a scanner or a carrier gone mad sends: each message a new one, some of them unreadable. */
export function floodMessage(from: RawEnd, to: { address: string; port: number }, user: string): (n: number) => string {
  return (n) => {
    if (n % 16 === 15) return `INVITE sip:${'x'.repeat(200)} nonsense\r\nVia: what\r\n\r\n`
    const method = METHODS[n % METHODS.length]!
    const dialog = { callId: `forged-${n}`, from: `<sip:a@b>;tag=${n}`, to: `<sip:c@d>;tag=${n}` }
    return rawRequest(method, {
      from: from.at,
      to,
      user: n % 3 === 0 ? `${1000 + (n % 9000)}` : user,
      n,
      ...(method === 'BYE' ? { dialog } : {}),
    })
  }
}

/** Octets that are nothing, for whoever takes them. */
export function junk(bytes: number): () => Uint8Array {
  const some = Array.from({ length: 16 }, () => randomBytes(bytes))
  let n = 0
  return () => some[n++ % some.length]!
}
