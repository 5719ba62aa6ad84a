import type { Id } from '#lib/index.ts'
import type {
  AgentConfig,
  AgentFailure,
  Allocation,
  ChannelConfig,
  Prepaid,
  Sealed,
  SiteConfig,
  SubscriberConfig,
  Survival,
  TollRules,
  TollSpent,
  UserConfig,
} from '#platform/words/index.ts'

/**
 * `installing` is published but not yet proven; `suspended` keeps everything but is refused every resource; `removing`
 * is no longer published, and its rows go when the node has nothing of it left.
 */
export type SubscriberState = 'installing' | 'active' | 'suspended' | 'removing'

export type DefaultRoute = SubscriberConfig['defaultRoute']

/** A subscriber as the database has it. Secrets are sealed. */
export interface SubscriberRecord {
  id: Id<'sub'>
  name: string
  slot: number
  state: SubscriberState
  /** IANA name; periods of its bills are cut in it. */
  timeZone: string
  /** The name of the plan that it is billed by. */
  plan: string | null
  numbers: string[]
  allocations: Allocation[]
  channel: ChannelConfig & {
    /** The site made its own key pair: the platform never had the private key. */
    siteHoldsKey: boolean
  }
  site: SiteConfig
  survival: Required<Survival>
  defaultRoute: DefaultRoute
  agent: Omit<AgentConfig, 'failed'> & {
    failed?: { version: Id<'agt'> } & AgentFailure
    /** Ports of the manifests of the active version and of the one that is tried, beside those that the operator has opened. */
    versionListen: number[]
  }
  telephones: { name: string; password: Sealed }[]
  users: UserConfig[]
  /** Whether users' calls may be sent on to numbers outside. */
  forwardOutside: 'allowed' | 'denied'
  /** What the operator says of its calls out, beside what the classes say. */
  toll: TollRules
  /** What its calls out had cost when money was limited; null where it is not. */
  spent: TollSpent | null
  /** Below this balance its operator is told, a decimal of the plan's currency; null: not before it is used up. */
  lowBalance: string | null
  /** Null where its plan is not paid in advance. */
  prepaid: Prepaid | null
  createdAt: string
}

/** What is decided before a subscriber gets its slot, which the database gives. */
export type NewSubscriber = Omit<
  SubscriberRecord,
  'slot' | 'channel' | 'telephones' | 'users' | 'toll' | 'spent' | 'lowBalance' | 'prepaid' | 'createdAt'
> & {
  channel: Omit<SubscriberRecord['channel'], 'listenPort'>
  agentCertificate: { id: Id<'crt'>; serial: string; notBefore: Date; notAfter: Date }
  apiKey: { id: Id<'key'>; hash: string }
  /** Of its own CA, by which certificates of the switch for its channel are made. */
  siteAuthority: { key: Sealed; certificateNotAfter: Date }
  telephones: { name: string; password: string }[]
}

/** Who asks: the operator, or one subscriber. Every read and write of the store is on behalf of one. */
export type Principal = { role: 'operator'; key: Id<'key'> } | { role: 'subscriber'; key: Id<'key'>; subscriber: Id<'sub'> }

/** An API key as it is listed: never the key itself. */
export interface KeyRecord {
  id: Id<'key'>
  createdAt: string
  expiresAt: string | null
  revokedAt: string | null
}

/** A version before it is stored. */
export type NewAgentVersion = Omit<AgentVersionRecord, 'createdAt' | 'active' | 'candidate' | 'failure'>

/** An immutable version of an agent's program. */
export interface AgentVersionRecord {
  id: Id<'agt'>
  /** SHA-256 of the tarball, hex. */
  digest: string
  path: string
  entry: string
  /** Ports of its manifest on which the site may call it. */
  listen: number[]
  bytes: number
  createdAt: string
  /** Whether it is the one that takes new calls. */
  active: boolean
  /** Whether it is the one that is tried, or was tried last and has failed. */
  candidate: boolean
  /** Why it has not proven itself, when it was tried last. */
  failure: AgentFailure | null
}

/** One page of a list: `next` is the cursor to go on from, absent at the end. */
export interface Page<T> {
  items: T[]
  next?: string
}

export interface PageQuery {
  after?: string | undefined
  /** 1 to 1,000. */
  limit: number
}
