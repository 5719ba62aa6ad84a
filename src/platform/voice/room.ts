import type { PlayEnd } from './command.ts'
import type { Endpoint } from './endpoint.ts'
import { Pacer } from './pacer.ts'
import { ROUND } from './seat.ts'

/** Something that everyone hears: an announcement of one of the seats. */
interface Announcement {
  play: number
  by: Endpoint
  pcm: Int16Array
  samples: number
  played: number
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
  #announcement: Announcement | null = null

  constructor(number: number, now: number, reports: RoomReports) {
    this.number = number
    this.pacer = new Pacer(20, now)
    this.#reports = reports
  }

  announce(by: Endpoint, play: number, pcm: Int16Array, samples: number): void {
    this.unannounce('interrupted')
    this.#announcement = { play, by, pcm, samples: pcm.length === 0 ? 0 : samples, played: 0 }
  }

  /** Ends what is announced, where it is this. */
  unannounce(end: PlayEnd, by?: Endpoint, play?: number): void {
    const now = this.#announcement
    if (!now || (by && now.by !== by) || (play !== undefined && now.play !== play)) return
    this.#announcement = null
    this.#reports.played({ by: now.by, play: now.play, end, playedMs: now.played / 8 })
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
    const { pcm, samples } = announcement
    const count = Math.min(ROUND, samples - announcement.played)
    for (let i = 0; i < count; i++) this.#sum[i]! += pcm[(announcement.played + i) % pcm.length]!
    announcement.played += Math.max(0, count)
    if (announcement.played >= samples) this.unannounce('done')
  }
}

function clamp(sample: number): number {
  return Math.max(-32768, Math.min(32767, sample))
}
