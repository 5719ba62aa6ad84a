/** What becomes of calls out to the numbers of a class: they are placed, or refused. */
export type TollPolicy = 'allowed' | 'denied'

/** Numbers outside that cost alike, or are abused alike. */
export interface TollClass {
  /** Unique, lower case: `premium`. */
  name: string
  title: string
  /** How its numbers begin, as they are dialled: `+32900`, `+`, `` for all. The longest of all classes decides. */
  prefixes: string[]
  /** For whoever has nothing else said of itself. */
  policy: TollPolicy
}

/** What the operator says of the calls out of one subscriber. */
export interface TollRules {
  /** Of classes, by name; what is not named is as the class says. */
  classes?: Record<string, TollPolicy>
}
