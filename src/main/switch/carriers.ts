import { isIPv6 } from 'node:net'
import path from 'node:path'
import { type CarrierDeps, Carriers, type KeptTargets } from '#journeys/carrier/index.ts'
import { KeptFile } from '#platform/switch/index.ts'
import type { PlatformConfig } from '#platform/words/index.ts'
import { DnsClient, locate, nameServersOf, socketExchange } from '#protocol/dns/index.ts'

const RESOLV_CONF = '/etc/resolv.conf'

/** The carriers, found by the name servers of the configuration, else by the machine's. */
export function watchCarriers(
  options: Pick<CarrierDeps, 'clock' | 'log' | 'locations' | 'node'> & { config: PlatformConfig; directory: string },
): Carriers {
  const { config, directory, clock, log, locations, node } = options
  const named = config.dns.servers
  const servers = named.length > 0 ? () => named : nameServersOf(RESOLV_CONF)
  const dns = new DnsClient({ clock, exchange: socketExchange(clock), servers })
  // What the SIP socket can reach.
  const family = isIPv6(config.sip.address) ? 'AAAA' : 'A'
  return new Carriers({
    ...{ clock, log, locations, node },
    random: Math.random,
    locate: (name) => locate(dns.ask, name, family),
    kept: new KeptFile<KeptTargets>({ file: path.join(directory, 'names.json'), log, what: 'where carriers are' }),
  })
}
