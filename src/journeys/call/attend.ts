import { type Id, TielineError } from '#lib/index.ts'
import type { OfferedCall } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { type Departure, Desk, type Verb } from './desk.ts'
import { callOver, verbError } from './over.ts'
import { perform } from './verb.ts'

/** Whether there is an agent that a call can be offered to, or one that is on its way. */
export function isAttended({ x, subscriber }: Call): boolean {
  return x.agents.connected(subscriber.id) || x.agents.expected(subscriber.id)
}

/**
 * The agent's part of a call: it is offered, and what its program commands is carried out, one verb after the other,
 * until the program has finished, fails, or lets the call wait too long. A call never waits on a program (DESIGN §4, 3).
 * Resolves with why nobody decides any more; rejects with CallOver when the call ends first.
 */
export async function attend(call: Call, kind: 'offered' | 'resumed', split?: Id<'call'>): Promise<Departure> {
  const { x, subscriber } = call
  const deadlineMs = subscriber.agent.decisionDeadlineMs
  const returning = kind === 'resumed' ? !split : x.agents.expected(subscriber.id)
  const waitedMs = returning ? await agentOrPatience(call) : 0
  if (!x.agents.connected(subscriber.id)) return 'agent-down'
  const desk = new Desk(x.clock)
  call.desk = desk
  if (call.cause) desk.close(callOver(call.cause))
  x.agents.offer(subscriber.id, kind, offered(call, deadlineMs, split)).then(
    ({ outcome }) => desk.leave(outcome),
    (error: unknown) => {
      if (!(error instanceof TielineError)) call.log.error({ err: error }, 'a call could not be offered to its agent')
      desk.leave('link-lost')
    },
  )
  let patienceMs = kind === 'offered' ? deadlineMs - waitedMs : deadlineMs
  for (;;) {
    const next = await desk.next(patienceMs)
    if (typeof next === 'string') {
      desk.close(verbError('interrupted', 'the call is not the agent’s any more'))
      call.desk = null
      return next
    }
    await carryOut(call, desk, next)
    patienceMs = x.limits.idleMs
  }
}

/**
 * Agents find a switch that was started again within moments; one that does not has used its deadline up. Resolves with the
 * ms that it took. @throws CallOver
 */
async function agentOrPatience(call: Call): Promise<number> {
  const { x, subscriber } = call
  const began = x.clock.now()
  const until = began + subscriber.agent.decisionDeadlineMs
  while (!x.agents.connected(subscriber.id) && x.clock.now() < until) {
    call.throwIfOver()
    await new Promise<void>((resolve) => x.clock.after(20, resolve, { keepAlive: true }))
  }
  return x.clock.now() - began
}

/** Carries one verb out and tells its sender how it went. Rejects only when the call is over. */
async function carryOut(call: Call, desk: Desk, verb: Verb): Promise<void> {
  if (verb.name !== 'call.ring') call.decided = true
  const started = call.now().mono
  call.event('verb.started', { data: { verb: verb.name } })
  let result = 'done'
  try {
    verb.resolve(await perform(call, desk, verb))
  } catch (error) {
    result = error instanceof TielineError ? error.verdict.code : 'fault'
    verb.reject(error)
    if (!(error instanceof TielineError)) throw error
    call.throwIfOver()
  } finally {
    if (!call.cause || result !== 'done') {
      call.event('verb.ended', { data: { verb: verb.name, result, ms: Math.round(call.now().mono - started) } })
    }
  }
}

function offered(call: Call, deadlineMs: number, split: Id<'call'> | undefined): OfferedCall {
  const { id, from, to, anonymous, diversions } = call.facts
  return { call: id, from, to, anonymous, deadlineMs, ...(diversions ? { diversions } : {}), ...(split ? { split } : {}) }
}
