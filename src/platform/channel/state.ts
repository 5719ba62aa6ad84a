import type { ChannelState } from '#platform/words/index.ts'
import type { PeerStatus } from '#protocol/wireguard/index.ts'

/** What is known of a channel at one moment. */
export interface Observation {
  /** Why there is no tunnel; null while there is one. */
  fault: string | null
  /** What WireGuard knows of the site; null before it was asked. */
  peer: PeerStatus | null
  /** Seconds of monotonic time since the last handshake was seen; null before the first. */
  ageSeconds: number | null
}

/** A session that has seen no handshake for so long has no valid keys any more (REJECT_AFTER_TIME, WireGuard paper §6.1). */
export const STALE_AFTER_SECONDS = 180

/**
 *   provisioned ──▶ connecting ──▶ up ◀──▶ stale        any ──▶ down ──▶ provisioned        any ──▶ removed
 *
 * Pure: the state of a channel and the reason for it, in words for people.
 */
export function channelState({ fault, peer, ageSeconds }: Observation): {
  state: ChannelState
  reason: string
  age: number | null
} {
  if (fault !== null) return { state: 'down', reason: fault, age: null }
  if (!peer) return { state: 'provisioned', reason: 'the tunnel has been made', age: null }
  if (ageSeconds === null) {
    if (peer.receivedBytes === 0 && peer.sentBytes > 0)
      return { state: 'connecting', reason: 'the site is called at the address that it had last', age: null }
    if (peer.receivedBytes > 0)
      return {
        state: 'connecting',
        reason: 'packets have come from the site, but no handshake is complete: compare the keys',
        age: null,
      }
    return { state: 'provisioned', reason: 'the site has not called yet', age: null }
  }
  const age = Math.floor(ageSeconds)
  if (age > STALE_AFTER_SECONDS)
    return { state: 'stale', reason: `no handshake for ${STALE_AFTER_SECONDS} s: the site or its internet access is down`, age }
  return { state: 'up', reason: 'the site has made a handshake', age }
}
