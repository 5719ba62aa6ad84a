import { type Clock, type Id, idIn, type Log } from '#lib/index.ts'
import { AgentSupervisor, type AgentSupervisorOptions, type SandboxParts } from '#platform/agent/index.ts'
import { type ChannelPlan, namespacePath } from '#platform/channel/index.ts'
import { SWITCH_NAME } from '#platform/subscriber/index.ts'
import type { AgentSaid, AgentStatus, Sealed, SubscriberConfig } from '#platform/words/index.ts'

export interface AgentsOptions {
  instance: string
  /** The uid of a subscriber is this and its slot. */
  firstUid: number
  parts: SandboxParts
  linkSocket: string
  directory: string
  logs: string
  clock: Clock
  log: Log
  unseal(sealed: Sealed): string
  /** The platform's CA, PEM. */
  ca(): string
  onStatus(status: AgentStatus): void
  /** Told the lines that name a call, where anybody is to know. */
  onSaid?: ((said: AgentSaid) => void) | undefined
  memory(
    subscriber: Id<'sub'>,
    ...wanted: Parameters<AgentSupervisorOptions['memory']>
  ): ReturnType<AgentSupervisorOptions['memory']>
}

type Sub = Id<'sub'>

/** Of a line, as much as is told. */
const TOLD_CHARACTERS = 2000

function linesOfCalls(printed: string[]): AgentSaid['lines'] {
  return printed.flatMap((line) => {
    const text = line.slice(0, TOLD_CHARACTERS)
    const call = idIn('call', text)
    return call ? [{ call, text }] : []
  })
}

/** One agent for each subscriber whose namespace stands. */
export class Agents {
  readonly #options: AgentsOptions
  readonly #supervisors = new Map<Sub, AgentSupervisor>()
  /** The namespace that each agent is to live in. */
  readonly #places = new Map<Sub, ChannelPlan>()

  constructor(options: AgentsOptions) {
    this.#options = options
  }

  /** A namespace stands: its agent may live in it. */
  async settle(plan: ChannelPlan, subscriber: SubscriberConfig): Promise<void> {
    this.#places.set(plan.subscriber, plan)
    await this.#end(plan.subscriber) // in the namespace that was there before
    if (this.#places.get(plan.subscriber) !== plan) return // it has gone again meanwhile
    const { instance, firstUid, parts, linkSocket, directory, logs, clock, log, onStatus, onSaid, memory } = this.#options
    const supervisor = new AgentSupervisor({
      subscriber: subscriber.id,
      name: subscriber.name,
      instance,
      uid: firstUid + subscriber.slot,
      namespace: namespacePath(plan.namespace),
      ...{ linkSocket, parts, directory, logs, clock, log, onStatus },
      memory: (agent, mebibytes) => memory(subscriber.id, agent, mebibytes),
      onPrinted: onSaid && ((printed) => onSaid({ subscriber: subscriber.id, wall: clock.wall(), lines: linesOfCalls(printed) })),
    })
    this.#supervisors.set(subscriber.id, supervisor)
    this.apply(subscriber)
  }

  /** Makes the agent as the subscriber's configuration says, if its namespace stands. */
  apply(subscriber: SubscriberConfig): void {
    const supervisor = this.#supervisors.get(subscriber.id)
    if (!supervisor) return
    const { agent, channel } = subscriber
    try {
      const key = this.#options.unseal(agent.key)
      const identity = { certificate: agent.certificate, key, ca: this.#options.ca(), switchName: SWITCH_NAME }
      supervisor.apply({ config: agent, dns: channel.dns, identity })
    } catch (error) {
      this.#options.log.error({ subscriber: subscriber.id, error: (error as Error).message }, 'an agent could not be configured')
    }
  }

  /** Ends the agent; resolves when nothing of it is left. */
  leave(subscriber: Sub): Promise<void> {
    this.#places.delete(subscriber)
    return this.#end(subscriber)
  }

  async #end(subscriber: Sub): Promise<void> {
    const supervisor = this.#supervisors.get(subscriber)
    this.#supervisors.delete(subscriber)
    await supervisor?.close()
  }

  list(): AgentStatus[] {
    return [...this.#supervisors.values()].map((supervisor) => supervisor.status)
  }

  get(subscriber: Sub): AgentSupervisor | undefined {
    return this.#supervisors.get(subscriber)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#supervisors.keys()].map((subscriber) => this.leave(subscriber)))
  }
}
