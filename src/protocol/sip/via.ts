import type { SipRequest } from './message.ts'
import type { Hop, Transport } from './types.ts'

const TRANSPORTS: Record<string, Transport> = { UDP: 'udp', TCP: 'tcp', TLS: 'tls' }

/**
 * Where the responses to a request go, and the topmost Via that they carry: with `received` and the filled-in `rport` of
 * RFC 3261 §18.2.1 and RFC 3581 §4. `maddr` is not followed: it would let a sender aim our answers at anybody.
 */
export function responseRoute(request: SipRequest, source: Hop): { hop: Hop; via: string } {
  const { via } = request
  let { text } = via
  const symmetric = via.rport
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
  return { hop: answerHop(source, port), via: text }
}

/** Where a request over a connection came from may become bound to it later; its answers do not (RFC 5626). */
function answerHop(source: Hop, port: number): Hop {
  if (source.flow === undefined && source.bound === undefined && source.port === port) return source
  const { bound: _, ...hop } = source
  return { ...hop, port }
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
