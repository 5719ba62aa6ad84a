import type { SiteConfig } from '#platform/words/index.ts'
import type { DefaultRoute } from './record.ts'
import { checkName, checkNumber, checkUser, invalid } from './rule.ts'

/** A SIP URI without anything that could end a header line (RFC 3261 §25.1; PITFALLS F09). */
const SIP_URI = /^sips?:[A-Za-z0-9_.!~*'()&=+$,;?/:@%[\]-]{1,250}$/

/** Checks a stored default route: it must lead somewhere, also when the tunnel is dead and `via` says trunk. */
export function checkRoute(field: string, route: DefaultRoute, pbx: SiteConfig['pbx']): void {
  if ('pbx' in route) {
    checkUser(`${field}.pbx`, route.pbx)
    if (!pbx) throw invalid(field, 'The default route leads to a PBX, but the site has none.')
    if (route.via === 'trunk' && !pbx.number)
      throw invalid(field, 'Over the trunk a PBX is reached by its public number: set it.')
  } else if ('user' in route) {
    checkUser(`${field}.user`, route.user)
    if (route.via === 'trunk') throw invalid(field, 'A telephone of the site is reached over the channel only.')
  } else if ('sip' in route) {
    if (!SIP_URI.test(route.sip)) throw invalid(`${field}.sip`, 'This is not a SIP URI.')
    if (route.via === 'trunk') throw invalid(field, 'A SIP URI of the site is reached over the channel only.')
  } else {
    if ('trunk' in route) checkName(`${field}.trunk`, route.trunk)
    checkNumber(`${field}.number`, route.number)
    if (route.via === 'channel') throw invalid(field, 'A number is reached over the trunk only.')
  }
}
