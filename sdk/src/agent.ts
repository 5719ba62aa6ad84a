import type { Call } from './call.ts'
import { AgentSession, type AgentSurroundings } from './session.ts'

/** What a subscriber writes: one function for a call. */
export interface AgentProgram {
  /** Runs once for each call that comes in. The call goes its stored default route when this throws or takes too long. */
  call(call: Call): unknown
  /**
   * The switch has restarted while the call was in a verb; the call is answered or not as it was. Without this function
   * such a call goes its stored default route.
   */
  resumed?(call: Call): unknown
}

/** An agent as the platform runs it. Export it as the default of the entry file. */
export interface Agent {
  readonly program: AgentProgram
  /**
   * Connects to the switch and takes calls. Called by the platform, which brings the way to connect along; a test may
   * bring its own. Connects again by itself when the link is lost.
   */
  start(surroundings: AgentSurroundings): AgentSession
}

/** Makes an agent of a program. */
export function agent(program: AgentProgram): Agent {
  if (typeof program?.call !== 'function') throw new TypeError('an agent needs a function named call')
  return { program, start: (surroundings) => new AgentSession(program, surroundings) }
}
