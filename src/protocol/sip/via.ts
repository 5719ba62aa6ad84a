import type { SipRequest } from './message.ts'
import { splitList } from './text.ts'
import type { Hop, Transport } from './types.ts'

const TRANSPORTS: Record<string, Transport> = { UDP: 'udp', TCP: 'tcp', TLS: 'tls' }

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
  const { transport } = source
  // §18.2.2: by the connection that the request came by; where that is gone, a new one to the port of sent-by (PITFALLS S41).
  const byPort = via.port ?? (transport === 'tls' ? 5061 : 5060)
  const port = transport === 'udp' && symmetric ? source.port : byPort
  const { bound: _, ...hop } = source
  return { hop: { ...hop, port }, via: text }
}

/** Where a response that has been kept goes: what {@link responseRoute} wrote into its topmost Via. */
export function keptRoute(text: string): Hop {
  const match = /^Via:[^\n]*?$/m.exec(text)?.[0] ?? ''
  const sentBy = /SIP\/2\.0\/(\S+)\s+(?:\[([^\]]+)\]|([^\s;:,]+))\s*(?::\s*(\d+))?/i.exec(match)
  const first = match.split(',')[0]!
  const received = /;received=\[?([^;\],\s]+)/.exec(first)?.[1]
  const rport = /;rport=(\d+)/.exec(first)?.[1]
  const transport = TRANSPORTS[sentBy?.[1]?.toUpperCase() ?? ''] ?? 'udp'
  const port = (transport === 'udp' ? rport : undefined) ?? sentBy?.[4] ?? (transport === 'tls' ? 5061 : 5060)
  return { transport, address: received ?? sentBy?.[2] ?? sentBy?.[3] ?? '', port: Number(port) }
}
