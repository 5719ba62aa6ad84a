import { type Clock, type Id, type Log, sleep } from '#lib/index.ts'
import {
  type ChannelPlan,
  type ChannelRules,
  Channels,
  type OpenTunnel,
  type ProbeAccount,
  planChannel,
  type SiteEndpoints,
} from '#platform/channel/index.ts'
import type { AgentStatus, ChannelStatus, Sealed, Snapshot, SnapshotChange } from '#platform/words/index.ts'
import type { Agents } from './agents.ts'
import type { Realms } from './realms.ts'
import type { SnapshotFile } from './snapshot-file.ts'

export interface NodeKeeperOptions {
  snapshot: SnapshotFile
  realms: Realms
  agents: Agents
  rules: ChannelRules
  openTunnel: OpenTunnel
  endpoints: SiteEndpoints
  unseal(sealed: Sealed): string
  /** Probes run as it. */
  account: ProbeAccount
  clock: Clock
  log: Log
  onChannel(status: ChannelStatus): void
}

/** Keeps the node as the snapshot says: channels, the sockets in them, the agents in them; in that order, and back. */
export class NodeKeeper {
  readonly channels: Channels
  readonly #options: NodeKeeperOptions
  #reconciling: Promise<void> = Promise.resolve()

  constructor(options: NodeKeeperOptions) {
    this.#options = options
    const { rules, clock, log, openTunnel, endpoints, unseal, account, onChannel, realms } = options
    this.channels = new Channels({
      ...{ rules, clock, log, openTunnel, endpoints, unseal, account },
      onStatus: onChannel,
      onMade: (plan) => this.#moveIn(plan),
      onAddressed: (plan) => realms.readdress(plan),
      onGoing: (plan) => this.#moveOut(plan),
    })
  }

  /** Removes what a former run has left and begins from what is on disk. */
  async start(): Promise<void> {
    await this.channels.start()
    this.#reconcile()
  }

  publish(publication: { snapshot: Snapshot } | { change: SnapshotChange }): { number: number } {
    const { number, changed } = this.#options.snapshot.publish(publication)
    if (changed) this.#reconcile()
    return { number }
  }

  /** Waits until one subscriber's channel is as the snapshot says, or is gone where it names no such subscriber. */
  async settle(subscriber: Id<'sub'>, timeoutMs: number): Promise<{ ok: boolean; reason: string }> {
    const { clock, snapshot, rules } = this.#options
    const deadline = clock.now() + timeoutMs
    for (;;) {
      const config = snapshot.subscriber(subscriber)
      const channel = this.channels.get(subscriber)
      if (!config && !channel) return { ok: true, reason: 'removed' }
      if (config && channel?.stands && channel.plan.digest === planChannel(config, rules).digest)
        return { ok: true, reason: channel.status.reason }
      if (clock.now() >= deadline) return { ok: false, reason: channel?.status.reason ?? 'the channel has not been made in time' }
      await sleep(clock, 10)
    }
  }

  agentList(): AgentStatus[] {
    return this.#options.agents.list()
  }

  /** Takes everything away. */
  async close(): Promise<void> {
    await this.#reconciling
    await this.channels.close()
  }

  #reconcile(): void {
    const { snapshot, agents, log } = this.#options
    const { subscribers } = snapshot
    this.#reconciling = this.channels
      .reconcile(subscribers)
      .then(() => {
        // Only what is still wanted: a newer publication may have come.
        for (const subscriber of snapshot.subscribers) agents.apply(subscriber)
      })
      .catch((error) => log.error({ error: (error as Error).message }, 'the node could not be reconciled'))
  }

  #moveIn(plan: ChannelPlan): void {
    const { realms, agents, snapshot, log } = this.#options
    realms.open(plan)
    const subscriber = snapshot.subscriber(plan.subscriber)
    if (!subscriber) return
    agents.settle(plan, subscriber).catch((error) => {
      log.error({ subscriber: plan.subscriber, error: (error as Error).message }, 'an agent could not be moved in')
    })
  }

  async #moveOut(plan: ChannelPlan): Promise<void> {
    this.#options.realms.close(plan.subscriber)
    await this.#options.agents.leave(plan.subscriber)
  }
}
