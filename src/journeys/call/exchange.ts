import type { Clock, Id, Log } from '#lib/index.ts'
import type { RecordingShelf } from '#platform/recording/index.ts'
import type { ResourceRegistry } from '#platform/resource/index.ts'
import type { Sealer } from '#platform/subscriber/index.ts'
import type { Configuration, Realms, VoicePool } from '#platform/switch/index.ts'
import type { ShownDialog } from '#platform/telephone/index.ts'
import type { DialogOwner } from '#platform/trace/index.ts'
import type { CallPace, GatewayServer, TrunkDirectory } from '#platform/trunk/index.ts'
import type {
  AgentNotifications,
  CallCause,
  ChannelState,
  JournalRecord,
  OfferedCall,
  PlatformConfig,
  TrunkConfig,
} from '#platform/words/index.ts'
import type { Hop } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import type { Slot } from './slot.ts'

/** The agents, as calls need them; the gateway is one. */
export interface Agents {
  connected(subscriber: Id<'sub'>): boolean
  /** The switch has begun moments ago, and it has not found it yet. */
  expected(subscriber: Id<'sub'>): boolean
  /** Resolves when the agent's function for the call has returned; rejects when the agent is gone. */
  offer(subscriber: Id<'sub'>, kind: 'offered' | 'resumed', call: OfferedCall): Promise<{ outcome: 'returned' | 'threw' }>
  ended(subscriber: Id<'sub'>, call: Id<'call'>, cause: CallCause): void
  digit(subscriber: Id<'sub'>, call: Id<'call'>, digit: string): void
  partial(subscriber: Id<'sub'>, call: Id<'call'>, text: string): void
  amd(subscriber: Id<'sub'>, verdict: AgentNotifications['call.amd']): void
  progress(subscriber: Id<'sub'>, progress: AgentNotifications['call.progress']): void
}

/** Learns which dialogs are a call's, so that its messages are found under its id (O03). */
export interface CallTracing {
  own(owner: DialogOwner): void
  over(call: Id<'call'>): void
}

/** The registrar, as calls need it. */
export interface Telephones {
  knows(subscriber: Id<'sub'>, user: string): boolean
  contacts(subscriber: Id<'sub'>, user: string): { uri: string; hop: Hop }[]
}

/** Who watches the users of a site, as calls need it. */
export interface Lamps {
  /** Whether anybody watches this user of a subscriber's. */
  watched(subscriber: Id<'sub'>, user: string): boolean
  /** A dialog of a user is so now; null where there is nothing to be seen of it any more. */
  show(subscriber: Id<'sub'>, user: string, id: string, dialog: ShownDialog | null): void
}

/** Where a trunk's gateways are and who of them lives, as calls need it. */
export interface Gateways {
  /** Settles when an order can be had, or nothing more is to be waited for; null where it can. */
  ready(trunk: TrunkConfig): Promise<void> | null
  /** What DNS does not tell of its names, in sentences. */
  untold(trunk: TrunkConfig): string[]
  order(trunk: TrunkConfig): readonly GatewayServer[]
  answered(server: GatewayServer): void
  /** It had an INVITE and said nothing at all. */
  silent(server: GatewayServer): void
  /** A call that is up has gone on with this address, whether the trunk is still there or not. */
  stays(trunk: Id<'trk'>, hop: Hop): void
  /** It says that it cannot serve for so many ms. */
  unavailable(server: GatewayServer, ms: number): void
  /** Whether it has said that, and the time is not over. */
  rests(server: GatewayServer): boolean
  /** Ms until the first of a trunk's servers may be asked, where all of them rest; else 0. */
  restsMs(trunk: TrunkConfig): number
}

/** Times that calls are held to, in ms. */
export interface CallLimits {
  /** A call ends here, whatever happens (PITFALLS R08). */
  maxCallMs: number
  /** A call that is answered, in no verb and not joined waits so long for its agent. */
  idleMs: number
  /** Without any response of the site within this time, the trunk is taken (T12). */
  channelPatienceMs: number
  /** How long a dialled leg may ring where nobody says otherwise. */
  ringMs: number
  /** Silence of a joined leg after which it has to prove that it lives; 0 for never. */
  mediaTimeoutMs: number
  /** Ms that a silent leg has for its proof. */
  proofMs: number
  /** Where audio does not pass by us, each leg proves in this rhythm that it lives. */
  directProofMs: number
}

export const LIMITS: Omit<CallLimits, 'mediaTimeoutMs' | 'maxCallMs'> = {
  idleMs: 10_000,
  channelPatienceMs: 1000,
  ringMs: 60_000,
  proofMs: 2000,
  directProofMs: 300_000,
}

/** What calls are made of: everything comes from outside, and main builds it. */
export interface Exchange {
  readonly clock: Clock
  readonly log: Log
  readonly boot: string
  readonly config: PlatformConfig
  readonly limits: CallLimits
  readonly configuration: Configuration
  readonly registry: ResourceRegistry
  /** Which numbers a subscriber may call; the registry asks it, too. */
  readonly voice: VoicePool
  readonly realms: Realms
  /** Seals what the journal may not tell. */
  readonly sealer: Sealer
  readonly agents: Agents
  readonly trace: CallTracing
  readonly recordings: RecordingShelf
  /** Trunks and numbers by the newest snapshot. */
  directory(): TrunkDirectory
  /** Where the telephones of sites are. */
  readonly telephones: Telephones
  readonly lamps: Lamps
  /** The servers of a trunk, best first; told what calls see of them. */
  readonly gateways: Gateways
  /** How many calls out a trunk may begin. */
  readonly pace: CallPace
  /** What host last said of a subscriber's channel; undefined before it said anything. */
  channelState(subscriber: Id<'sub'>): ChannelState | undefined
  /** RFC 3339 of a wall-clock time in ms. */
  instantText(wall: number): string
  /** Appends to the journal; it is written before this turn's messages leave. */
  record(record: JournalRecord): void
  /** The call has changed: its snapshot is in this turn's write. */
  save(call: Call): void
  /** Where calls are parked, by subscriber and name. */
  readonly slots: Map<string, Slot>
  /** The calls that are up. */
  readonly calls: Map<Id<'call'>, Call>
}
