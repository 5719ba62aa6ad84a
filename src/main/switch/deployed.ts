import { type Clock, type Id, newId } from '#lib/index.ts'
import type { Configuration } from '#platform/switch/index.ts'
import { type AgentConfig, type EventType, instantOf, type JournalRecord } from '#platform/words/index.ts'

export interface DeployedOptions {
  configuration: Configuration
  clock: Clock
  boot: string
  record(entry: JournalRecord): unknown
}

/**
 * Tells in the journal what each publication says of deployed agents. What a switch that is away has missed it tells when it is
 * back, since it begins from the publication that it has kept.
 */
export function tellDeployments({ configuration, clock, boot, record }: DeployedOptions): void {
  const look = () => new Map(configuration.snapshot.subscribers.map(({ id, agent }) => [id, agent]))
  let known = look()
  configuration.onChange(() => {
    const now = look()
    for (const [subscriber, agent] of now) {
      for (const { type, data } of changes(known.get(subscriber), agent)) {
        const at = instantOf(clock, boot)
        const event = { id: newId('evt', at.wall), subscriber, number: 0, at: new Date(at.wall).toISOString(), type, data }
        record({ type: 'event', at, event })
      }
    }
    known = now
  })
}

interface Change {
  type: EventType
  data: { version: Id<'agt'>; reason?: string }
}

/** Nothing is told of a subscriber that was not known: what it has is not new. */
function changes(before: AgentConfig | undefined, { version, failed }: AgentConfig): Change[] {
  if (!before) return []
  const told: Change[] = []
  if (version && version.id !== before.version?.id) told.push({ type: 'agent.active', data: { version: version.id } })
  if (failed && failed.version !== before.failed?.version)
    told.push({ type: 'agent.failed', data: { version: failed.version, reason: failed.reason } })
  return told
}
