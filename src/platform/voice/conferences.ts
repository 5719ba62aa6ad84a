import type { Id } from '#lib/index.ts'
import type { VerbEnd, VoiceMethods } from '#platform/words/index.ts'
import type { Session } from './session.ts'

/** The conferences of this process by name, each a number to the media thread while anybody sits in it. */
export class Conferences {
  readonly #rooms = new Map<string, { number: number; seats: Set<Session> }>()
  #numbers = 0

  /** Takes a seat, and gives it up when `stop` aborts. */
  async sit(
    session: Session,
    params: VoiceMethods['conference.sit']['params'],
    stop: AbortSignal,
    slotOf: (endpoint: Id<'med'>) => number,
  ): Promise<{ reason: VerbEnd }> {
    const room = this.#rooms.get(params.conference) ?? { number: ++this.#numbers, seats: new Set() }
    this.#rooms.set(params.conference, room)
    room.seats.add(session)
    session.sit(room.number)
    this.change(session, params, slotOf)
    try {
      if (!stop.aborted) await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }))
      return { reason: stop.reason as VerbEnd }
    } finally {
      session.stand()
      room.seats.delete(session)
      if (room.seats.size === 0) this.#rooms.delete(params.conference)
    }
  }

  change(
    session: Session,
    { muted, coached }: { muted: boolean; coached?: Id<'med'> },
    slotOf: (endpoint: Id<'med'>) => number,
  ): void {
    session.takePart(muted, coached === undefined ? -1 : slotOf(coached))
  }
}
