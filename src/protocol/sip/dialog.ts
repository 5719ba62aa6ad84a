import { isIP, SocketAddress } from 'node:net'
import { parseNameAddr, withoutTag } from './address.ts'
import type { RequestParts } from './build.ts'
import type { SipRequest, SipResponse } from './message.ts'
import { HEADER } from './names.ts'
import { cutFree } from './text.ts'
import type { Hop, HopName, SessionSnapshot, Transport } from './types.ts'
import { parseUri } from './uri.ts'

/** The state of a dialog (RFC 3261 §12): what a snapshot keeps of it. Requests inside it change it in place. */
export type Dialog = Omit<SessionSnapshot, 'pending'>

/** §12.1.1: the dialog that our 2xx to an INVITE makes. */
export function dialogOfServer(invite: SipRequest, source: Hop, localTag: string, contact: string): Dialog {
  return {
    callId: invite.callId,
    localTag,
    remoteTag: invite.fromTag ?? '',
    local: withoutTag(invite.header(HEADER.to)!),
    remote: withoutTag(invite.header(HEADER.from)!),
    updates: allowsUpdate(invite),
    localSequence: 0,
    remoteSequence: invite.cseq.sequence,
    routeSet: routesOf(invite),
    remoteTarget: contactOf(invite) ?? invite.from.address,
    contact,
    hop: source,
    interval: null,
  }
}

/** §12.1.2: the dialog that a response to our INVITE, which went to `hop`, begins or belongs to. */
export function dialogOfClient(
  sent: { uri: string; from: string; to: string; callId: string; sequence: number },
  localTag: string,
  contact: string,
  response: SipResponse,
  hop: Hop,
): Dialog {
  return {
    callId: sent.callId,
    localTag,
    remoteTag: cutFree(response.toTag ?? ''),
    local: withoutTag(sent.from),
    remote: withoutTag(sent.to),
    ownsCallId: true,
    updates: allowsUpdate(response),
    localSequence: sent.sequence,
    remoteSequence: null,
    routeSet: routesOf(response).reverse(),
    // For as long as the call is up, nothing else of the response is needed.
    remoteTarget: cutFree(contactOf(response) ?? sent.uri),
    contact,
    // A large INVITE may have gone by TCP; what follows is small again (PITFALLS S38).
    hop: hop.large ? { ...hop, transport: 'udp' } : hop,
    interval: null,
  }
}

/** A hop as it is now: that of a connection may become bound to it. */
export function hopNow(hop: Hop): Hop {
  return hop.transport === 'udp' ? hop : { ...hop }
}

/** The URI of the first Contact; undefined when there is none that can be used. */
export function contactOf(message: SipRequest | SipResponse): string | undefined {
  try {
    return message.contactUri
  } catch {
    return undefined
  }
}

/** Whether the far end says that it takes UPDATE (RFC 3311 §5.1). */
function allowsUpdate(message: SipRequest | SipResponse): boolean {
  try {
    if (!message.has(HEADER.allow)) return false
    return message.lists(HEADER.allow, 'UPDATE') || message.list(HEADER.allow).some((method) => method.toUpperCase() === 'UPDATE')
  } catch {
    return false
  }
}

/** Record-Route, in the order of the message; none where it cannot be read: whoever has answered is spoken with all the same. */
function routesOf(message: SipRequest | SipResponse): string[] {
  try {
    return message.recordRoutes
  } catch {
    return []
  }
}

/** §12.2.1.1: what every request inside the dialog is made of. `via` and `sequence` are the caller's. */
export function requestInside(dialog: Dialog, method: string, sequence: number, via: string): RequestParts {
  const first = dialog.routeSet[0]
  const strict = first !== undefined && !isLoose(first)
  return {
    method,
    // A strict router (RFC 2543) wants its own URI in the request line, and the target at the end of the route.
    uri: strict ? addressOf(first) : dialog.remoteTarget,
    routes: strict ? [...dialog.routeSet.slice(1), `<${dialog.remoteTarget}>`] : dialog.routeSet,
    via,
    from: `${dialog.local};tag=${dialog.localTag}`,
    to: dialog.remoteTag ? `${dialog.remote};tag=${dialog.remoteTag}` : dialog.remote,
    callId: dialog.callId,
    sequence,
    contact: undefined,
    headers: undefined,
    body: undefined,
    fromTag: dialog.localTag,
  }
}

function addressOf(route: string): string {
  try {
    return parseNameAddr(route).address
  } catch {
    return route
  }
}

function isLoose(route: string): boolean {
  try {
    return parseNameAddr(route).uri.params.has('lr')
  } catch {
    return true
  }
}

/**
 * §12.2.1.1, §8.1.2: where requests inside the dialog are said to go: the first route, else the remote target (PITFALLS S25), an
 * address or a name. Null where that is nowhere else than where the dialog came about, or can't be had from the socket.
 */
export function nextPlace(dialog: Dialog): Hop | HopName | null {
  const route = dialog.routeSet[0]
  const found = placeOf(route === undefined ? dialog.remoteTarget : addressOf(route), dialog.hop)
  return found && !(dialog.hop.bound && !listens(found, dialog.hop)) ? found : null
}

/** Whether whoever opened this flow says that it can be reached elsewhere too: at its own address, by another port. */
function listens(found: Hop | HopName, { address, port }: Hop): boolean {
  return 'address' in found && found.address === address && found.port !== port
}

function placeOf(uri: string, like: Hop): Hop | HopName | null {
  try {
    const { host: named, port: saidPort, scheme, params } = parseUri(uri)
    if (scheme === 'tel') return null
    const said = params.get('transport')
    const transport = transportOf(scheme, said, like)
    const port = saidPort ?? (transport === 'tls' ? 5061 : 5060)
    if (named === like.address && port === like.port && transport === like.transport) return null
    const family = isIP(named)
    // As the kernel writes it, by which it is known where messages come from (RFC 5952).
    const host = family === 6 ? new SocketAddress({ address: named, family: 'ipv6' }).address : named
    if (family === 0) return nameOf(host, saidPort, transport, said)
    if (family !== isIP(like.address)) return null
    const { bound: _bound, flow, ...rest } = like
    const hop: Hop = { ...rest, transport, address: host, port }
    // Back on the connection that the dialog came by, which may be the only way to whoever opened it.
    if (flow !== undefined && host === like.address && transport === like.transport) hop.flow = flow
    return hop
  } catch {
    return null
  }
}

/** RFC 3263 §4.1: with a port, or with a transport, there is less to be found out. */
function nameOf(host: string, port: number | undefined, transport: Transport, said: string | undefined): HopName {
  const open = port === undefined && said === undefined && transport !== 'tls'
  return { name: host.toLowerCase(), ...(port === undefined ? {} : { port }), ...(open ? {} : { transport }) }
}

/** §19.1.1, RFC 3263 §4.1; but what came about by TLS never leaves it, and where nothing is said it stays as it was. */
function transportOf(scheme: string, said: string | undefined, like: Hop): Transport {
  const named = said?.toLowerCase()
  if (like.transport === 'tls' || scheme === 'sips' || named === 'tls') return 'tls'
  return named === 'tcp' || named === 'udp' ? named : like.transport
}
