import { BlockList, isIPv6 } from 'node:net'
import { type Exchange, inbound, outbound } from '#journeys/call/index.ts'
import type { Clock, Id } from '#lib/index.ts'
import type { Configuration, Load } from '#platform/switch/index.ts'
import type { Strangers, TrunkCallers, TrunkDirectory } from '#platform/trunk/index.ts'
import type { Realm, SubscriberConfig } from '#platform/words/index.ts'
import {
  ALLOW,
  type HeaderList,
  type Hop,
  type IncomingInvite,
  type IncomingRequest,
  type RequestLoad,
  type RequestRefusal,
  type SipRequest,
  SUPPORTED,
} from '#protocol/sip/index.ts'

/** What a site may ask for beside: RFC 3261 §10, RFC 6665 §4.4.4. */
const SITE_ALLOW: [string, string][] = [
  ['Allow', `${ALLOW}, REGISTER, SUBSCRIBE`],
  ['Allow-Events', 'dialog'],
]

interface ReceptionOptions {
  clock: Clock
  configuration: Configuration
  strangers: Strangers
  load: Load
  callers: TrunkCallers
  directory(): TrunkDirectory
}

/** Who may speak to the switch in which realm, and which journey an INVITE begins. */
export class Reception {
  readonly #options: ReceptionOptions
  readonly #sites = new Map<Id<'sub'>, { of: SubscriberConfig; list: BlockList }>()
  #closed = false
  #draining = false

  constructor(options: ReceptionOptions) {
    this.#options = options
  }

  /** Trunks in the node's namespace, the site's own networks in a subscriber's; a stranger is counted and dropped (F01, F02). */
  accepts(realm: Realm, from: Hop, bytes?: Uint8Array): boolean {
    const { strangers } = this.#options
    const { address } = from
    const known = realm === 'node' ? this.#isOfTrunk(from) : this.#isOfSite(realm, address)
    if (!known) strangers.knocked(address)
    return known && !(bytes && this.#options.load.drops(realm, address, bytes))
  }

  /** Another gateway of the trunk that a dialog is with may speak inside it; in a site, the PBX that it came from alone. */
  belongs(realm: Realm, source: Hop, hop: Hop): boolean {
    if (realm !== 'node') return false
    const directory = this.#options.directory()
    const trunk = directory.sourceOf(hop.address)?.trunk
    return trunk !== undefined && directory.sourceOf(source.address)?.trunk === trunk
  }

  /**
   * What a far end says of where it can be reached leads to hosts that may speak here at all: of a carrier its own gateways, of a
   * site its own networks. It opens no door to what is behind us (PITFALLS F05).
   */
  reaches(realm: Realm, to: Hop, like: Hop): boolean {
    return realm === 'node' ? this.belongs(realm, to, like) : this.#isOfSite(realm, to.address)
  }

  /** Whether anything is ever sent to this address: of a site, to its networks alone (PITFALLS T09). */
  usable(realm: Realm, address: string): boolean {
    return realm === 'node' || this.#isOfSite(realm, address)
  }

  /** Whether a new request is too much at the moment (PITFALLS F06). */
  refuses(realm: Realm, request: SipRequest, { address }: Hop, load: RequestLoad): RequestRefusal | 'silence' | null {
    // Where a name has led before, calls may go on, and no new ones begin.
    if (realm === 'node' && !load.inside && this.#options.directory().sourceOf(address)?.begins === false) return 'silence'
    return this.#options.load.refuses(realm, address, { ...load, emergency: this.#isEmergency(realm, request) })
  }

  onInvite(exchange: Exchange, realm: Realm, invite: IncomingInvite): void {
    if (this.#closed || (this.#draining && !this.#isEmergency(realm, invite.request))) {
      invite.refuse(503, { headers: [['Retry-After', '5']] })
      return
    }
    if (realm === 'node') {
      const trunk = this.#options.directory().bySource(invite.source.address)
      if (trunk && this.#options.callers.admits(trunk, invite)) void inbound(exchange, trunk, invite)
      return
    }
    const subscriber = this.#options.configuration.subscriber(realm)
    if (subscriber) void outbound(exchange, subscriber, invite)
    else invite.refuse(404)
  }

  /** OPTIONS is the sign of life that carriers and PBXs ask for; nothing else makes sense outside a dialog (F02). */
  onRequest(realm: Realm, request: IncomingRequest): void {
    const known = request.request.method === 'OPTIONS'
    const allow: [string, string][] = realm === 'node' ? [['Allow', ALLOW]] : SITE_ALLOW
    const headers: HeaderList = known ? [...allow, ['Accept', 'application/sdp'], ['Supported', SUPPORTED.join(', ')]] : allow
    request.respond(known ? (this.#closed || this.#draining ? 503 : 200) : 405, { headers })
  }

  /** No new calls while it drains, but those to an emergency number (PITFALLS O01). */
  drain(on: boolean): void {
    this.#draining = on
  }

  get draining(): boolean {
    return this.#draining || this.#closed
  }

  /** No new calls from now on. */
  close(): void {
    this.#closed = true
  }

  #isEmergency(realm: Realm, { method, target }: SipRequest): boolean {
    return realm !== 'node' && method === 'INVITE' && this.#options.directory().isEmergency(target.user ?? '')
  }

  /** One that is reached by TLS alone is not heard in the clear. */
  #isOfTrunk({ address, transport }: Hop): boolean {
    const source = this.#options.directory().sourceOf(address)
    return source !== undefined && (source.clear || transport === 'tls')
  }

  #isOfSite(id: Id<'sub'>, address: string): boolean {
    const of = this.#options.configuration.subscriber(id)
    if (!of) return false
    let site = this.#sites.get(id)
    if (site?.of !== of) {
      site = { of, list: networksOf(of) }
      this.#sites.set(id, site)
    }
    return site.list.check(address, familyOf(address))
  }
}

function networksOf({ channel }: SubscriberConfig): BlockList {
  const list = new BlockList()
  const gateway = channel.ipv6 ? [channel.peerAddress, channel.ipv6.peerAddress] : [channel.peerAddress]
  for (const network of [...gateway, ...channel.siteNetworks]) {
    const [address = '', bits] = network.split('/')
    if (bits === undefined) list.addAddress(address, familyOf(address))
    else list.addSubnet(address, Number(bits), familyOf(address))
  }
  return list
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}
