import type { Id } from '#lib/index.ts'
import type {
  AgentFailure,
  Allocation,
  Capacity,
  Kind,
  Sealed,
  TollClass,
  TrunkConfig,
  UserConfig,
} from '#platform/words/index.ts'
import type { Credential } from './authority.ts'
import type {
  AgentVersionRecord,
  KeyRecord,
  NewAgentVersion,
  NewSubscriber,
  Page,
  PageQuery,
  Principal,
  SubscriberRecord,
  SubscriberState,
} from './record.ts'

/** On whose behalf something is read or written. What a subscriber's scope may not see is `not-found`. */
export type Scope = 'platform' | Id<'sub'>

/**
 * What the database keeps of subscribers. Every method is one transaction; all reject with `database-away` when it cannot
 * be reached. Methods without a scope are the platform's own.
 */
export interface SubscriberStore {
  /** By id or name. Rejects with `not-found`. */
  find(scope: Scope, idOrName: string): Promise<SubscriberRecord>
  list(page: PageQuery): Promise<Page<SubscriberRecord>>
  /** Rejects with `name-taken`, `number-taken`, `capacity-exceeded`, `node-full`, and then nothing is written. */
  insert(subscriber: NewSubscriber): Promise<SubscriberRecord>
  /** Reads, changes and writes in one transaction. A subscriber's scope writes routing and deadline only. */
  update(scope: Scope, id: Id<'sub'>, change: (record: SubscriberRecord) => SubscriberRecord): Promise<SubscriberRecord>
  setState(id: Id<'sub'>, state: SubscriberState): Promise<void>
  delete(id: Id<'sub'>): Promise<void>
  bindPlan(id: Id<'sub'>, plan: string): Promise<void>
  /** Rejects with `capacity-exceeded`. */
  setAllocations(id: Id<'sub'>, allocations: Allocation[]): Promise<void>
  removeAllocation(id: Id<'sub'>, kind: Kind): Promise<void>
  addNumber(id: Id<'sub'>, number: string): Promise<void>
  removeNumber(id: Id<'sub'>, number: string): Promise<void>
  addTelephone(scope: Scope, id: Id<'sub'>, telephone: { name: string; password: string }): Promise<void>
  removeTelephone(scope: Scope, id: Id<'sub'>, name: string): Promise<void>
  /** In the place of what was stored for this name. */
  writeUser(scope: Scope, id: Id<'sub'>, user: UserConfig): Promise<void>
  /** Rejects with `not-found`. */
  removeUser(scope: Scope, id: Id<'sub'>, name: string): Promise<void>
}

/** Secrets of subscribers and of the operator, at rest hashed or sealed. */
export interface SecretStore {
  /** Whose key has this hash now; null when nobody's. */
  principal(hash: string): Promise<Principal | null>
  /** Makes this the operator's key of that label in the place of an earlier one. */
  replaceOperatorKey(key: { id: Id<'key'>; hash: string; label: string }): Promise<void>
  listKeys(scope: Scope, id: Id<'sub'>): Promise<KeyRecord[]>
  rotateKey(scope: Scope, id: Id<'sub'>, key: { id: Id<'key'>; hash: string; othersExpireAt: Date }): Promise<void>
  revokeKey(scope: Scope, id: Id<'sub'>, key: Id<'key'>): Promise<void>
  authority(): Promise<{ certificate: string; key: Sealed }>
  replaceCertificate(id: Id<'sub'>, issued: Omit<Credential, 'key'> & { id: Id<'crt'>; key: Sealed }): Promise<void>
  planRotation(id: Id<'sub'>, next: Sealed, activatesAt: Date): Promise<void>
  /** Puts what is due into its place; answers whose channels have changed. */
  activateRotations(): Promise<Id<'sub'>[]>
}

export interface AgentVersionStore {
  listVersions(scope: Scope, id: Id<'sub'>): Promise<AgentVersionRecord[]>
  /** Stores a version and proposes it. */
  addVersion(scope: Scope, id: Id<'sub'>, version: NewAgentVersion): Promise<AgentVersionRecord>
  /**
   * Has a version tried beside the active one; where there is none, it is the active one. The active one itself takes back
   * what is tried. Rejects with `not-found`.
   */
  proposeVersion(scope: Scope, id: Id<'sub'>, version: Id<'agt'>): Promise<AgentVersionRecord>
  /** What became of the version that was tried: it is the active one, or it has failed. False when it is not tried any more. */
  settleVersion(id: Id<'sub'>, version: Id<'agt'>, failure: AgentFailure | null): Promise<boolean>
}

/** What belongs to the platform and not to a subscriber. */
export interface PlatformStore {
  listTrunks(): Promise<TrunkConfig[]>
  /** By id or name. Rejects with `not-found`. */
  findTrunk(idOrName: string): Promise<TrunkConfig>
  /** Rejects with `name-taken` or `gateway-taken`. */
  writeTrunk(trunk: TrunkConfig): Promise<void>
  deleteTrunk(id: Id<'trk'>): Promise<void>
  hasPlan(name: string): Promise<boolean>
  listCapacities(): Promise<Capacity[]>
  /** Rejects with `capacity-exceeded` when more is guaranteed. */
  setCapacity(capacity: Capacity): Promise<void>
  listTollClasses(): Promise<TollClass[]>
  writeTollClass(one: TollClass): Promise<void>
  /** Rejects with `not-found`. */
  deleteTollClass(name: string): Promise<void>
  listEmergencyNumbers(): Promise<string[]>
  setEmergencyNumbers(numbers: string[]): Promise<void>
}
