import type { Leg } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import type { Demand, Instant, Lease } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { joinAudio } from './connect.ts'
import { familyAt } from './media.ts'
import { CallOver } from './over.ts'
import { OF_PAIR } from './pair.ts'
import { reoffer } from './reoffer.ts'
import { isFree } from './wish.ts'

/** The legs of a call whose sound is on its way to another voice process. */
export interface Move {
  legs: Set<Leg>
  done: Promise<void>
}

/**
 * Voice has lost the sound of a leg, `agoMs` ago: its process died. By the subscriber's policy the leg ends, or its sound
 * moves: to another process or the one that was started again. A leg that is not answered and has heard of a port of ours
 * can't be told another one: it ends.
 */
export function soundLost(call: Call, leg: Leg, agoMs: number): void {
  if (leg.cause) return
  const all = call.subscriber.survival?.voice === 'end'
  if (all || !(leg.isConnected || isUntold(call, leg))) {
    // With the first leg all others end: what voice did for any of them it did until then.
    for (const one of all ? call.legs : [leg]) letGo(call, one, before(call, agoMs))
    leg.end(causeOf('switch', 'media-lost'))
    return
  }
  if (call.moving) {
    call.moving.legs.add(leg)
    return
  }
  const legs = new Set([leg])
  // All legs of a call are lost in one turn, and are moved together.
  const done = Promise.resolve().then(() => move(call, legs, agoMs))
  call.moving = { legs, done: done.finally(() => (call.moving = null)) }
}

function isUntold(call: Call, leg: Leg): boolean {
  return leg.incoming !== null && call.media.get(leg.id)?.description === null
}

/** Never rejects: a leg whose sound cannot be moved ends, and what goes wrong beside that ends the call. */
async function move(call: Call, legs: Set<Leg>, agoMs: number): Promise<void> {
  const lostAt = before(call, agoMs)
  try {
    await Promise.all([...legs].map((leg) => moveLeg(call, leg, lostAt)))
    await soundAgain(call)
    call.save()
  } catch (error) {
    if (error instanceof CallOver) return
    call.log.error({ err: error }, 'a call could not be moved to another voice process')
    call.end(causeOf('switch', 'media-lost'))
  }
}

/** Who talked to each other does again, and who is held hears what it heard. */
async function soundAgain(call: Call): Promise<void> {
  const [a, b] = call.legs.filter((leg) => leg.isConnected && call.media.has(leg.id) && !call.holds?.has(leg))
  if (a && b && (isFree(call) || call.consulting)) await joinAudio(call, a, b)
  for (const [leg, { music }] of call.holds ?? []) {
    if (!music) continue
    const playing = call.media.get(leg.id)?.endpoint.play({ verb: music.verb, source: music.source, loop: 0 })
    playing?.catch((error: unknown) => call.log.info({ err: error, leg: leg.id }, 'a held leg does not hear what it should'))
  }
}

/** What a joined leg holds of a voice process. */
const OF_VOICE: ReadonlySet<string> = new Set(['voice.port', 'voice.relay', ...OF_PAIR])

/** Gives back what the leg held of voice until `lostAt`, and says what that was. */
function letGo(call: Call, leg: Leg, lostAt: Instant): Lease[] {
  const leases = call.leasesOf(leg).filter(({ kind }) => OF_VOICE.has(kind))
  call.x.registry.release(
    leases.map(({ id }) => id),
    'voice-lost',
    { at: lostAt },
  )
  return leases
}

function before(call: Call, ms: number): Instant {
  const now = call.now()
  return { ...now, wall: now.wall - ms, mono: now.mono - ms }
}

/** New leases for the old ones, which end when the process did; a new port; and the far end is told. @throws CallOver */
async function moveLeg(call: Call, leg: Leg, lostAt: Instant): Promise<void> {
  const media = call.media.get(leg.id)
  if (!media || leg.cause) return
  const { registry } = call.x
  const old = letGo(call, leg, lostAt)
  // Who listens for its keys is leased where it is joined again, and is not needed for it.
  const needed = old.filter(({ kind }) => kind !== 'voice.keys')
  const demands: Demand[] = needed.map(({ kind, count, detail }) => ({ kind, count, leg: leg.id, ...(detail ? { detail } : {}) }))
  try {
    const leases = call.admit(demands)
    const family = familyAt(call, leg, media.endpoint.snapshot.address)
    await call.whileUp(media.endpoint.reopen(leg.facts.realm, family))
    media.moved()
    if (leg.isConnected && leg.session) {
      if (!(await reoffer(call, leg, leg.session, media))) throw new Error('the far end refused the new port')
      registry.answered(leases.map(({ id }) => id))
      leg.touch()
      call.event('media.moved', { leg })
    }
  } catch (error) {
    call.throwIfOver()
    if (leg.cause) return
    call.log.warn({ err: error, leg: leg.id }, 'the sound of a leg could not be moved')
    leg.end(causeOf('switch', 'media-lost'))
  }
}
