import { sleep } from '#lib/index.ts'
import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { Call } from './call.ts'

/**
 * Watches that joined legs live. Silence alone kills nobody (M04): a leg that is silent for the media timeout has to
 * answer an OPTIONS inside its dialog, and one that does not is over, with a cause. Where audio passes by us, the same
 * question is asked in a slow rhythm instead.
 */
export function watchLife(call: Call, legs: readonly Leg[]): Disposable {
  const stop = new AbortController()
  const { mediaTimeoutMs, directProofMs } = call.x.limits
  for (const leg of legs) {
    const media = call.media.get(leg.id)
    if (!media) void proveInRhythm(call, leg, directProofMs, stop.signal)
    else if (mediaTimeoutMs > 0) {
      media.endpoint.watch(mediaTimeoutMs).catch(() => {})
      media.endpoint.onMedia = (state, silentMs) => void heard(call, leg, state, silentMs, stop.signal)
    }
  }
  return {
    [Symbol.dispose]() {
      stop.abort()
      for (const leg of legs) {
        const endpoint = call.media.get(leg.id)?.endpoint
        if (!endpoint) continue
        endpoint.onMedia = undefined
        endpoint.watch(0).catch(() => {})
      }
    },
  }
}

async function heard(call: Call, leg: Leg, state: 'silent' | 'flowing', silentMs: number, stop: AbortSignal): Promise<void> {
  if (stop.aborted || leg.cause) return
  call.event(state === 'silent' ? 'media.silent' : 'media.flowing', { leg, data: { silentMs } })
  if (state === 'flowing' || leg.state === 'hold') return
  if (await proves(call, leg, stop)) return
  const cut = leg.facts.via === 'channel'
  leg.end(causeOf('network', cut ? 'channel-lost' : 'media-silent'))
}

/** Whether the leg's far end answers inside the dialog; 481 and 408 end the session by themselves. */
async function proves(call: Call, leg: Leg, stop: AbortSignal): Promise<boolean> {
  const session = leg.session
  if (!session) return true
  const answered = session.request('OPTIONS').then(
    () => true,
    () => false,
  )
  const patience = new AbortController()
  const given = AbortSignal.any([stop, patience.signal])
  const silent = sleep(call.x.clock, call.x.limits.proofMs, given).then(
    () => false,
    () => true,
  )
  const alive = await Promise.race([answered, silent])
  patience.abort()
  return alive || stop.aborted || leg.cause !== null
}

async function proveInRhythm(call: Call, leg: Leg, everyMs: number, stop: AbortSignal): Promise<void> {
  try {
    for (;;) {
      await sleep(call.x.clock, everyMs, stop)
      if (await proves(call, leg, stop)) continue
      leg.end(causeOf('network', 'media-silent'))
      return
    }
  } catch {
    // Stopped: the legs are not joined any more.
  }
}
