import type { AgentSaid } from '#platform/words/index.ts'
import type { Link } from '#protocol/link/index.ts'
import type { HostLink } from './host-methods.ts'

/** Octets that may wait for a switch that is busy; what agents print beyond that is in their own logs alone. */
const WAITING = 256 << 10

/** What agents print of calls, as the switch is told it: nobody waits for that, and what it cannot take is left out. */
export class SaidByAgents {
  #link: Link<HostLink> | null = null

  /** The switch is here. */
  linked(link: Link<HostLink>): void {
    this.#link = link
  }

  tell(said: AgentSaid): void {
    if (said.lines.length === 0 || !this.#link || this.#link.stream.writableLength > WAITING) return
    this.#link.notify('agent.said', said)
  }
}
