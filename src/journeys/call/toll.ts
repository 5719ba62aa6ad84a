import { type Id, newId } from '#lib/index.ts'
import { causeOf, type Reason } from '#platform/trunk/index.ts'
import type { PromptSource } from '#platform/words/index.ts'
import type { Exchange } from './exchange.ts'

/** Three beeps, as a telephone that took coins had them. */
const BEEPS: PromptSource = { tone: [{ frequencies: [1400], onMs: 200, offMs: 200 }], totalMs: 1200 }

interface Limited {
  call: Id<'call'>
  /** Undefined where the whole call runs out. */
  leg: Id<'leg'> | undefined
  why: Extract<Reason, 'toll-limit' | 'no-balance'>
}

/** Nobody who is connected to an emergency is cut, whoever has called it: its other legs may have to be paid for. */
function isEmergency(x: Exchange, call: Id<'call'>): boolean {
  return x.registry.leasesOf(call).some(({ detail }) => detail?.emergency)
}

/** A leg will be cut, since a limit or a balance is nearly used up: everyone in its call hears it. Sound that passes by us carries no tone. */
export function warnOfLimit(x: Exchange, { call: id, leg }: Limited): void {
  const call = x.calls.get(id)
  if (!call || call.cause || isEmergency(x, id)) return
  call.event('leg.warned', leg ? { leg: { id: leg } } : {})
  for (const { endpoint } of call.media.values())
    endpoint.play({ verb: newId('verb'), source: BEEPS }).catch((error: unknown) => {
      call.log.info({ err: error }, 'a warning could not be heard')
    })
}

/** The leg is over, since a limit or a balance is used up; its call goes on as if the far end had hung up. */
export function cutAtLimit(x: Exchange, { call: id, leg, why }: Limited): void {
  if (isEmergency(x, id)) return
  const call = x.calls.get(id)
  const cause = causeOf('switch', why)
  if (leg === undefined) call?.end(cause)
  else call?.legs.find((one) => one.id === leg)?.end(cause)
}
