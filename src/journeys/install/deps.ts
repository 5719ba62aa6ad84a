import type { Id } from '#lib/index.ts'
import { type Clock, type Log, TielineError } from '#lib/index.ts'
import {
  type AgentVersionStore,
  type ChangedParts,
  invalid,
  type PlatformStore,
  type Sealer,
  type SecretStore,
  type SubscriberStore,
} from '#platform/subscriber/index.ts'
import type { AgentStatus, PlatformConfig } from '#platform/words/index.ts'
import type { Spending } from './spent.ts'

/** What these journeys walk through. */
export interface InstallDeps {
  store: SubscriberStore & SecretStore & AgentVersionStore & PlatformStore
  publisher: { publish(what: ChangedParts): Promise<void> }
  host: {
    settle(subscriber: Id<'sub'>, timeoutMs: number): Promise<{ ok: boolean; reason: string }>
    agents(): Promise<AgentStatus[]>
  }
  /** What a subscriber's limit of money begins with. */
  spending(id: Id<'sub'>): Promise<Spending>
  sealer: Sealer
  clock: Clock
  log: Log
  config: Pick<PlatformConfig, 'channel' | 'node' | 'siteSipPort'>
}

/** How long the kernel may take to be as it should. */
export const SETTLE_MS = 15_000

/**
 * Publishes what a committed transaction has changed. The change stands also when the database goes away just now: then
 * it is published as soon as it can be read again, so that this is no failure of the request.
 */
export async function publishChange({ publisher, log }: InstallDeps, what: ChangedParts): Promise<void> {
  await publisher.publish(what).catch((error) => log.warn({ err: error }, 'a change is stored and will be published later'))
}

/** A name that is mistyped would be found out by the first bill. Rejects with `invalid-argument`. */
export async function checkPlan({ store }: InstallDeps, name: string): Promise<void> {
  if (!(await store.hasPlan(name))) throw invalid('plan', 'There is no such plan: add it first.')
}

export function wrongState(sentence: string): TielineError {
  return new TielineError(sentence, { code: 'wrong-state', fault: 'caller', retry: false, http: 409 })
}
