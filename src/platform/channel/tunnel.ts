import type { DeviceConfig, DeviceStatus, NetworkChange } from '#protocol/wireguard/index.ts'

/** One WireGuard interface, of the kernel or of a userspace program. Made in the node's own namespace, then moved. */
export interface Tunnel {
  /** Makes the interface whole: keys, peers, port. What was agreed with a peer is forgotten. */
  configure(device: DeviceConfig): Promise<void>
  /** Gives its peer other networks, and leaves it what was agreed with it: nothing on its way is lost. */
  reroute(change: NetworkChange): Promise<void>
  /** What it knows of its peer. Rejects when the interface is gone. */
  status(): Promise<DeviceStatus>
  /** Resolves with a reason when the interface has died by itself; never when it was closed. */
  readonly died: Promise<string>
  /** The process that parses what comes from the internet; null for the kernel's. */
  readonly pid: number | null
  /** Takes the interface away and waits until it is gone. Idempotent. */
  close(): Promise<void>
}

export interface TunnelRequest {
  interface: string
  /** Where it is moved once it is configured. */
  namespace: string
  mtu: number
  device: DeviceConfig
}

export type OpenTunnel = (request: TunnelRequest) => Promise<Tunnel>
