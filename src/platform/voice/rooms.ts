import { RTP_HEADER_BYTES } from '#protocol/rtp/index.ts'
import type { MediaReport, RoomCommand } from './command.ts'
import type { Endpoint } from './endpoint.ts'
import { Room, type RoomReports } from './room.ts'
import { ROUND, Seat } from './seat.ts'
import type { Transmitter } from './transmitter.ts'

/** All conferences of the media thread: who sits where, and what each hears, sent at its own frame length. */
export class Rooms {
  readonly #transmitter: Transmitter
  readonly #rooms = new Map<number, Room>()
  readonly #roomOf = new Map<Endpoint, Room>()
  readonly #reports: RoomReports
  readonly #heard = new Int16Array(ROUND)

  constructor(transmitter: Transmitter, report: (report: MediaReport) => void) {
    this.#transmitter = transmitter
    this.#reports = {
      speaking: ({ slot, seat }) => report({ type: 'speaking', slot, speaking: seat?.speaking ?? false }),
      played: ({ by, play, end, playedMs }) => report({ type: 'played', slot: by.slot, play, end, playedMs }),
    }
  }

  /** When the next round is due, ms; infinity when nobody sits anywhere. */
  nextDue(): number {
    let due = Number.POSITIVE_INFINITY
    for (const { pacer } of this.#rooms.values()) if (pacer.due < due) due = pacer.due
    return due
  }

  obey(command: RoomCommand, endpoint: Endpoint, now: number): void {
    const room = this.#roomOf.get(endpoint)
    switch (command.type) {
      case 'sit':
        this.leave(endpoint)
        this.#sit(endpoint, command.room, now)
        return
      case 'seat':
        if (!endpoint.seat) return
        endpoint.seat.muted = command.muted
        endpoint.seat.coached = command.coached
        return
      case 'stand':
        this.leave(endpoint)
        return
      case 'announce':
        if (room) room.announce(endpoint, command.play, command.sound)
        else this.#reports.played({ by: endpoint, play: command.play, end: 'stopped', playedMs: 0 })
        return
      case 'unannounce':
        room?.unannounce('stopped', endpoint, command.play)
    }
  }

  /** Gives the seat up, where there is one. */
  leave(endpoint: Endpoint): void {
    const room = this.#roomOf.get(endpoint)
    if (!room) return
    room.unannounce('stopped', endpoint)
    this.#roomOf.delete(endpoint)
    room.seats.splice(room.seats.indexOf(endpoint), 1)
    endpoint.seat = null
    if (room.seats.length === 0) this.#rooms.delete(room.number)
  }

  /** Mixes and sends what is due. */
  send(now: number): void {
    for (const room of this.#rooms.values()) {
      while (room.pacer.take(now)) {
        room.mix(now)
        for (const endpoint of room.seats) this.#send(room, endpoint, now)
      }
      if (room.pacer.skippedMs > 0) for (const { hearing } of room.seats) hearing!.fresh = true
    }
  }

  #sit(endpoint: Endpoint, number: number, now: number): void {
    let room = this.#rooms.get(number)
    if (!room) {
      room = new Room(number, now, this.#reports)
      this.#rooms.set(number, room)
    }
    endpoint.seat = new Seat()
    endpoint.ear = null
    endpoint.hearing = { samples: new Int16Array(1024), count: 0, fresh: true }
    room.seats.push(endpoint)
    this.#roomOf.set(endpoint, room)
  }

  /** A seat whose frames are longer than a round gets them once they are full; shorter ones come in a row. */
  #send(room: Room, endpoint: Endpoint, now: number): void {
    const hearing = endpoint.hearing!
    if (!endpoint.canSend || endpoint.isSpeaking) {
      hearing.count = 0
      hearing.fresh = true
      return
    }
    room.hear(endpoint, this.#heard)
    hearing.samples.set(this.#heard, hearing.count)
    hearing.count += ROUND
    const { frameSamples, frameTicks, out } = endpoint
    while (hearing.count >= frameSamples) {
      const { bytes } = this.#transmitter
      const length = endpoint.encode(hearing.samples, frameSamples, 8000, bytes, RTP_HEADER_BYTES)
      hearing.samples.copyWithin(0, frameSamples, hearing.count)
      hearing.count -= frameSamples
      out.next(frameTicks, hearing.fresh, now)
      hearing.fresh = false
      this.#transmitter.send(endpoint, endpoint.sendPayloadType, length)
    }
  }
}
