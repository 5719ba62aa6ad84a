import type { Id } from '#lib/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import type { ProgressOptions } from './agent.ts'
import type { Target } from './call.ts'
import type { Tariff } from './rate.ts'
import type { Allocation, Capacity } from './resource.ts'
import type { Prepaid, TollClass, TollRules, TollSpent } from './toll.ts'
import type { UserConfig } from './user.ts'

/** A secret sealed with the platform's key (AES-256-GCM): `v1.<key id>.<nonce>.<ciphertext and tag>`, base64url. */
export type Sealed = `v1.${string}`

/**
 * What should be, as control publishes it to host and switch. They keep the newest on disk and start from it when
 * PostgreSQL is away.
 */
export interface Snapshot {
  /** Grows by one with every publication. */
  number: number
  capacities: Capacity[]
  trunks: TrunkConfig[]
  subscribers: SubscriberConfig[]
  emergency: EmergencyConfig
  /** Which numbers outside cost alike; absent: all may be called. */
  tollClasses?: TollClass[]
  /** What calls out cost by the plans in use, and all else by those that are paid in advance. */
  tariffs?: Tariff[]
  /** The platform's own CA, PEM. Agents' and links' certificates come from it. */
  ca: string
  /** The switch's own certificate and key for the agents' links. */
  switchCertificate: { certificate: string; key: Sealed }
}

/** A change between two publications. Whoever is not at `base` asks for a whole snapshot. */
export interface SnapshotChange {
  number: number
  base: number
  capacities?: Capacity[]
  trunks?: TrunkConfig[]
  emergency?: EmergencyConfig
  tollClasses?: TollClass[]
  tariffs?: Tariff[]
  ca?: string
  switchCertificate?: { certificate: string; key: Sealed }
  subscribers?: { upsert: SubscriberConfig[]; remove: Id<'sub'>[] }
}

export interface EmergencyConfig {
  /** The numbers as dialled: `112`, `911`. */
  numbers: string[]
}

/** The lowest priority is taken first; gateways of one priority share calls by weight (RFC 2782). */
export interface GatewayConfig {
  /** An IP address, or a name in lower case whose servers DNS tells (RFC 3263). */
  address: string
  /** A name without a port has its ports in SRV records. An address always has one. */
  port?: number
  /** Default udp, and for a name without a port what NAPTR or SRV say; `udp+tcp` sends by TCP only what is too large for a datagram (RFC 3261 §18.1.1). */
  transport?: GatewayTransport
  /** Default: its place in the list, from 0. */
  priority?: number
  /** Default 1. */
  weight?: number
}

export type GatewayTransport = 'udp' | 'udp+tcp' | 'tcp' | 'tls'

/** How a trunk proves itself to us by TLS, and we to it. PEM. */
export interface TrunkTls {
  /** Whom its certificate must come from; then it must also show one when it connects. Absent: the CAs that everyone trusts. */
  ca?: string
  /** What we show it as a client. */
  certificate?: string
  key?: Sealed
  /** The name that its certificate is for; absent: the gateway's name, or its address (RFC 5922). */
  serverName?: string
}

/** A number that begins with `prefix` begins with `replace` instead; the longest prefix counts, once. */
export interface NumberRule {
  prefix: string
  replace: string
}

/**
 * Whether the sound of legs is protected (SRTP): never; asked for first and, where it is refused, done without; or not done without.
 * Absent means `off`.
 */
export type SrtpPolicy = 'off' | 'offered' | 'required'

/** What the legs of a trunk, or of a site, may speak. */
export interface CodecPolicy {
  /** Best first. Absent: of a trunk PCMA, PCMU and G722; of a site all that there are. */
  codecs?: CodecName[]
  /** Whether what they speak may be turned into what the other leg of a call speaks. Default true. */
  transcode?: boolean
  /** Whether they may be asked in the middle of a call for the codec of the other leg, so that nothing need be transcoded. Default true. */
  renegotiate?: boolean
  /** How keys reach a far end that has agreed on no telephone-events: as the tones themselves, or by INFO. Default `tones`. */
  digits?: DigitPolicy
  /**
   * What the tones are by which a far end tells of keys that has agreed on no telephone-events, while it is joined to one that is told in
   * another way: keys, taken out of its sound and told so, which leases who listens; or sound like any other, to which nobody listens.
   * Default `keys`.
   */
  tones?: TonePolicy
}

