import type { Kind } from './resource.ts'

/** The price of a kind. Amounts are decimals as text, up to six places. A kind without a rate costs nothing. */
export interface Rate {
  kind: Kind
  /** For `trunk.out`: the beginning of the E.164 number, with `+`; the longest that fits decides, `''` fits all. */
  prefix: string
  title: string
  /**
   * What `per`, `included` and tiers count. `second`: lease count × billed seconds. `piece`: lease count. `mebibyte-hour`: lease count ×
   * billed seconds ÷ 3600, which is counted in mebibyte-seconds, so that it stays whole.
   */
  unit: 'second' | 'piece' | 'mebibyte-hour'
  /** Seconds: the first is always charged, then in steps of `next`. `{ first: 60, next: 60 }` is 60/60. */
  increments: { first: number; next: number }
  /** Charged once for each lease that is billable. */
  setUpFee: string
  /** How many units a price is for: 60 makes it a price per minute. */
  per: number
  /** Units free of charge in each period. */
  included: number
  /** Prices by how many units beyond the included ones the period has seen; the last has `upTo: null`. */
  tiers: { upTo: number | null; price: string }[]
}

/** What calls out cost by one plan, and all else where it is paid in advance. */
export interface Tariff {
  plan: string
  rates: Rate[]
}
