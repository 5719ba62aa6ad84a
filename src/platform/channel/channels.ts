import { type Clock, type Id, type Log, run, type Timer } from '#lib/index.ts'
import type { ChannelStatus, Sealed, SubscriberConfig } from '#platform/words/index.ts'
import { Channel, type SiteEndpoints } from './channel.ts'
import { isInterfaceOf, namespacePath } from './names.ts'
import { listNamespaces, removeNamespace } from './namespace.ts'
import type { ProbeAccount } from './ping.ts'
import { addressesOf, type ChannelPlan, type ChannelRules, planChannel } from './plan.ts'
import type { OpenTunnel } from './tunnel.ts'

export interface ChannelsOptions {
  rules: ChannelRules
  clock: Clock
  log: Log
  openTunnel: OpenTunnel
  endpoints: SiteEndpoints
  unseal(sealed: Sealed): string
  /** Probes run as it, and its group alone may ping inside. */
  account: ProbeAccount
  onStatus(status: ChannelStatus): void
  /** A namespace has been made, for the first time or anew: sockets and the agent may move in. */
  onMade(plan: ChannelPlan): void
  /** It has other addresses than before, in place: those that are new want sockets, and those that are gone have none. */
  onAddressed(plan: ChannelPlan): void
  /** A namespace is about to go: sockets and the agent must be out when this resolves. */
  onGoing(plan: ChannelPlan): Promise<void>
}

type Sub = Id<'sub'>

/** Ms between two looks at the whole, and at each tunnel that is up or is not. */
const VERIFY_MS = 60_000
const YOUNG_MS = 10_000
const POLL_MS = { up: 5000, other: 1000 }
/** How many channels are made at once. */
const AT_ONCE = 4

/**
 * All channels of the node. `reconcile` makes the kernel as the configuration says, whatever it was before; it is safe to
 * call it at any time. A subscriber that fails is retried at every look and hinders no other.
 */
export class Channels {
  readonly #options: ChannelsOptions
  readonly #channels = new Map<Sub, Channel>()
  /** The last thing that was begun for each subscriber: what is done to one channel is done in turn. */
  readonly #turns = new Map<Sub, Promise<void>>()
  readonly #polled = new Map<Sub, number>()
  readonly #madeAt = new Map<Sub, number>()
  #timers: Timer[] = []
  #closed = false

  constructor(options: ChannelsOptions) {
    this.#options = options
  }

  /** Takes away what a former run has left, then begins to watch. */
  async start(): Promise<void> {
    await this.removeOrphans()
    this.#every(VERIFY_MS, () => this.verify())
    this.#every(POLL_MS.other, () => this.poll())
  }

  get(subscriber: Sub): Channel | undefined {
    return this.#channels.get(subscriber)
  }

