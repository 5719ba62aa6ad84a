import type { PlayEnd } from './command.ts'
import type { Endpoint } from './endpoint.ts'
import { Pacer } from './pacer.ts'
import { ROUND } from './seat.ts'
import type { Sounding } from './sounding.ts'
import { type Source, sourceOf } from './source.ts'

/** Something that everyone hears: an announcement of one of the seats. */
interface Announcement {
  play: number
  by: Endpoint
  source: Source
}

/** What a room tells of its seats. */
export interface RoomReports {
  speaking(endpoint: Endpoint): void
  played(announcement: { by: Endpoint; play: number; end: PlayEnd; playedMs: number }): void
}

/**
 * A conference on the media thread. Every 20 ms what all say is added up once, and each seat gets the sum without its own
 * part: the work grows with the seats, not with their square.
 */
export class Room {
  readonly number: number
  readonly seats: Endpoint[] = []
  readonly pacer: Pacer
  readonly #reports: RoomReports
  readonly #sum = new Int32Array(ROUND)
  readonly #announced = new Int16Array(ROUND)
  #announcement: Announcement | null = null

  constructor(number: number, now: number, reports: RoomReports) {
    this.number = number
    this.pacer = new Pacer(20, now)
    this.#reports = reports
  }

  announce(by: Endpoint, play: number, sound: Sounding): void {
    this.unannounce('interrupted')
    this.#announcement = { play, by, source: sourceOf(sound) }
  }

  /** Ends what is announced, where it is this. */
  unannounce(end: PlayEnd, by?: Endpoint, play?: number): void {
    const now = this.#announcement
    if (!now || (by && now.by !== by) || (play !== undefined && now.play !== play)) return
    this.#announcement = null
    this.#reports.played({ by: now.by, play: now.play, end, playedMs: now.source.playedMs })
  }

  /** Adds up what all say in the next 20 ms. */
  mix(now: number): void {
    const sum = this.#sum
    sum.fill(0)
    for (const endpoint of this.seats) {
      const seat = endpoint.seat!
      if (seat.next(endpoint.ear, now)) this.#reports.speaking(endpoint)
      if (!seat.heard || seat.coached >= 0) continue
      const { frame } = seat
      for (let i = 0; i < ROUND; i++) sum[i]! += frame[i]!
    }
    this.#addAnnouncement()
  }

  /** What one of them hears of this round. */
  hear(endpoint: Endpoint, into: Int16Array): void {
    const { frame, heard, coached } = endpoint.seat!
    const own = heard && coached < 0
    for (let i = 0; i < ROUND; i++) into[i] = clamp(this.#sum[i]! - (own ? frame[i]! : 0))
    for (const { seat } of this.seats) {
      if (!seat!.heard || seat!.coached !== endpoint.slot) continue
      for (let i = 0; i < ROUND; i++) into[i] = clamp(into[i]! + seat!.frame[i]!)
    }
  }

  #addAnnouncement(): void {
    const announcement = this.#announcement
    if (!announcement) return
    announcement.source.pull(this.#announced, ROUND)
    for (let i = 0; i < ROUND; i++) this.#sum[i]! += this.#announced[i]!
    if (announcement.source.ended) this.unannounce('done')
  }
}

function clamp(sample: number): number {
  return Math.max(-32768, Math.min(32767, sample))
}
