import type { Id } from '#lib/index.ts'
import type { Sealer } from '#platform/subscriber/index.ts'
import type { Configuration } from '#platform/switch/index.ts'
import type { TrunkDirectory } from '#platform/trunk/index.ts'
import type { Realm, Sealed, SubscriberConfig, TrunkConfig } from '#platform/words/index.ts'
import type { Credentials, Hop } from '#protocol/sip/index.ts'

/**
 * What answers the challenges of a trunk's gateways: unsealed when it is first asked for, and for no other address (F05). Of
 * several trunks at one address the one that the request goes over has its own; what came in from there names none.
 */
export function trunkCredentials(options: { sealer: Sealer; directory(): TrunkDirectory }) {
  const opened = new Map<Sealed, string>()
  return (realm: Realm, hop: Hop): Credentials | undefined => {
    if (realm !== 'node') return undefined
    const directory = options.directory()
    // Of a network from which a carrier calls nobody is known to be the one whose password it is.
    if (directory.sourceOf(hop.address)?.listed) return undefined
    const { credentials } = (hop.profile && directory.byName(hop.profile)) || directory.bySource(hop.address) || {}
    if (!credentials) return undefined
    let password = opened.get(credentials.password)
    if (password === undefined) {
      if (opened.size > 64) opened.clear() // those that have been replaced are not kept for ever
      password = options.sealer.openText(credentials.password)
      opened.set(credentials.password, password)
    }
    return { user: credentials.user, password }
  }
}

/** The passwords by which trunks show who they are when they call: unsealed when one is asked for, and not kept. */
export function trunkPasswords({ sealer }: { sealer: Sealer }) {
  return ({ accept }: TrunkConfig): string | undefined => accept && sealer.openText(accept.password)
}

/** The passwords of telephones, by the newest snapshot: unsealed when one is asked for, and not kept. */
export function telephonePasswords(options: { sealer: Sealer; configuration: Configuration }) {
  const indexes = new WeakMap<SubscriberConfig, Map<string, Sealed>>()
  return (id: Id<'sub'>, user: string): string | undefined => {
    const subscriber = options.configuration.subscriber(id)
    if (!subscriber?.telephones) return undefined
    let index = indexes.get(subscriber)
    if (!index) {
      index = new Map(subscriber.telephones.map(({ name, password }) => [name, password]))
      indexes.set(subscriber, index)
    }
    const sealed = index.get(user)
    return sealed && options.sealer.openText(sealed)
  }
}
