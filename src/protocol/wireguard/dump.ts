import type { DeviceStatus } from './device.ts'

/**
 * Reads `wg show <interface> dump` (wg(8)): a line of the interface (private key, public key, port, mark), then one for each
 * peer (public key, preshared key, endpoint, allowed IPs, latest handshake, received, sent, keepalive), separated by tabs.
 */
export function parseDump(text: string): DeviceStatus {
  const [first = '', ...rest] = text.split('\n').filter((line) => line !== '')
  const own = first.split('\t')
  if (own.length !== 4) throw new Error('not the output of wg show dump')
  return {
    listenPort: Number(own[2]) || 0,
    peers: rest.map((line) => {
      const [publicKey = '', , endpoint = '(none)', , handshake, received, sent] = line.split('\t')
      return {
        publicKey,
        endpoint: endpoint === '(none)' ? null : endpoint,
        latestHandshake: Number(handshake) || null,
        receivedBytes: Number(received) || 0,
        sentBytes: Number(sent) || 0,
      }
    }),
  }
}
