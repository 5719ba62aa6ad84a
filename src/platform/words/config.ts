import type { Capacity } from './resource.ts'

/** The configuration file, read, checked whole and completed with defaults. What changes while running is in the Snapshot. */
export interface PlatformConfig {
  /** Up to six of a-z and 0-9: names everything that this installation makes on the machine. */
  instance: string
  /** The one directory of all state. */
  state: string
  /** The name of this node; every record carries it. */
  node: string
  /** The trunk side's SIP address, in the node's own namespace. */
  sip: {
    address: string
    /** Of UDP and TCP. */
    port: number
    /** TLS beside them: files of a PEM certificate, with its chain, and of its key. */
    tls?: { port: number; certificate: string; key: string } | null
  }
  /** Addresses of the name servers that are asked for the names of carriers; none: those of /etc/resolv.conf. */
  dns: { servers: string[] }
  /** The trunk side's RTP address, and the port range of every realm. */
  media: { address: string; ports: { first: number; last: number } }
  api: { address: string; port: number }
  channel: {
    /** Host name or address that sites reach the node by. */
    endpoint: string
    /** WireGuard's UDP ports: a subscriber has `first + slot`. */
    ports: { first: number; last: number }
    /** Our address and the site's in every tunnel. They may be the same for all: tunnels never meet. */
    address: string
    peerAddress: string
    /** The same by IPv6, of sites that have it. */
    ipv6: { address: string; peerAddress: string }
    mtu: number
    /** `auto` takes the kernel's WireGuard where there is one. */
    implementation: 'auto' | 'kernel' | 'wireguard-go'
  }
  /** SIP port inside the namespaces, of UDP and TCP; TLS is one above. */
  siteSipPort: number
  voice: { processes: number; mediaTimeoutMs: number }
  /** No call lasts longer, whatever happens. */
  calls: { maxSeconds: number }
  agents: { firstUid: number }
  /** How long recordings are kept. */
  recordings: { retentionDays: number }
  capacities: Capacity[]
  /** What keeps a flood from those who are served, and how long calls may go on when the node stops. */
  load: {
    /** New requests outside dialogs a second, of each source on the trunk side and of each site as a whole. */
    requestsPerSecond: number
    siteRequestsPerSecond: number
    /** Server transactions that one source may have; each lives for 32 s over UDP. */
    transactionsPerSource: number
    /** New calls get 503 while the event loop is later than this, in ms. */
    shedAboveMs: number
    /** Seconds that calls have after SIGTERM before they are ended. */
    drainSeconds: number
  }
  /** Room on disk for the traces of calls, in MiB; 0 keeps none. */
  trace: { mebibytes: number }
  /** Where Homer listens for HEP3 over UDP; null sends nothing. */
  hep: { address: string; port: number; captureId: number } | null
  log: { level: 'debug' | 'info' | 'warn' | 'error' }
  /** Another PostgreSQL than the embedded one. */
  databaseUrl: string | null
}

/** The trunk side's certificate with its chain, and its key, PEM. */
export interface SipTls {
  certificate: string
  key: string
}

/** What host says to the switch when {@link SipTls} is another one. */
export interface SipTlsRenewed {
  renewed: { sipTls: SipTls }
}

/**
 * The first IPC message that host sends to a process that it has started: all that the process is told. Secrets travel
 * here, never in arguments or the environment.
 */
export interface StartMessage {
  start: {
    config: PlatformConfig
    /** Where this process may write: `<state>/<process>`. */
    directory: string
    /** Where the links' sockets are: `<state>/run`. */
    run: string
    /** 32 bytes in base64: unseals the snapshot's secrets. Only for switch and control. */
    sealingKey?: string
    /** Only for the switch. */
    sipTls?: SipTls
    /** Only for control. */
    databaseUrl?: string
    /** Which of the voice processes this is, from 0. */
    index?: number
  }
}

/**
 * Bytes of the longest line between control, host and switch: a whole snapshot of a thousand subscribers with their certificates, or a
 * list of ten thousand calls, is some megabytes.
 */
export const LONGEST_LINE = 64 << 20

/** The sockets of the links below `run`. */
export const LINKS = {
  host: 'host.sock',
  switch: 'switch.sock',
  control: 'control.sock',
  /**
   * TLS; each agent sees only this one. In a directory of its own, which is what a sandbox binds: the socket file of a
   * restarted switch is another file, and a bound file would stay the old one. Host makes `run/agents`, the switch owns it.
   */
  agents: 'agents/link.sock',
  /** Beside it, for sound: voice makes it, and a one-time token opens it (src/protocol/stream). */
  audio: (index: number) => `agents/audio-${index}.sock`,
  voice: (index: number) => `voice-${index}.sock`,
} as const

/** Directories below `state` that several accounts share. */
export const SHARED = {
  /** Unpacked agents: control writes, every agent's uid reads. */
  bundles: 'bundles',
  /** What calls record: switch and voice write, control reads; by the group `tieline`. */
  recordings: 'recordings',
} as const
