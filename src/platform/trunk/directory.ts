import type { EmergencyConfig, SubscriberConfig, TrunkConfig } from '#platform/words/index.ts'
import { digitsOf } from './number.ts'

/** Trunks by source address and subscribers by number, made once from each snapshot. */
export interface TrunkDirectory {
  /** The trunk that has a gateway at this address: step 1 of the road of a call. */
  bySource(address: string): TrunkConfig | undefined
  byName(nameOrId: string): TrunkConfig | undefined
  /** Whose number this is, and its stored form. */
  owner(number: string): { subscriber: SubscriberConfig; number: string } | undefined
  /** Whether the dialled digits are an emergency number. */
  isEmergency(dialled: string): boolean
  readonly trunks: readonly TrunkConfig[]
}

export interface DirectorySource {
  trunks: readonly TrunkConfig[]
  subscribers: Iterable<SubscriberConfig>
  emergency: EmergencyConfig
}

export function createDirectory({ trunks, subscribers, emergency }: DirectorySource): TrunkDirectory {
  const sources = new Map<string, TrunkConfig>()
  const names = new Map<string, TrunkConfig>()
  for (const trunk of trunks) {
    names.set(trunk.name, trunk)
    names.set(trunk.id, trunk)
    for (const gateway of trunk.gateways) if (!sources.has(gateway.address)) sources.set(gateway.address, trunk)
  }
  const owners = new Map<string, { subscriber: SubscriberConfig; number: string }>()
  for (const subscriber of subscribers) {
    for (const { number } of subscriber.numbers) owners.set(digitsOf(number), { subscriber, number })
  }
  const emergencies = new Set(emergency.numbers)
  return {
    trunks,
    bySource: (address) => sources.get(address),
    byName: (nameOrId) => names.get(nameOrId),
    owner: (number) => owners.get(digitsOf(number)),
    isEmergency: (dialled) => emergencies.has(dialled),
  }
}
