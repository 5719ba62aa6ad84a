import type { Party, SubscriberConfig } from '#platform/words/index.ts'
import { digitsOf, e164 } from './number.ts'

/** What a leg over a trunk shows. */
export interface ShownCaller {
  number: string
  name?: string
  anonymous: boolean
}

/** The subscriber's number equal to `number`, in its stored form. */
export function ownNumber(subscriber: SubscriberConfig, number: string): string | undefined {
  const digits = digitsOf(number)
  return subscriber.numbers.find((own) => digitsOf(own.number) === digits)?.number
}

/**
 * The caller-id policy of calls that a subscriber sends out over a trunk: it shows only numbers that it owns
 * (PITFALLS F10). A call that came in on a trunk and is sent out again keeps its caller: the number was the carrier's
 * word, not the subscriber's. A wish that is not allowed is refused; what a PBX shows by itself is replaced.
 */
export function shownCaller(options: {
  subscriber: SubscriberConfig
  /** What the program wished, if anything. */
  wished?: string | undefined
  /** The caller that a trunk vouched for; absent where the call begins at the site. */
  vouched?: { party: Party; anonymous: boolean } | undefined
  /** What the site's PBX showed. */
  presented?: Party | undefined
}): ShownCaller | { refused: 'caller-id' } {
  const { subscriber, wished, vouched, presented } = options
  if (wished !== undefined) {
    const own = ownNumber(subscriber, wished)
    return own ? { number: own, anonymous: false } : { refused: 'caller-id' }
  }
  if (vouched) {
    const { party, anonymous } = vouched
    return party.name ? { number: party.number, name: party.name, anonymous } : { number: party.number, anonymous }
  }
  const own = presented && ownNumber(subscriber, presented.number)
  const number = own ?? subscriber.numbers[0]?.number
  if (!number) return { refused: 'caller-id' }
  return { number, anonymous: presented?.number === 'anonymous', ...(own && presented?.name ? { name: presented.name } : {}) }
}

/** The caller of an emergency call: the site's registered number, else its first one; never refused for want of one. */
export function emergencyCaller(subscriber: SubscriberConfig): ShownCaller {
  const registered = subscriber.site.emergencyCallerId
  const number = registered ?? subscriber.numbers[0]?.number ?? 'anonymous'
  return { number: e164(number) ?? number, anonymous: false }
}
