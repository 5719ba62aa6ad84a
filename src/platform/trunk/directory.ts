import type { EmergencyConfig, SubscriberConfig, TrunkConfig } from '#platform/words/index.ts'
import type { Locations, Source } from './location.ts'
import { dialledForm, digitsOf } from './number.ts'

/** Trunks by source address and subscribers by number, made once from each snapshot. */
export interface TrunkDirectory {
  /** The trunk that has a server at this address, or had one: step 1 of the road of a call. */
  bySource(address: string): TrunkConfig | undefined
  sourceOf(address: string): Source | undefined
  byName(nameOrId: string): TrunkConfig | undefined
  /** Whose number this is, and its stored form. */
  owner(number: string): { subscriber: SubscriberConfig; number: string } | undefined
  /** Whether the dialled digits are an emergency number. */
  isEmergency(dialled: string): boolean
  /** By priority, then as they were published. */
  readonly trunks: readonly TrunkConfig[]
  /** Those that may carry a call to this number, the first to be tried first; an emergency number any of them. */
  carriersOf(number: string): readonly TrunkConfig[]
}

export interface DirectorySource {
  trunks: readonly TrunkConfig[]
  subscribers: Iterable<SubscriberConfig>
  emergency: EmergencyConfig
  /** Where the gateways of the trunks are. */
  locations: Pick<Locations, 'sourceOf'>
}

export function createDirectory({ trunks, subscribers, emergency, locations }: DirectorySource): TrunkDirectory {
  const names = new Map<string, TrunkConfig>()
  for (const trunk of trunks) {
    names.set(trunk.name, trunk)
    names.set(trunk.id, trunk)
  }
  const owners = new Map<string, { subscriber: SubscriberConfig; number: string }>()
  for (const subscriber of subscribers) {
    for (const { number } of subscriber.numbers) owners.set(digitsOf(number), { subscriber, number })
  }
  const emergencies = new Set(emergency.numbers.map(dialledForm))
  const ordered = trunks.toSorted((a, b) => (a.priority ?? 0) - (b.priority ?? 0))
  const choosy = trunks.some(({ destinations }) => destinations !== undefined)
  return {
    trunks: ordered,
    carriersOf: (number) => (!choosy || emergencies.has(number) ? ordered : ordered.filter((trunk) => mayCarry(trunk, number))),
    sourceOf: (address) => locations.sourceOf(address),
    bySource(address) {
      const source = locations.sourceOf(address)
      return source && names.get(source.trunk)
    },
    byName: (nameOrId) => names.get(nameOrId),
    owner: (number) => owners.get(digitsOf(number)),
    isEmergency: (dialled) => emergencies.has(dialledForm(dialled)),
  }
}

function mayCarry({ destinations }: TrunkConfig, number: string): boolean {
  return destinations?.some((prefix) => number.startsWith(prefix)) ?? true
}