  list(): ChannelStatus[] {
    return [...this.#channels.values()].map((channel) => channel.status)
  }

  /** Resolves when every channel has been made, changed or removed, or has failed to be: `list` says which. */
  async reconcile(subscribers: readonly SubscriberConfig[]): Promise<void> {
    if (this.#closed) return
    const wanted = new Map<Sub, ChannelPlan>()
    for (const subscriber of subscribers) {
      try {
        wanted.set(subscriber.id, planChannel(subscriber, this.#options.rules))
      } catch (error) {
        this.#options.log.error({ subscriber: subscriber.id, error: (error as Error).message }, 'a channel cannot be planned')
      }
    }
    const gone = [...this.#channels.keys()].filter((id) => !wanted.has(id))
    // First what goes: a name, slot or port may be wanted again at once.
    await this.#all(gone, async (id) => {
      await this.#remove(id)
      this.#options.endpoints.set(id, null)
    })
    await this.#all([...wanted.values()], (plan) => this.#bring(plan))
  }

  /** Waits until what has been begun for a subscriber is done. */
  async settled(subscriber: Sub): Promise<{ ok: boolean; reason: string }> {
    await this.#turns.get(subscriber)
    const channel = this.#channels.get(subscriber)
    if (!channel) return { ok: false, reason: 'there is no such channel' }
    return { ok: channel.stands, reason: channel.status.reason }
  }

  /** Looks at every channel, repairs what is not as planned, and removes orphans. */
  async verify(): Promise<void> {
    await this.#all([...this.#channels.keys()], (id) => this.#verify(id))
    await this.removeOrphans()
  }

  async poll(): Promise<void> {
    const now = this.#options.clock.now()
    const due = [...this.#channels].filter(([id, { status }]) => {
      const pause = status.state === 'up' ? POLL_MS.up : POLL_MS.other
      return now - (this.#polled.get(id) ?? Number.NEGATIVE_INFINITY) >= pause
    })
    await this.#all(due, async ([id, channel]) => {
      this.#polled.set(id, now)
      await channel.poll()
    })
  }

  /** Namespaces and interfaces that carry this instance's name and belong to no channel. */
  async removeOrphans(): Promise<void> {
    const { instance } = this.#options.rules
    const known = new Set([...this.#channels.values()].map(({ plan }) => plan.namespace))
    const ours = new Set([...this.#channels.values()].map(({ plan }) => plan.interface))
    for (const namespace of listNamespaces(instance)) {
      if (known.has(namespace)) continue
      this.#options.log.warn({ namespace }, 'removing a namespace that belongs to no channel')
      await removeNamespace(namespace).catch((error) => this.#failed({ namespace }, error))
    }
    const links: { ifname: string }[] = JSON.parse((await run('ip', ['-j', 'link', 'show'])) || '[]')
    for (const { ifname } of links) {
      if (!isInterfaceOf(instance, ifname) || ours.has(ifname)) continue
      this.#options.log.warn({ interface: ifname }, 'removing an interface that belongs to no channel')
      await run('ip', ['link', 'del', ifname]).catch((error) => this.#failed({ interface: ifname }, error))
    }
  }

  /** Removes every channel. */
  async close(): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) timer.cancel()
    await this.#all([...this.#channels.keys()], (id) => this.#remove(id))
    await this.removeOrphans()
  }

  #bring(plan: ChannelPlan): Promise<void> {
    return this.#inTurn(plan.subscriber, async () => {
      const present = this.#channels.get(plan.subscriber)
      if (present && present.plan.digest === plan.digest && present.stands) return
      if (present && present.plan.identity === plan.identity && present.stands) return this.#change(present, plan)
      if (present) await this.#take(present)
      await this.#make(this.#create(plan))
    })
  }

  async #change(channel: Channel, plan: ChannelPlan): Promise<void> {
    const before = channel.plan
    await channel.change(plan)
    if (String(addressesOf(before)) !== String(addressesOf(plan))) this.#options.onAddressed(plan)
  }

  #remove(id: Sub): Promise<void> {
    return this.#inTurn(id, async () => {
      const channel = this.#channels.get(id)
      if (channel) await this.#take(channel)
      this.#polled.delete(id)
      this.#madeAt.delete(id)
    })
  }

  #verify(id: Sub): Promise<void> {
    return this.#inTurn(id, async () => {
      const channel = this.#channels.get(id)
      if (!channel || this.#closed) return
      if (!channel.stands) {
        await this.#options.onGoing(channel.plan)
        return this.#make(channel)
      }
      if ((await channel.verify()) === 'remade') this.#options.onMade(channel.plan)
    })
  }

  #create(plan: ChannelPlan): Channel {
    const { clock, log, openTunnel, endpoints, unseal, account, onStatus } = this.#options
    // A tunnel that has died is made again at once; one that dies young, at the next look.
    const onDeath = () => {
      const young = clock.now() - (this.#madeAt.get(plan.subscriber) ?? Number.NEGATIVE_INFINITY) < YOUNG_MS
      if (!young) void this.#verify(plan.subscriber)
    }
    const channel = new Channel(plan, { clock, log, openTunnel, endpoints, unseal, account, onStatus, onDeath })
    this.#channels.set(plan.subscriber, channel)
    return channel
  }

  async #make(channel: Channel): Promise<void> {
    this.#madeAt.set(channel.plan.subscriber, this.#options.clock.now())
    await channel.make()
    this.#options.onMade(channel.plan)
    this.#options.log.info(
      { subscriber: channel.plan.subscriber, namespace: namespacePath(channel.plan.namespace) },
      'a channel stands',
    )
  }

  async #take(channel: Channel): Promise<void> {
    await this.#options.onGoing(channel.plan)
    await channel.remove()
    this.#channels.delete(channel.plan.subscriber)
  }

  /** Runs `work` after all that has been begun for this subscriber. Never rejects: the failure is the channel's own. */
  #inTurn(id: Sub, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(id) ?? Promise.resolve()
    const turn = before.then(work).catch((error) => this.#failed({ subscriber: id }, error))
    this.#turns.set(id, turn)
    void turn.then(() => this.#turns.get(id) === turn && this.#turns.delete(id))
    return turn
  }

  async #all<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    const queue = [...items]
    const worker = async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }

  /** Never two at once: a slow look is not overtaken by the next. */
  #every(ms: number, work: () => Promise<void>): void {
    const place = this.#timers.length
    const again = () => {
      if (this.#closed) return
      this.#timers[place] = this.#options.clock.after(ms, () => {
        void work()
          .catch((error) => this.#failed({}, error))
          .then(again)
      })
    }
    again()
  }

  #failed(fields: object, error: unknown): void {
    this.#options.log.error({ ...fields, error: (error as Error).message }, 'a channel could not be made as it should be')
  }
}
