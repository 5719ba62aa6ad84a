import { type Id, TielineError, token } from '#lib/index.ts'
import type { MemoryHold } from '#platform/agent/index.ts'
import type { SandboxMemory } from '#platform/words/index.ts'
import { type Link, LinkLost } from '#protocol/link/index.ts'
import type { HostLink } from './host-methods.ts'

/**
 * The memory that sandboxes hold, each under a lease of the switch. This side knows what there is, and tells the switch when it comes; what
 * is asked for while it is away waits for it, since without a switch no agent is of use.
 */
export class NodeMemory {
  readonly #held = new Map<string, SandboxMemory & { granted: boolean }>()
  readonly #waiting = new Set<(link: Link<HostLink>) => void>()
  #link: Link<HostLink> | null = null

  /** The switch is here. */
  linked(link: Link<HostLink>): void {
    this.#link = link
    void link.closed.then(() => this.#lost(link))
    for (const go of this.#waiting) go(link)
    this.#waiting.clear()
  }

  /** What there is, and what is asked for. */
  list(): (SandboxMemory & { granted: boolean })[] {
    return [...this.#held.values()]
  }

  /** Memory for a sandbox that is to be started. Rejects with the switch's refusal. */
  async take(wanted: { subscriber: Id<'sub'>; agent: Id<'agt'>; mebibytes: number }): Promise<MemoryHold> {
    const sandbox = token(8)
    const asked = { sandbox, ...wanted }
    const known = { ...asked, granted: false }
    this.#held.set(sandbox, known)
    try {
      while (!known.granted) known.granted = await this.#ask(asked)
    } catch (error) {
      this.#held.delete(sandbox)
      throw error
    }
    const { agent, mebibytes } = wanted
    return { agent, mebibytes, release: (reason) => this.#free(sandbox, reason) }
  }

  /** False where the switch has gone meanwhile: the next one is asked again, for the same sandbox. */
  async #ask(asked: SandboxMemory): Promise<boolean> {
    const link = this.#link ?? (await new Promise<Link<HostLink>>((resolve) => this.#waiting.add(resolve)))
    try {
      await link.call('memory.take', asked)
      return true
    } catch (error) {
      // One that stops grants nothing more, which is no refusal.
      if (error instanceof TielineError && error.verdict.code === 'switch-stopping') await link.closed
      else if (!(error instanceof LinkLost)) throw error
      this.#lost(link)
      return false
    }
  }

  #free(sandbox: string, reason: string): void {
    this.#held.delete(sandbox)
    this.#link?.notify('memory.free', { sandbox, reason })
  }

  #lost(link: Link<HostLink>): void {
    if (this.#link === link) this.#link = null
  }
}
