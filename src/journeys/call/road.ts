import { dialable, dialledForm, isNumber, type Reason, type TrunkDirectory } from '#platform/trunk/index.ts'
import type { SubscriberConfig, Target, TrunkConfig, Via } from '#platform/words/index.ts'
import type { SipTransport } from '#protocol/dns/index.ts'
import { formatUri, type Hop, parseUri } from '#protocol/sip/index.ts'

/** Where a telephone has registered: what it wants to be called, and where that goes. */
export interface Contact {
  uri: string
  hop: Hop
}

/**
 * One way to reach a target. Several are tried in order, each only where the one before it does not serve. What the name of
 * a host leaves out, the site's DNS says (RFC 3263).
 */
export type Road =
  | {
      via: 'channel'
      user: string
      host: string
      port?: number | undefined
      transport?: SipTransport | undefined
      contact?: Contact
      telephone?: true
    }
  | { via: 'trunk'; trunk: TrunkConfig; number: string }

interface RoadOptions {
  via?: Via | undefined
  subscriber: SubscriberConfig
  directory: TrunkDirectory
  contacts(user: string): Contact[]
}

/** The roads to a target: the channel first where there is one, the stored public number behind it (DESIGN §4, 5). */
export function roadsTo(target: Target, options: RoadOptions): Road[] | { refused: Reason } {
  const { via, directory } = options
  if ('pbx' in target) return toPbx(target.pbx, options)
  if ('sip' in target) return toUri(target.sip)
  if ('user' in target) return toTelephone(target.user, options.contacts(target.user))
  const named = 'trunk' in target ? directory.byName(target.trunk) : undefined
  if ('trunk' in target ? !named : directory.trunks.length === 0) return { refused: 'no-trunk' }
  if (!dialable(target.number)) return { refused: 'incomplete-number' }
  if (via === 'channel') return toPbx(target.number, options)
  // By what else stands in it nobody could tell what it costs (PITFALLS F14).
  const number = dialledForm(target.number)
  if (number.startsWith('+') && !isNumber(number)) return { refused: 'incomplete-number' }
  const roads = overTrunks(number, directory, named)
  return roads.length > 0 ? roads : { refused: 'no-route' }
}

/** The trunks that may carry a call to this number, one after the other; `named` is the only one that is asked for. */
function overTrunks(dialled: string, directory: TrunkDirectory, named?: TrunkConfig): Road[] {
  const number = dialledForm(dialled)
  const carriers = directory.carriersOf(number)
  if (named) return carriers.includes(named) ? [{ via: 'trunk', trunk: named, number }] : []
  return carriers.map((trunk) => ({ via: 'trunk', trunk, number }))
}

/** All that the telephone is registered at, rung at once. */
function toTelephone(user: string, contacts: Contact[]): Road[] | { refused: Reason } {
  if (contacts.length === 0) return { refused: 'unavailable' }
  return contacts.map((contact) => ({
    ...{ via: 'channel' as const, user, contact, telephone: true as const },
    ...{ host: contact.hop.address, port: contact.hop.port },
  }))
}

function toPbx(user: string, { via, subscriber, directory, contacts }: RoadOptions): Road[] | { refused: Reason } {
  const { pbx } = subscriber.site
  if (!pbx) return { refused: 'no-route' }
  if (!dialable(user)) return { refused: 'incomplete-number' }
  const roads: Road[] = []
  if (via !== 'trunk') {
    const { host, port, transport, account } = pbx
    // One that has registered twice has moved: it is where it has said last.
    const contact = account === undefined ? undefined : contacts(account).at(-1)
    if (contact) roads.push(toRegistered(user, contact))
    else if (host !== undefined) roads.push({ via: 'channel', user, host, port, transport })
  }
  if (pbx.number) roads.push(...overTrunks(pbx.number, directory))
  return roads.length > 0 ? roads : { refused: pbx.account === undefined || via === 'trunk' ? 'no-route' : 'unavailable' }
}

/** What is dialled takes the place of the name that a PBX has registered by: it has many numbers (RFC 6140 §5.2). */
function toRegistered(user: string, { uri, hop }: Contact): Road {
  const { host, port, params } = parseUri(uri)
  const named = formatUri({ user, host, ...(port === undefined ? {} : { port }), params: Object.fromEntries(params) })
  return {
    ...{ via: 'channel', user, contact: { uri: named, hop } },
    ...{ host: hop.address, port: hop.port },
  }
}

function toUri(text: string): Road[] | { refused: Reason } {
  try {
    const uri = parseUri(text)
    if (uri.scheme === 'tel' || !uri.user || !dialable(uri.user)) return { refused: 'incomplete-number' }
    const said = uri.scheme === 'sips' ? 'tls' : uri.params.get('transport')?.toLowerCase()
    const transport = said === 'tcp' || said === 'udp' || said === 'tls' ? said : undefined
    return [{ via: 'channel', user: uri.user, host: uri.host.toLowerCase(), port: uri.port, transport }]
  } catch {
    return { refused: 'incomplete-number' }
  }
}
