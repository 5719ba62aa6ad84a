import type { Timer } from '#lib/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { Call } from './call.ts'

/** The end of a call in its order: legs, audio, leases, the agent's last word, `call.cleared`. */
const STEPS: readonly ((call: Call) => unknown)[] = [endLegs, closeAudio, giveBack, tellAgent, clear]

/** Gives back whatever a call has taken: a step that fails keeps no other from being taken. */
export async function close(call: Call): Promise<void> {
  if (call.handedOver) return
  for (const step of STEPS) {
    try {
      const work = step(call)
      if (work) await work
    } catch (error) {
      call.log.error({ err: error }, 'a call could not be cleared as it should')
    }
  }
}

function endLegs(call: Call): void {
  call.limit.cancel()
  call.end(causeOf('switch', 'hangup'))
}

function closeAudio(call: Call): Promise<unknown> | undefined {
  const { closing } = call
  for (const { done, longestMs } of call.lastWords) closing.push(atMost(call, done, longestMs))
  for (const leg of call.legs) call.closeMedia(leg)
  return closing.length > 0 ? Promise.allSettled(closing) : undefined
}

function atMost(call: Call, done: Promise<void>, longestMs: number): Promise<void> {
  let timer: Timer | undefined
  const enough = new Promise<void>((resolve) => {
    timer = call.x.clock.after(longestMs, resolve, { keepAlive: true })
  })
  return Promise.race([done, enough]).finally(() => timer?.cancel())
}

function giveBack(call: Call): void {
  const left = call.x.registry.releaseCall(call.id, call.cause?.reason ?? 'fault')
  if (left > 0) call.log.debug({ leases: left }, 'leases were given back by the end of the call')
}

function tellAgent(call: Call): void {
  call.x.agents.ended(call.subscriber.id, call.id, call.cause ?? causeOf('switch', 'fault'))
}

function clear(call: Call): void {
  call.event('call.cleared', { cause: call.cause ?? causeOf('switch', 'fault') })
  call.x.calls.delete(call.id)
  call.x.trace.over(call.id)
}
