import { createHash } from 'node:crypto'
import type { Id } from '#lib/index.ts'
import type { Sealed, SubscriberConfig, TunnelEnds } from '#platform/words/index.ts'
import { firewallRules } from './firewall.ts'
import { interfaceName, namespaceName } from './names.ts'

/** What every channel of a node has in common. */
export interface ChannelRules {
  instance: string
  /** The platform's SIP port in every namespace; TLS is one above. */
  siteSipPort: number
  /** RTP and RTCP ports, in every namespace. */
  mediaPorts: { first: number; last: number }
}

/** What one channel should be. Pure data: two equal plans are the same channel. */
export interface ChannelPlan {
  subscriber: Id<'sub'>
  name: string
  namespace: string
  interface: string
  address: string
  peerAddress: string
  /** The same by IPv6, beside those of IPv4. */
  ipv6: TunnelEnds | null
  /** What is routed into the tunnel: the site's gateway and its networks. CIDR. */
  destinations: string[]
  mtu: number
  keepaliveSeconds: number
  tunnel: {
    listenPort: number
    privateKey: Sealed
    peerPublicKey: string
    presharedKey: Sealed
  }
  /** The text for `nft -f` inside the namespace. */
  rules: string
  /** Ports that the kernel never gives to an outgoing socket: `5060-5061,16384-32767`. */
  reservedPorts: string
  /** Changes when the channel must be made anew: a change of anything else is applied in place. */
  identity: string
  /** Changes with anything. */
  digest: string
}

export function planChannel(subscriber: SubscriberConfig, rules: ChannelRules): ChannelPlan {
  const { channel } = subscriber
  const ipv6 = channel.ipv6 ?? null
  const destinations = [host(channel.peerAddress), ...(ipv6 ? [host(ipv6.peerAddress)] : []), ...channel.siteNetworks]
  const plan = {
    subscriber: subscriber.id,
    name: subscriber.name,
    namespace: namespaceName(rules.instance, subscriber.name),
    interface: interfaceName(rules.instance, subscriber.slot),
    address: channel.address,
    peerAddress: channel.peerAddress,
    ipv6,
    destinations,
    mtu: channel.mtu,
    keepaliveSeconds: channel.keepaliveSeconds,
    tunnel: {
      listenPort: channel.listenPort,
      privateKey: channel.privateKey,
      peerPublicKey: channel.peerPublicKey,
      presharedKey: channel.presharedKey,
    },
    rules: firewallRules({
      interface: interfaceName(rules.instance, subscriber.slot),
      siteNetworks: destinations,
      sipPort: rules.siteSipPort,
      mediaPorts: rules.mediaPorts,
      agentPorts: subscriber.agent.listen,
    }),
    reservedPorts: `${rules.siteSipPort}-${rules.siteSipPort + 1},${rules.mediaPorts.first}-${rules.mediaPorts.last}`,
  }
  const identity = hash([plan.namespace, plan.interface, plan.address])
  return { ...plan, identity, digest: hash(plan) }
}

/** Bytes that its interface must carry: what is narrower than 1280 has no IPv6 in Linux (RFC 8200 §5). */
export function leastMtu(plan: Pick<ChannelPlan, 'address' | 'ipv6'>): number {
  return hasIpv6(plan) ? 1280 : 0
}

export function hasIpv6({ address, ipv6 }: Pick<ChannelPlan, 'address' | 'ipv6'>): boolean {
  return ipv6 !== null || address.includes(':')
}

/** Our addresses in it. */
export function addressesOf({ address, ipv6 }: Pick<ChannelPlan, 'address' | 'ipv6'>): string[] {
  return ipv6 ? [address, ipv6.address] : [address]
}

/** An address as the network of one. */
export function host(address: string): string {
  return `${address}/${address.includes(':') ? 128 : 32}`
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)
}
