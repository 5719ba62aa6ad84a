import type { SipRequest } from './message.ts'
import { splitList } from './text.ts'
import type { Hop } from './types.ts'

/**
 * Where the responses to a request go, and the topmost Via that they carry: with `received` and the filled-in `rport` of
 * RFC 3261 §18.2.1 and RFC 3581 §4. `maddr` is not followed: it would let a sender aim our answers at anybody.
 */
export function responseRoute(request: SipRequest, source: Hop): { hop: Hop; via: string } {
  const { via } = request
  let text = splitList(request.header('via')!)[0]!
  const symmetric = via.params.get('rport') !== undefined
  if (via.host !== source.address || symmetric) {
    // What the sender claims to have received is no fact.
    text = text.replace(/;\s*(?:received|rport)\s*(?:=[^;]*)?(?=;|$)/gi, '')
    text += `;received=${source.address}`
    if (symmetric) text += `;rport=${source.port}`
  }
  const port = symmetric ? source.port : (via.port ?? 5060)
  return { hop: { transport: source.transport, address: source.address, port }, via: text }
}

/** Where a response that has been kept goes: what {@link responseRoute} wrote into its topmost Via. */
export function keptRoute(text: string): Hop {
  const match = /^Via:[^\n]*?$/m.exec(text)?.[0] ?? ''
  const sentBy = /SIP\/2\.0\/\S+\s+(?:\[([^\]]+)\]|([^\s;:,]+))\s*(?::\s*(\d+))?/i.exec(match)
  const first = match.split(',')[0]!
  const received = /;received=\[?([^;\],\s]+)/.exec(first)?.[1]
  const rport = /;rport=(\d+)/.exec(first)?.[1]
  return {
    transport: 'udp',
    address: received ?? sentBy?.[1] ?? sentBy?.[2] ?? '',
    port: Number(rport ?? sentBy?.[3] ?? 5060),
  }
}
