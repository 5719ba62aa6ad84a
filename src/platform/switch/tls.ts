import { isIP, type Socket } from 'node:net'
import { checkServerIdentity, connect, createServer, type PeerCertificate, type Server, type TlsOptions } from 'node:tls'
import type { Log } from '#lib/index.ts'
import type { Sealed, SipTls, SubscriberConfig, TrunkConfig } from '#platform/words/index.ts'
import type { Hop } from '#protocol/sip/index.ts'

/** RFC 8996: nothing older is spoken. */
const MIN_VERSION = 'TLSv1.2'

const HANDSHAKE_MS = 5000

/**
 * The TLS of trunks: whom each one trusts and what is shown to it. A trunk with a CA of its own is held to it in both
 * directions; its connections come in only with a certificate of that CA.
 */
export class TrunkSecurity {
  readonly #log: Log
  #own: SipTls | undefined
  readonly #unseal: (sealed: Sealed) => string
  readonly #trunk: (profile: string) => TrunkConfig | undefined
  #servers = new WeakMap<TrunkConfig, Server>()

  constructor(options: {
    log: Log
    /** The node's own; without it nothing comes in by TLS. */
    own: SipTls | undefined
    unseal(sealed: Sealed): string
    trunk(profile: string): TrunkConfig | undefined
  }) {
    this.#log = options.log
    this.#own = options.own
    this.#unseal = options.unseal
    this.#trunk = options.trunk
  }

  /** The node has another certificate: connections that come in from now on see it. */
  certify(own: SipTls): void {
    this.#own = own
    this.#servers = new WeakMap()
  }

  /**
   * TLS as a client around a socket on its way to a gateway. Its certificate must be for the gateway's name, whatever SRV and
   * addresses that has led to (RFC 5922 §4); for its address where it has none.
   */
  secure(socket: Socket, to: Hop): Socket {
    const tls = (to.profile === undefined ? undefined : this.#trunk(to.profile))?.tls
    return secureClient(socket, tls?.serverName ?? to.name ?? to.address, tls, this.#unseal)
  }

  /** What judges a connection from a gateway; null where TLS is not offered. */
  server(from: Hop): Server | null {
    const trunk = from.profile === undefined ? undefined : this.#trunk(from.profile)
    if (!trunk || !this.#own) return null
    const known = this.#servers.get(trunk)
    if (known) return known
    const { certificate, key } = this.#own
    const options: TlsOptions = { cert: certificate, key, minVersion: MIN_VERSION, handshakeTimeout: HANDSHAKE_MS }
    if (trunk.tls?.ca) Object.assign(options, { ca: trunk.tls.ca, requestCert: true, rejectUnauthorized: true })
    const server = secureServer(options, (fault) =>
      this.#log.warn({ trunk: trunk.id, fault }, 'a TLS handshake with a trunk failed'),
    )
    this.#servers.set(trunk, server)
    return server
  }
}

/**
 * The TLS of sites: to its telephones the switch shows a certificate of the subscriber's own CA, and who they are is for
 * digest to say; its PBX, and whoever else is called there by TLS, has to prove its name. Subscribers share nothing of it (PITFALLS S43).
 */
export class SiteSecurity {
  readonly #log: Log
  readonly #unseal: (sealed: Sealed) => string
  readonly #servers = new WeakMap<SubscriberConfig, Server>()

  constructor(options: { log: Log; unseal(sealed: Sealed): string }) {
    this.#log = options.log
    this.#unseal = options.unseal
  }

  /**
   * TLS as a client around a socket on its way into this site. The certificate must be for the name that was called, whatever NAPTR, SRV
   * and addresses that has led to (RFC 5922 §4); for what the PBX's configuration says, where it is an address.
   */
  secure(subscriber: SubscriberConfig | undefined, socket: Socket, to: Hop): Socket {
    const { host, tls } = subscriber?.site.pbx ?? {}
    const isPbx = host !== undefined && (host === to.address || host === to.name)
    const other = host === undefined || isPbx ? tls?.serverName : undefined
    // Whoever else is called there is held to the same CA, and is shown nothing.
    const known = isPbx || !tls?.ca ? (isPbx ? tls : undefined) : { ca: tls.ca }
    return secureClient(socket, other ?? to.name ?? to.address, known, this.#unseal)
  }

  /** What answers a telephone of this site; null where it is not offered TLS. */
  server(subscriber: SubscriberConfig): Server | null {
    const { tls } = subscriber.site
    if (!tls) return null
    const known = this.#servers.get(subscriber)
    if (known) return known
    const { certificate, key } = tls
    const options: TlsOptions = {
      cert: certificate,
      key: this.#unseal(key),
      minVersion: MIN_VERSION,
      handshakeTimeout: HANDSHAKE_MS,
    }
    const server = secureServer(options, (fault) =>
      this.#log.info({ subscriber: subscriber.id, fault }, 'a TLS handshake with a telephone failed'),
    )
    this.#servers.set(subscriber, server)
    return server
  }
}

/**
 * TLS as a client: whoever is there has a certificate for this name, of this CA, or of one that everybody knows; and sees ours where
 * it asks for that.
 */
function secureClient(
  socket: Socket,
  name: string,
  { ca, certificate, key }: { ca?: string; certificate?: string; key?: Sealed } = {},
  unseal: (sealed: Sealed) => string,
): Socket {
  return connect({
    ...(certificate && key ? { cert: certificate, key: unseal(key) } : {}),
    ...(ca ? { ca } : {}),
    ...(isIP(name) ? {} : { servername: name }),
    socket,
    host: name,
    minVersion: MIN_VERSION,
    checkServerIdentity: (_, certificate) => (isForSip(certificate, name) ? undefined : checkServerIdentity(name, certificate)),
  })
}

/** It never listens: it is given sockets, one by one. */
function secureServer(options: TlsOptions, failed: (fault: string) => void): Server {
  const server = createServer(options)
  server.on('tlsClientError', (error, socket) => {
    failed(error.message)
    socket.destroy()
  })
  return server
}

/**
 * RFC 5922 §7.1: a certificate may name a SIP domain by its URI. That wildcards of host names count as well departs from §7.2.
 * Node escapes a comma within a value, so that one name can't pretend to be two.
 */
function isForSip({ subjectaltname = '' }: PeerCertificate, name: string): boolean {
  return subjectaltname.toLowerCase().split(', ').includes(`uri:sip:${name.toLowerCase()}`)
}
