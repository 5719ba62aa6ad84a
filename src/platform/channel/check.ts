import { isIP } from 'node:net'
import type { CheckStep, SiteConfig, TunnelEnds } from '#platform/words/index.ts'
import type { Channel } from './channel.ts'
import { runInside } from './namespace.ts'
import { type Ping, type ProbeAccount, passesWhole, pinger } from './ping.ts'
import { addressesOf } from './plan.ts'

export interface CheckRequest {
  channel: Channel
  site: SiteConfig
  /** The site's DNS servers. */
  dnsServers: readonly string[]
  account: ProbeAccount
}

/**
 * Says which part of a channel fails, in the order in which a packet meets them. The first failure is the last step. Names
 * of the site and SIP are the switch's to try (`channel.probe`).
 */
export async function checkChannel(request: CheckRequest): Promise<CheckStep[]> {
  const steps: CheckStep[] = []
  const say = (step: CheckStep['step'], ok: boolean, text: string) => {
    steps.push({ step, ok, text })
    return ok
  }
  const { plan } = request.channel
  if (!(await checkNamespace(request, say))) return steps
  await request.channel.poll()
  const { state, handshakeAgeSeconds, reason, receivedBytes } = request.channel.status
  const shaken = handshakeAgeSeconds !== null && state === 'up'
  const age = `the last handshake was ${handshakeAgeSeconds} s ago`
  if (!say('handshake', shaken, shaken ? age : `${reason}; the site reaches this node at UDP port ${plan.tunnel.listenPort}`))
    return steps

  const ping = pinger(plan.namespace, request.account)
  const gateway = await ping(plan.peerAddress)
  await request.channel.poll()
  const silent = request.channel.status.receivedBytes === receivedBytes
  const gatewayText =
    gateway === 'answer' ? `the site's gateway ${plan.peerAddress} answers` : gatewayFault(plan.peerAddress, silent)
  if (!say('gateway', gateway === 'answer', gatewayText)) return steps
  if (plan.ipv6 && !(await checkIpv6(plan.ipv6, ping, say))) return steps

  for (const target of targetsOf(request)) {
    if (!(await checkRoute(plan.namespace, plan.interface, target, ping, say))) break
    if (!(await checkMtu(request.channel.status.mtu, target, ping, say))) break
  }
  return steps
}

type Say = (step: CheckStep['step'], ok: boolean, text: string) => boolean

async function checkNamespace({ channel }: CheckRequest, say: Say): Promise<boolean> {
  if (!channel.stands) return say('namespace', false, channel.status.reason)
  try {
    const text = await runInside(channel.plan.namespace, ['ip', '-o', 'addr', 'show', 'dev', channel.plan.interface])
    const ok = addressesOf(channel.plan).every((address) => text.includes(address))
    return say(
      'namespace',
      ok,
      ok ? 'the namespace stands and has its tunnel' : 'the tunnel has lost its address; it is repaired within a minute',
    )
  } catch (error) {
    return say('namespace', false, `the namespace is not there: ${(error as Error).message}`)
  }
}

/** A site that had its file before it had IPv6 is still as that says. */
async function checkIpv6({ address, peerAddress }: TunnelEnds, ping: Ping, say: Say): Promise<boolean> {
  if ((await ping(peerAddress)) === 'answer') return say('gateway', true, `the site's gateway ${peerAddress} answers`)
  return say(
    'gateway',
    false,
    `the site's gateway does not answer by IPv6: its file needs ${peerAddress}/128 in Address and ${address}/128 in AllowedIPs, unless its firewall drops pings`,
  )
}

async function checkRoute(namespace: string, device: string, target: string, ping: Ping, say: Say): Promise<boolean> {
  const route = await runInside(namespace, ['ip', 'route', 'get', target]).catch((error: Error) => error.message)
  if (!route.includes(`dev ${device}`))
    return say('route', false, `${target} is in none of the site's networks: add its network to the subscriber`)
  const seen = await ping(target)
  if (seen === 'answer') {
    say('route', true, `${target} is reached through the tunnel`)
    return say('route-back', true, `${target} answers`)
  }
  if (seen === 'unreachable')
    return say('route', false, `the site's gateway says that ${target} cannot be reached: it is off, or in another network`)
  // With one hop to live a gateway that forwards must say that the packet has expired.
  const hop = await ping(target, ['-t', '1'])
  if (hop !== 'expired' && hop !== 'answer')
    return say(
      'route',
      false,
      `the site's gateway does not forward: set ${target.includes(':') ? 'net.ipv6.conf.all.forwarding' : 'net.ipv4.ip_forward'}=1 there and let its firewall pass the tunnel`,
    )
  say('route', true, "the site's gateway forwards")
  return say(
    'route-back',
    false,
    `${target} does not answer: it is off, drops pings, or its office has no route back to the platform's address (or turn masquerade on)`,
  )
}

async function checkMtu(mtu: number, target: string, ping: Ping, say: Say): Promise<boolean> {
  const passes = (size: number) => passesWhole(ping, target, size)
  if (await passes(mtu)) return say('mtu', true, `packets of ${mtu} bytes pass whole`)
  let works = 0
  for (const size of [1420, 1400, 1380, 1340, 1280, 1200, 576]) {
    if (size >= mtu || works) continue
    if (await passes(size)) works = size
  }
  return say(
    'mtu',
    false,
    `packets of ${mtu} bytes are lost, ${works || 'not even 576'} pass: set the channel's MTU to ${works || 1280}`,
  )
}

/**
 * The hosts of the site that calls need most, one of each family of IP: its PBX, else its DNS server. Only addresses: names are the
 * switch's.
 */
function targetsOf({ site, dnsServers }: CheckRequest): string[] {
  const known = [site.pbx?.host, ...dnsServers].filter((name): name is string => name !== undefined && isIP(name) !== 0)
  return known.filter((name, i) => known.findIndex((other) => isIP(other) === isIP(name)) === i)
}

/** A handshake is good for three minutes, so a line that was cut just now still has one. */
function gatewayFault(address: string, silent: boolean): string {
  const common = `its firewall drops pings from the tunnel, or ${address} is not on its interface`
  if (!silent) return `the site's gateway sends, but ${address} does not answer: ${common}`
  return `nothing comes back through the tunnel: the line of the site or its gateway is down, unless ${common}`
}
