import type { Id } from '#lib/index.ts'
import type { Sealed } from './snapshot.ts'

/** What stands unsealed at the head of a recording. */
export interface RecordingHeader {
  id: Id<'rec'>
  subscriber: Id<'sub'>
  call: Id<'call'>
  /** RFC 3339, UTC. */
  startedAt: string
  /** 1, or 2: the caller left, the other side right. */
  channels: 1 | 2
  /** The recording's own key, sealed with the subscriber's. */
  sealedKey: Sealed
}
