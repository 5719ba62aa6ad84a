import { ResourceUnavailable } from '#platform/resource/index.ts'
import { causeOf, type Reason, toldStatus, writeReason } from '#platform/trunk/index.ts'
import type { Demand } from '#platform/words/index.ts'
import type { IncomingInvite } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'

/** An INVITE that makes no call. */
export function refuse(invite: IncomingInvite, reason: Reason): null {
  const cause = causeOf('switch', reason)
  invite.refuse(toldStatus(cause), { headers: [['Reason', writeReason(cause)]] })
  return null
}

/** Leases for a call that is not a call before it has them. @throws ResourceUnavailable, after `call.refused` */
export function admitCall(call: Call, demands: readonly Demand[]): void {
  try {
    call.lease(demands)
  } catch (error) {
    if (error instanceof ResourceUnavailable) {
      call.event('call.refused', { data: { refusal: error.refusal, from: call.facts.from, to: call.facts.to } })
    }
    throw error
  }
}
