/** What an interface should be. Keys are base64. */
export interface DeviceConfig {
  privateKey: string
  /** UDP. */
  listenPort: number
  peers: PeerConfig[]
}

export interface PeerConfig {
  publicKey: string
  presharedKey?: string
  /** `192.0.2.1:51820` or `[2001:db8::1]:51820`; absent where the peer calls us. */
  endpoint?: string
  /** CIDR: what the peer may send from, and what is sent to it. */
  allowedIps: string[]
  /** Seconds; 0 is off. */
  keepaliveSeconds?: number
}

/** Other networks of a peer that is there. */
export interface NetworkChange {
  publicKey: string
  /** CIDR. */
  before: readonly string[]
  allowedIps: readonly string[]
}

/** What an interface is. Never carries a secret. */
export interface DeviceStatus {
  listenPort: number
  peers: PeerStatus[]
}

export interface PeerStatus {
  publicKey: string
  endpoint: string | null
  /** Seconds since the epoch of the last handshake; null before the first. */
  latestHandshake: number | null
  receivedBytes: number
  sentBytes: number
}

/** Refuses a value that would become more than one line. */
export function oneLine(value: string): string {
  if (/[\r\n]/.test(value)) throw new Error('a value of a WireGuard configuration has a line break')
  return value
}
