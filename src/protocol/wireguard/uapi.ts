import { type DeviceConfig, type DeviceStatus, type NetworkChange, oneLine, type PeerStatus } from './device.ts'
import { keyFromHex, keyToHex } from './keys.ts'

/** Asks a userspace implementation for all that it knows (https://www.wireguard.com/xplatform/). */
export const UAPI_GET = 'get=1\n\n'

/** The request that makes a userspace interface exactly `device`. It has secrets. */
export function uapiSet(device: DeviceConfig): string {
  const lines = ['set=1', `private_key=${keyToHex(device.privateKey)}`, `listen_port=${device.listenPort}`, 'replace_peers=true']
  for (const peer of device.peers) {
    lines.push(`public_key=${keyToHex(peer.publicKey)}`)
    if (peer.presharedKey) lines.push(`preshared_key=${keyToHex(peer.presharedKey)}`)
    if (peer.endpoint) lines.push(`endpoint=${peer.endpoint}`)
    lines.push(`persistent_keepalive_interval=${peer.keepaliveSeconds ?? 0}`, 'replace_allowed_ips=true')
    for (const cidr of peer.allowedIps) lines.push(`allowed_ip=${cidr}`)
  }
  return `${lines.map(oneLine).join('\n')}\n\n`
}

/**
 * The request that gives a peer other networks than before, and leaves it its sessions. There is no word for taking one away, but for
 * giving them all anew, between which packets would be lost: what goes is given to `nobody`, a peer that comes and goes for it.
 */
export function uapiNetworks({ publicKey, before, allowedIps }: NetworkChange, nobody: string): string {
  const allowed = (cidrs: readonly string[]) => cidrs.map((cidr) => `allowed_ip=${cidr}`)
  const lines = ['set=1']
  const gone = before.filter((cidr) => !allowedIps.includes(cidr))
  const other = `public_key=${keyToHex(nobody)}`
  // First: one that is only written otherwise than before has to be there in the end.
  if (gone.length > 0) lines.push(other, ...allowed(gone), other, 'remove=true')
  lines.push(`public_key=${keyToHex(publicKey)}`, 'update_only=true', ...allowed(allowedIps))
  return `${lines.map(oneLine).join('\n')}\n\n`
}

/** Reads the answer to a `set` or `get`. Throws when it reports an error; keys other than public ones are dropped. */
export function parseUapi(answer: string): DeviceStatus {
  const status: DeviceStatus = { listenPort: 0, peers: [] }
  let peer: PeerStatus | undefined
  let errno = ''
  for (const line of answer.split('\n')) {
    const at = line.indexOf('=')
    if (at < 0) continue
    const key = line.slice(0, at)
    const value = line.slice(at + 1)
    if (key === 'public_key') {
      peer = { publicKey: keyFromHex(value), endpoint: null, latestHandshake: null, receivedBytes: 0, sentBytes: 0 }
      status.peers.push(peer)
    } else if (key === 'errno') errno = value
    else if (key === 'listen_port') status.listenPort = Number(value) || 0
    else if (peer) readPeer(peer, key, value)
  }
  if (errno !== '0') throw new Error(`the WireGuard implementation answered errno ${errno || 'nothing'}`)
  return status
}

function readPeer(peer: PeerStatus, key: string, value: string): void {
  switch (key) {
    case 'endpoint':
      peer.endpoint = value
      break
    case 'last_handshake_time_sec':
      peer.latestHandshake = Number(value) || null
      break
    case 'rx_bytes':
      peer.receivedBytes = Number(value) || 0
      break
    case 'tx_bytes':
      peer.sentBytes = Number(value) || 0
      break
  }
}
