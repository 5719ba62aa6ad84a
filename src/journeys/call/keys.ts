import type { Leg } from '#platform/switch/index.ts'
import { Presses } from '#protocol/rtp/index.ts'
import type { Call } from './call.ts'

/** What is known of the keys of one leg. */
export class LegKeys {
  /** Those that its far end has pressed. */
  readonly presses = new Presses()
  /** Resolves when all are told that go to it by INFO. */
  informed: Promise<void> = Promise.resolve()
  /** How many presses are on their way to it, each behind the one before. */
  waiting = 0
  /** They stay tones since nobody was left to listen, which was told. */
  unheard = false
}

export function keysOf(call: Call, leg: Leg): LegKeys {
  call.keys ??= new Map()
  let keys = call.keys.get(leg)
  if (!keys) {
    keys = new LegKeys()
    call.keys.set(leg, keys)
  }
  return keys
}