export type DigitPolicy = 'tones' | 'info'
export type TonePolicy = 'keys' | 'sound'

export interface TrunkConfig extends CodecPolicy {
  id: Id<'trk'>
  name: string
  /** Requests are accepted from these addresses, and from those that names lead to, and sent to them. */
  gateways: GatewayConfig[]
  /** Networks, CIDR, from which it calls as well; nothing but what goes on with such a call is sent there. */
  sources?: string[]
  tls?: TrunkTls
  /** With what a challenge of its gateways is answered, and of nobody else (PITFALLS F05). */
  credentials?: { user: string; password: Sealed }
  /** With what its calls show who they are, beside their address; absent: the address is enough. `algorithm` is MD5 unless said. */
  accept?: { user: string; password: Sealed; algorithm?: 'MD5' | 'SHA-256' }
  /** Registers there as the user of the credentials, asking for so many seconds. */
  registerSeconds?: number
  /** Seconds between two OPTIONS to a gateway; absent for none, and then only calls show who lives. */
  optionsSeconds?: number
  /** Calls out that may begin in a second; absent means no limit. */
  callsPerSecond?: number
  /** Prefixes between the carrier's numbers and E.164. */
  numbers?: { in: NumberRule[]; out: NumberRule[] }
  /** Calls at once; absent means no limit of its own. */
  maxIn?: number
  maxOut?: number
  /** Of `maxOut`, how many only emergency calls may use. */
  emergencyReserve: number
  /** Of the trunks that may carry a number, the lowest is tried first; equals by name. Default 0. */
  priority?: number
  /** What the numbers begin with (`+32`) that it may carry; absent: all. Emergency numbers it may always. */
  destinations?: string[]
  /** `direct` lets audio pass by the node between two trunks that both say so. */
  media: 'relay' | 'direct'
  /** Whether sound from the trunk is heard before the answer. Default `pass`. */
  earlyMedia?: 'pass' | 'ignore'
  /** How the carrier is told who sent a call on (RFC 5806, RFC 7044). Default `diversion`. */
  diversion?: 'diversion' | 'history-info' | 'none'
  /** Whether a signed Identity (RFC 8224) goes on to it where caller and callee are still who they were. Default `pass`. */
  identity?: 'pass' | 'drop'
  /** Whether its 3xx is followed, to hosts of this trunk alone. Default `refuse`. */
  redirects?: 'refuse' | 'follow'
  srtp?: SrtpPolicy
}

export interface SubscriberConfig {
  id: Id<'sub'>
  /** Unique, lower case: `acme`. */
  name: string
  /** A small number unique on the node, from which uid, port and interface name are made. */
  slot: number
  numbers: { number: string }[]
  allocations: Allocation[]
  channel: ChannelConfig
  site: SiteConfig
  /** Telephones and computers of the site that register, by user name. */
  telephones?: { name: string; password: Sealed }[]
  /** What rings for whom, and where calls go instead: names of telephones, and others. */
  users?: UserConfig[]
  /** Whether a user's calls may be sent on to numbers outside; absent: they may. */
  forwardOutside?: 'allowed' | 'denied'
  /** IANA name, by which its days are cut; absent: UTC. */
  timeZone?: string
  /** The plan by which its calls out are priced. */
  plan?: string
  /** What the operator says of its calls out; absent: what the classes say. */
  toll?: TollRules
  /** Absent where it does not pay in advance. */
  prepaid?: Prepaid
  /** What they had cost when money was limited; absent: nothing. */
  spent?: TollSpent
  /** What becomes of calls when something dies under them. */
  survival?: Survival
  /** Taken when the agent is down, late or broken. */
  defaultRoute: Target & { via?: 'channel' | 'trunk'; progress?: ProgressOptions }
  agent: AgentConfig
}

/**
 * What becomes of calls when something dies under them. Absent means the first of each.
 */
export interface Survival {
  /** A voice process: answered legs are moved to another one, or end. */
  voice?: 'move' | 'end'
  /** The channel: its legs end, or the site is dialled anew over the trunk, by the public number of its PBX. */
  channel?: 'end' | 'trunk'
}

