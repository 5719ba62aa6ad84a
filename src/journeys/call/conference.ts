import { type Id, newId } from '#lib/index.ts'
import type { LegMedia } from '#platform/switch/index.ts'
import { durationMs, type VerbMethods } from '#platform/words/index.ts'
import type { Call } from './call.ts'
import { watchLife } from './life.ts'
import { verbError } from './over.ts'
import { answer, kindsOf, lease, promptOf, stoppable } from './prompt.ts'

type Params<V extends keyof VerbMethods> = VerbMethods[V]['params']
type Result<V extends keyof VerbMethods> = VerbMethods[V]['result']
type Left = Result<'call.conference'>['reason']

/** A call's seat in a conference. */
export interface Seat {
  readonly room: string
  readonly media: LegMedia
  readonly verb: Id<'verb'>
  /** Its going ends the conference for all. */
  readonly moderator: boolean
  muted: boolean
  coach: Id<'call'> | null
  /** Why it was told to go; null while it was not. */
  left: Left | null
}

/** Takes a seat in one of the subscriber's conferences, until it is given up, or the conference ends. */
export async function conference(
  call: Call,
  params: Params<'call.conference'>,
  signal: AbortSignal,
): Promise<Result<'call.conference'>> {
  using held = lease(call, ['voice.seat'])
  const media = await answer(call)
  held.begin()
  const { room, muted = false, coach = null, moderator = false } = params
  const coached = partner(call, room, coach)
  const seat: Seat = { room, media, verb: newId('verb'), moderator, muted, coach, left: null }
  const satAt = call.now()
  call.seat = seat
  const onSpeaking = (speaking: boolean) => call.event('conference.speaker', { leg: call.a, data: { room, speaking } })
  media.endpoint.onSpeaking = onSpeaking
  call.event('conference.joined', { leg: call.a, data: { room, seats: seatsOf(call, room).length } })
  using _life = watchLife(call, [call.a])
  try {
    const sitting = media.endpoint.sit({ verb: seat.verb, conference: `${call.subscriber.id}/${room}`, muted, ...coached })
    await stoppable(call, media, seat.verb, sitting, signal)
    return { reason: seat.left ?? 'left', durationSeconds: durationMs(satAt, call.now()) / 1000 }
  } finally {
    media.endpoint.onSpeaking = undefined
    call.seat = null
    const others = seatsOf(call, room)
    const reason = call.cause ? 'hangup' : (seat.left ?? 'interrupted')
    call.event('conference.left', { leg: call.a, data: { room, reason, seats: others.length } })
    if (moderator) for (const { seat: other } of others) go(other, 'ended')
  }
}

/** Changes how the call takes part in the conference where it sits. */
export async function changeSeat(call: Call, params: Params<'call.seat'>): Promise<null> {
  const seat = seatOf(call)
  const coach = params.coach === undefined ? seat.coach : params.coach === 'none' ? null : params.coach
  const muted = params.muted ?? seat.muted
  await seat.media.endpoint.takePart({ muted, ...partner(call, seat.room, coach) })
  seat.muted = muted
  seat.coach = coach
  return null
}

/** Gives the call's seat up: whoever commands this for another's call puts it out. */
export function leave(call: Call): null {
  go(seatOf(call), 'left')
  return null
}

/** Everyone in the conference hears it, and the conference goes on. */
export async function announce(
  call: Call,
  params: Params<'call.announce'>,
  signal: AbortSignal,
): Promise<Result<'call.announce'>> {
  const { media } = seatOf(call)
  const source = promptOf(call, params)
  using held = lease(call, kindsOf(source))
  held.begin()
  const verb = newId('verb')
  const playing = media.endpoint.play({ verb, source, toAll: true })
  const { playedMs } = await stoppable(call, media, verb, playing, AbortSignal.any([call.signal, signal]))
  return { playedMs }
}

function go(seat: Seat, why: Left): void {
  seat.left ??= why
  seat.media.endpoint.stop(seat.verb)
}

function seatOf(call: Call): Seat {
  if (!call.seat) throw verbError('invalid-argument', 'the call is in no conference')
  return call.seat
}

/** The endpoint that alone hears a coach: a call in the same conference. */
function partner(call: Call, room: string, coach: Id<'call'> | null): { coached?: Id<'med'> } {
  if (coach === null) return {}
  const coached = seatsOf(call, room).find(({ id }) => id === coach && id !== call.id)
  if (!coached) throw verbError('invalid-argument', 'who is coached must be in the conference')
  return { coached: coached.seat.media.endpoint.id }
}

/** The calls of the subscriber that sit in a room. */
function seatsOf(call: Call, room: string): { id: Id<'call'>; seat: Seat }[] {
  const seats: { id: Id<'call'>; seat: Seat }[] = []
  for (const { id, seat, subscriber } of call.x.calls.values()) {
    if (seat?.room === room && subscriber.id === call.subscriber.id) seats.push({ id, seat })
  }
  return seats
}
