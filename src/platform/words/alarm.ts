import type { Id } from '#lib/index.ts'

/** What an operator must be told of. One word for each, which rules of a monitoring system may name. */
export type AlarmCode =
  | 'part-away' // about: database, host or switch
  | 'process-down' // about: the process
  | 'resource-scarce' // about: the kind
  | 'trunk-down' // about: the trunk; no gateway of it answers
  | 'gateway-down' // about: trunk and gateway
  | 'registration-lost' // about: the trunk
  | 'channel-down' // about: the subscriber
  | 'agent-down' // about: the subscriber
  | 'deploy-failed' // about: the subscriber; what was deployed last has not proven itself
  | 'toll-limit' // about: the subscriber and the limit of its calls out
  | 'balance-low' // about: the subscriber, which pays in advance
  | 'disk-scarce' // about: the state directory
  | 'journal-behind' // about: the node; records are lost, or PostgreSQL does not take them
  | 'loop-late' // about: the process
  | 'certificate-expiring' // about: whose it is
  | 'certificate-unreadable' // about: whose it is; the one before is in use
  | 'clock-jumped' // about: the node
  | 'price-missing' // about: the plan; usage of some kinds waits unrated

/** A condition that holds now. `code` and `about` name it. */
export interface Condition {
  code: AlarmCode
  about: string
  /** `critical`: calls are lost, or will be before long. */
  severity: 'warning' | 'critical'
  /** One sentence for people. */
  text: string
  subscriber?: Id<'sub'>
}

/** A condition that has been seen. */
export interface Alarm extends Condition {
  /** RFC 3339, UTC. */
  since: string
}

/** An alarm that was raised, has become graver or lighter, or is over. */
export interface AlarmChange {
  /** From 1, as long as the process lives. */
  number: number
  at: string
  type: 'alarm.raised' | 'alarm.changed' | 'alarm.cleared'
  alarm: Alarm
}
