import type { Call } from './call.ts'
import { Interrupted } from './error.ts'
import { AgentSession, type AgentSurroundings } from './session.ts'
import type { Destination, MadeCall, MakeCallOptions, Target } from './types.ts'

/** What a subscriber writes: one function for a call. */
export interface AgentProgram {
  /** Runs once for each call that comes in. The call goes its stored default route when this throws or takes too long. */
  call(call: Call): unknown
  /**
   * The switch has restarted while the call was in a verb; the call is answered or not as it was. Without this function
   * such a call goes its stored default route.
   */
  resumed?(call: Call): unknown
  /**
   * A call that `makeCall` has placed is over, and why; also one that was never given to `call`, since nobody answered. Told
   * once, and not of calls that outlive the link to the switch.
   */
  ended?(made: MadeCall): unknown
}

/** An agent as the platform runs it. Export it as the default of the entry file. */
export interface Agent {
  readonly program: AgentProgram
  /**
   * Connects to the switch and takes calls. Called by the platform, which brings the way to connect along; a test may
   * bring its own. Connects again by itself when the link is lost.
   */
  start(surroundings: AgentSurroundings): AgentSession
  /**
   * Calls `from`, and when it has answered, `to`, which it hears ring; `'agent'` gives the call to `call` of the program instead,
   * and `{ pickUp }` gives `from` what rings elsewhere, which ends the call that was made.
   * Resolves with the id of the call when `from` is being called. Rejects with ResourceUnavailable when a lease is refused,
   * VerbError when there is no way to `from`, Interrupted while there is no link to the switch.
   */
  makeCall(from: Target, to: Destination, options?: MakeCallOptions): Promise<string>
}

/** Makes an agent of a program. */
export function agent(program: AgentProgram): Agent {
  if (typeof program?.call !== 'function') throw new TypeError('an agent needs a function named call')
  let session: AgentSession | null = null
  return {
    program,
    start(surroundings) {
      session = new AgentSession(program, surroundings)
      return session
    },
    async makeCall(from, to, options = {}) {
      if (!session) throw new Interrupted()
      return await session.makeCall(from, to, options)
    },
  }
}
