import type { Id } from '#lib/index.ts'

/** What becomes of calls out to the numbers of a class: they are placed, as far as limits allow, or refused. */
export type TollPolicy = 'allowed' | 'limited' | 'denied'

/** Limits of calls out; each is met by itself, and what is absent is none. */
export interface TollLimits {
  /** Calls that begin, in every minute and every hour, answered or not. */
  callsPerMinute?: number
  callsPerHour?: number
  /** Minutes of answered calls in a day of the subscriber's time zone. */
  minutesPerDay?: number
  /** What answered calls cost by the plan, in its currency, a decimal with at most six places; without tax. */
  spendPerDay?: string
  spendPerMonth?: string
}

/** The rules that can be met, by the name of their limit. */
export type TollRule = keyof TollLimits

/** Numbers outside that cost alike, or are abused alike. */
export interface TollClass {
  /** Unique, lower case: `premium`. */
  name: string
  title: string
  /** How its numbers begin, as they are dialled: `+32900`, `+`, `` for all. The longest of all classes decides. */
  prefixes: string[]
  /** For whoever has nothing else said of itself. */
  policy: TollPolicy
  /** Of each subscriber for whom the class is limited. */
  limits?: TollLimits
}

/** What the operator says of the calls out of one subscriber. */
export interface TollRules {
  /** Of classes, by name; what is not named is as the class says. */
  classes?: Record<string, TollPolicy>
  /** Of all its calls out. */
  limits?: TollLimits
  /** Of its calls to a limited class, in the place of the class's own. */
  classLimits?: Record<string, TollLimits>
}

/**
 * What a subscriber's calls out have cost before its limit of money was set, as they are billed; millionths of the currency. Usage
 * released at or before `position` of the journal is in it.
 */
export interface TollSpent {
  position: number
  /** The day and the month that it is of, by the subscriber's calendar: `2026-11-30`, `2026-11`. */
  day: string
  month: string
  /** By class; `` is all calls. */
  classes: Record<string, { dayMicros: number; monthMicros: number }>
  /** Units that the month has seen of a rate of the plan, by its prefix. */
  units: Record<string, number>
}

/** The balance of a subscriber that pays in advance, as the ledger has it; millionths of its plan's currency. */
export interface Prepaid {
  /** What was paid in, without what was charged: all that was released at or before `position` of the journal. */
  balanceMicros: number
  position: number
  /** What was answered before stands on a bill; ms since the epoch. */
  sinceMs: number
  /** Below this the balance is low. */
  lowMicros?: number
}

/** What the switch knows of a balance, to the moment. */
export interface TollBalance {
  subscriber: Id<'sub'>
  leftMicros: number
  /** Paid ahead by what runs, and not in what is left. */
  reservedMicros: number
  /** Below its threshold; used up, so that something was refused or cut. Both hold until more is paid in. */
  low: boolean
  empty: boolean
}

/**
 * One call out to one destination, over however many trunks, and to whatever numbers a carrier sends it on: towards limits of calls it
 * counts once. It lives as long as the destination is tried.
 */
export interface CallOut {
  /** The classes towards whose limits it has been counted; `` for all calls. */
  counted: readonly string[]
}

/** How far a limit is used up. */
export interface TollUse {
  subscriber: Id<'sub'>
  /** Absent where the limit is of all calls. */
  class?: string
  rule: TollRule
  limit: number
  /** Calls, or minutes or units of the currency with two decimals; what running calls have been granted ahead is in it. */
  used: number
}

/** What each rule limits, for people. */
export const TOLL_RULES: Record<TollRule, string> = {
  callsPerMinute: 'calls a minute',
  callsPerHour: 'calls an hour',
  minutesPerDay: 'minutes a day',
  spendPerDay: 'currency units a day',
  spendPerMonth: 'currency units a month',
}
