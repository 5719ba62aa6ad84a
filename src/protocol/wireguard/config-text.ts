import { type DeviceConfig, oneLine } from './device.ts'

/** The text that `wg setconf` and `wg syncconf` read. It has secrets: hand it over on standard input. */
export function toConfigText(device: DeviceConfig): string {
  const lines = ['[Interface]', `PrivateKey = ${device.privateKey}`, `ListenPort = ${device.listenPort}`]
  for (const peer of device.peers) {
    lines.push('', '[Peer]', `PublicKey = ${peer.publicKey}`)
    if (peer.presharedKey) lines.push(`PresharedKey = ${peer.presharedKey}`)
    if (peer.endpoint) lines.push(`Endpoint = ${peer.endpoint}`)
    lines.push(`AllowedIPs = ${peer.allowedIps.join(', ')}`)
    if (peer.keepaliveSeconds) lines.push(`PersistentKeepalive = ${peer.keepaliveSeconds}`)
  }
  return `${lines.map(oneLine).join('\n')}\n`
}
