import type { Target } from './call.ts'

/** Where a user's calls go instead, by stored data. */
export interface Forward {
  /** Always, and nothing of the user's own rings. */
  unconditional?: ForwardTarget
  busy?: ForwardTarget
  /** When nobody has answered after so many seconds. */
  noAnswer?: { to: ForwardTarget; afterSeconds: number }
  /** When nothing of the user's own can be rung: not registered, or not to be reached. */
  unregistered?: ForwardTarget
}

/** Another user, an extension of the site's PBX, or a number outside, which costs what a call out costs. */
export type ForwardTarget = Exclude<Target, { sip: string } | { trunk: string }>

/** What rings at the same time, and for how long. */
export interface RingStep {
  /** The user itself is its own telephone; other users are called as if they had been called themselves. */
  at: ForwardTarget[]
  seconds: number
}

/** A user of a site: a telephone of the same name, or a name that only rings others. What it says counts whoever calls it. */
export interface UserConfig {
  name: string
  /** One after the other; absent: the telephone of its name, as long as the caller waits. */
  ring?: RingStep[]
  forward?: Forward
}
