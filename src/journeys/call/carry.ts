import type { Leg } from '#platform/switch/index.ts'
import type { DialResult } from '#platform/words/index.ts'
import { durationMs } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { watchLife } from './life.ts'
import type { Wish } from './wish.ts'

/**
 * Carries two joined legs until the dialled one is over, or the whole call, as when its caller hangs up, or something else is asked of
 * them. It is the same after a restart of the switch, and needs nothing but the call.
 */
export async function carry(call: Call, b: Leg): Promise<DialResult | Wish> {
  const joinedAt = call.leasesOf(b).find((lease) => lease.answered)?.answered ?? call.now()
  call.phase = 'joined'
  const life = watchLife(call, [call.a, b])
  const wish = await wishOrEnd(call, b)
  life[Symbol.dispose]()
  if (wish && !call.cause) return wish
  const cause = call.cause ?? b.cause!
  // The caller's audio is bound to a far end that is gone, and nothing of ours has ever been offered to it.
  if (call.direct) call.end(cause)
  if (!call.cause) {
    call.phase = 'verb'
    call.save()
  }
  return { status: 'answered', durationSeconds: durationMs(joinedAt, call.now()) / 1000, cause }
}

/** What is asked of two joined legs; null where the dialled one, or the call, is over first. */
function wishOrEnd(call: Call, b: Leg): Promise<Wish | null> {
  return new Promise((resolve) => {
    const settle = (wish: Wish | null) => {
      if (call.onWish !== settle) return
      call.onWish = null
      forget()
      resolve(wish)
    }
    const forget = call.onOver(() => settle(null))
    call.onWish = settle
    void b.ended.then(() => settle(null))
    if (call.wish || call.cause) settle(call.wish)
  })
}
