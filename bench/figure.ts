/** One measured figure, with DESIGN's budget beside it where there is one. A speed is printed, never asserted. */
export interface Figure {
  name: string
  value: number
  unit: string
  /** What it must keep; null where no budget was set. */
  must: number | null
  aim: number | null
  better: 'lower' | 'higher'
  /** The same work by another program in the same run, or null. */
  peer: { name: string; value: number } | null
  /** Something that must hold at any speed and does not: the bench fails. */
  broken?: boolean
}

/** How much is wanted of a bench that has no end of its own: `--times`, `--minutes`. */
export interface Extent {
  times?: number
  minutes?: number
}
