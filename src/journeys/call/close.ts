import type { Timer } from '#lib/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { Call } from './call.ts'

/**
 * Gives back whatever a call has taken, in this order: legs, audio, leases; then the agent's last word and `call.cleared`. A step that fails
 * keeps no other from being taken. A promise where there is audio, as its end is waited for.
 */
export function close(call: Call): Promise<void> | undefined {
  if (call.handedOver) return undefined
  take(call, endLegs)
  const silence = take(call, closeAudio)
  if (silence) return silence.then(() => closeRest(call))
  closeRest(call)
  return undefined
}

function closeRest(call: Call): void {
  take(call, giveBack)
  take(call, tellAgent)
  take(call, clear)
}

function take<T>(call: Call, step: (call: Call) => T): T | undefined {
  try {
    return step(call)
  } catch (error) {
    call.log.error({ err: error }, 'a call could not be cleared as it should')
    return undefined
  }
}

function endLegs(call: Call): void {
  call.limit.cancel()
  call.end(causeOf('switch', 'hangup'))
}

function closeAudio(call: Call): Promise<unknown> | undefined {
  for (const leg of call.legs) call.closeMedia(leg)
  const { closing, lastWords } = call
  if (closing.length + lastWords.length === 0) return undefined
  return Promise.allSettled([...closing, ...lastWords.map(({ done, longestMs }) => atMost(call, done, longestMs))])
}

function atMost(call: Call, done: Promise<unknown>, longestMs: number): Promise<unknown> {
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
