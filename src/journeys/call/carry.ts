import type { Leg } from '#platform/switch/index.ts'
import type { DialResult } from '#platform/words/index.ts'
import { durationMs } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { watchLife } from './life.ts'
import type { Wish } from './wish.ts'

/**
 * Carries two joined legs until the dialled one is over, or something else is asked of them. It is the same after a restart of the switch, and needs nothing
 * but the call. Rejects with CallOver when the caller's leg, or the whole call, ends first.
 */
export async function carry(call: Call, b: Leg): Promise<DialResult | Wish> {
  const joinedAt = call.leasesOf(b).find((lease) => lease.answered)?.answered ?? call.now()
  call.phase = 'joined'
  using _life = watchLife(call, [call.a, b])
  const asked = Promise.withResolvers<Wish>()
  call.onWish = asked.resolve
  if (call.wish) asked.resolve(call.wish)
  const next = await call.whileUp(Promise.race([b.ended, asked.promise])).finally(() => {
    call.onWish = null
  })
  if ('kind' in next) return next
  const cause = next
  // The caller's audio is bound to a far end that is gone, and nothing of ours has ever been offered to it.
  if (call.direct) call.end(cause)
  call.throwIfOver()
  call.phase = 'verb'
  call.save()
  return { status: 'answered', durationSeconds: durationMs(joinedAt, call.now()) / 1000, cause }
}
