import { isIPv6 } from 'node:net'
import type { ChannelConfig, PlatformConfig } from '#platform/words/index.ts'
import type { InstallDeps } from './deps.ts'

/** What every link carries by IPv6 (RFC 8200 §5): Linux takes it away from an interface that is narrower. */
const LEAST_IPV6_MTU = 1280

/** What of a channel follows from its site's networks. */
export type Ends = Pick<ChannelConfig, 'address' | 'peerAddress' | 'ipv6' | 'mtu'>

/**
 * The ends of a channel to these networks: by IPv6 too, beside IPv4, as soon as one of them is of that family. A site that has
 * none gets none: its gateway may not even speak it. What a channel has already stays as it was.
 */
export function endsOf(node: PlatformConfig['channel'], networks: readonly string[], before?: Ends): Ends {
  const { address, peerAddress, mtu } = before ?? node
  const wanted = !isIPv6(address) && networks.some((network) => network.includes(':'))
  if (!wanted) return { address, peerAddress, mtu }
  return { address, peerAddress, ipv6: before?.ipv6 ?? node.ipv6, mtu: Math.max(mtu, LEAST_IPV6_MTU) }
}

/**
 * Gives their ends by IPv6 to those whose networks were stored by a release that had none: until their next change they would have
 * gone without. What the file of such a site lacks, the log says, and its channel's check.
 */
export async function completeEnds({ store, config, log }: Pick<InstallDeps, 'store' | 'config' | 'log'>): Promise<void> {
  let after: string | undefined
  do {
    const page = await store.list({ after, limit: 200 })
    for (const { id, channel } of page.items) {
      const ends = endsOf(config.channel, channel.siteNetworks, channel)
      if (!ends.ipv6 || channel.ipv6) continue
      await store.update('platform', id, (record) => ({ ...record, channel: { ...record.channel, ...ends } }))
      const { address, peerAddress } = ends.ipv6
      const lacks = `${peerAddress}/128 in Address, ${address}/128 in AllowedIPs`
      log.warn({ subscriber: id, lacks }, 'a channel has IPv6 now, which the file of its site lacks')
    }
    after = page.next
  } while (after !== undefined)
}
