/**
 * How things stand for one demand: the counts that a decision depends on. All are derived from (capacity, allocations,
 * leases); who keeps them incrementally must agree with who counts the leases anew.
 */
export interface Standing {
  /** The subscriber's right, and what it has in use of the kind. */
  guaranteed: number
  ceiling: number
  mine: number
  /** The node's capacity of the kind, what all have in use, and Σ max(guaranteed, in use) over all subscribers. */
  capacity: number
  all: number
  committed: number
  /** The trunk's channels, where the demand names a trunk that has a limit. */
  trunk?: { limit: number; reserve: number; all: number; emergency: number } | null
}

/** The limit that a demand met. */
export interface Limit {
  limitedBy: 'ceiling' | 'pool' | 'trunk'
  limit: number
  inUse: number
}

/**
 * Decides one demand of `count` (at least 1): `null` grants it. Under its guarantee a subscriber is served as long as the
 * node has anything at all; above it, up to its ceiling, from what is left when everyone's guarantee is set aside. An
 * emergency call is always granted: its reserve on the trunk is what makes that more than a word.
 */
export function decide(s: Standing, count: number, emergency: boolean): Limit | null {
  if (emergency) return null
  if (s.mine + count > s.ceiling) return { limitedBy: 'ceiling', limit: s.ceiling, inUse: s.mine }
  const more = Math.max(s.guaranteed, s.mine + count) - Math.max(s.guaranteed, s.mine)
  if (s.all + count > s.capacity || (more > 0 && s.committed + more > s.capacity)) {
    return { limitedBy: 'pool', limit: s.capacity, inUse: s.all }
  }
  const { trunk } = s
  if (!trunk) return null
  const ordinary = trunk.all - trunk.emergency
  if (trunk.reserve > 0 && ordinary + count > trunk.limit - trunk.reserve) {
    return { limitedBy: 'trunk', limit: trunk.limit - trunk.reserve, inUse: ordinary }
  }
  // Emergency calls beyond the reserve take what ordinary ones would have had.
  if (trunk.all + count > trunk.limit) return { limitedBy: 'trunk', limit: trunk.limit, inUse: trunk.all }
  return null
}