/** Both ends of a tunnel, ours and that of the site's gateway. */
export interface TunnelEnds {
  address: string
  peerAddress: string
}

export interface ChannelConfig {
  /** Our address in the tunnel; also the address of the platform's SIP and RTP for the site. */
  address: string
  /** The site's gateway in the tunnel. */
  peerAddress: string
  /** The same by IPv6, beside those of IPv4: of a site whose networks have any. */
  ipv6?: TunnelEnds
  /** WireGuard's UDP port in the node's own namespace, unique on the node. */
  listenPort: number
  privateKey: Sealed
  publicKey: string
  peerPublicKey: string
  presharedKey: Sealed
  /** What the site may send from and what is routed to it, CIDR. */
  siteNetworks: string[]
  mtu: number
  keepaliveSeconds: number
  /** The site's own DNS servers, or none. */
  dns: { servers: string[]; search?: string } | null
}

export interface SiteConfig extends CodecPolicy {
  pbx: PbxConfig | null
  /** What the legs of its telephones may speak, best first. Absent: what those of its PBX may. */
  telephoneCodecs?: CodecName[]
  /** The caller id registered for emergency calls. */
  emergencyCallerId?: string
  /** Of legs over the channel. */
  srtp?: SrtpPolicy
  /** Of telephones that connect by TLS; absent: they are not offered it. */
  tls?: SiteTls
  /** By which algorithm telephones show who they are; absent: MD5. Some fail where they are asked for more than one. */
  digest?: 'MD5' | 'SHA-256'
}

/** The site's PBX. */
export interface PbxConfig {
  /** Where it is in the site's network, an address or a name; absent where it registers. */
  host?: string
  /** A name without a port has its servers in NAPTR and SRV records (RFC 3263). An address always has one. */
  port?: number
  /** Default udp, and for a name without a port what NAPTR or SRV say. */
  transport?: 'udp' | 'tcp' | 'tls'
  /** To whom it is held where it is called by TLS. */
  tls?: PbxTls
  /** Its public number, the road round a dead tunnel. */
  number?: string
  /** The telephone as which it registers: then all its calls go to where that is, by the number that is dialled (RFC 6140 §5). */
  account?: string
  /** `digest`: whoever calls in the name of no telephone proves to be that account. Absent: being in the site's networks is enough. */
  calls?: 'network' | 'digest'
}

/** How a PBX that is called by TLS, because its transport or its DNS says so (RFC 3263 §4.1), proves itself to us, and we to it. PEM. */
export interface PbxTls {
  /** Whom its certificate comes from. Absent: somebody whom everybody knows. */
  ca?: string
  /** What we show it as a client, where it asks for that. */
  certificate?: string
  key?: Sealed
  /** What its certificate is for. Absent: its name, or its address. */
  serverName?: string
}

/** How the switch proves itself to a site's telephones, PEM. */
export interface SiteTls {
  /** The subscriber's own CA, which its telephones are given. */
  ca: string
  /** For our address in the channel. */
  certificate: string
  key: Sealed
  /** `required`: telephones register and call by TLS alone. The PBX is not meant: it is where its configuration says. */
  telephones: 'allowed' | 'required'
}

/** A program as it was deployed, which never changes. */
export interface AgentVersion {
  id: Id<'agt'>
  digest: string
  path: string
  entry: string
}

/** Why a version has not proven itself, and the last lines that it has printed. */
export interface AgentFailure {
  reason: string
  log: string[]
}

export interface AgentConfig {
  /** What is deployed; null until the first deployment. `path` holds the unpacked, read-only bundle. */
  version: AgentVersion | null
  /** What is tried beside it: it takes its place when it has proven itself. */
  candidate?: AgentVersion
  /** What was tried last and has not proven itself; kept until another is deployed, or it is taken back. */
  failed?: { version: Id<'agt'>; reason: string }
  /** Ms within which a call that waits for a decision must get one. */
  decisionDeadlineMs: number
  memoryMebibytes: number
  /** Share of one core, 0..1 and above. */
  cpuShare: number
  maxProcesses: number
  /** Ports on which the site may call its agent. */
  listen: number[]
  /** The certificate of its link. Its subject's common name is the subscriber's id. */
  certificate: string
  key: Sealed
}
