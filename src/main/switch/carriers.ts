import { isIPv6 } from 'node:net'
import path from 'node:path'
import { type CarrierDeps, Carriers, type KeptTargets } from '#journeys/carrier/index.ts'
import type { Clock } from '#lib/index.ts'
import { KeptFile } from '#platform/switch/index.ts'
import type { PlatformConfig } from '#platform/words/index.ts'
import { type Ask, DnsClient, locate, nameServersOf, socketExchange } from '#protocol/dns/index.ts'

const RESOLV_CONF = '/etc/resolv.conf'

/** The name servers of the configuration, else the machine's. */
export function nodeDns({ config, clock }: { config: PlatformConfig; clock: Clock }): Ask {
  const named = config.dns.servers
  const servers = named.length > 0 ? () => named : nameServersOf(RESOLV_CONF)
  return new DnsClient({ clock, exchange: socketExchange(clock), servers }).ask
}

/** The carriers, found by the node's DNS. */
export function watchCarriers(
  options: Pick<CarrierDeps, 'clock' | 'log' | 'locations' | 'node'> & { config: PlatformConfig; directory: string; ask: Ask },
): Carriers {
  const { config, directory, ask, clock, log, locations, node } = options
  // What the SIP socket can reach.
  const family = isIPv6(config.sip.address) ? 'AAAA' : 'A'
  return new Carriers({
    ...{ clock, log, locations, node },
    random: Math.random,
    locate: (name) => locate(clock, ask, name, [family]),
    kept: new KeptFile<KeptTargets>({ file: path.join(directory, 'names.json'), log, what: 'where carriers are' }),
  })
}
