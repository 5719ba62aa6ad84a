import type { Call } from './call.ts'
import type { VerbName } from './desk.ts'

/**
 * Ms that an answer may be behind a program that has learnt of it from the telephone itself: its way to the switch, and what
 * is done there until the two legs are joined.
 */
const ANSWER_MS = 500

/** What is commanded of two joined legs. */
const OF_JOINED: ReadonlySet<VerbName> = new Set([
  'call.transfer',
  'call.hold',
  'call.retrieve',
  'call.consult',
  'call.complete',
  'call.split',
  'call.park',
  'call.dtmf',
])

/**
 * Where a leg is being dialled and the command is one for two who talk: resolves when they do, or it is clear that its
 * sender was not told by an answer. What comes behind such a command waits with it, so that all keep their order. Null where
 * nothing is to be waited for. @throws CallOver
 */
export function joinedSoon(call: Call, name: VerbName): Promise<void> | null {
  if (call.joining) return call.joining
  if (!OF_JOINED.has(name) || call.phase === 'joined' || !isDialling(call)) return null
  const { promise, resolve } = Promise.withResolvers<void>()
  const forget = call.onJoined(resolve)
  const timer = call.x.clock.after(ANSWER_MS, resolve)
  call.joining = call.whileUp(promise).finally(() => {
    forget()
    timer.cancel()
    call.joining = null
  })
  return call.joining
}

function isDialling(call: Call): boolean {
  return call.legs.some((leg) => leg.facts.direction === 'out' && leg !== call.a && !leg.cause)
}
