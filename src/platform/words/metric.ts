/** One figure of the platform, in the words of Prometheus: a name, and a value for each set of labels. */
export interface Metric {
  /** Ends in its unit, or in `_total` for what only grows. */
  name: string
  help: string
  type: 'gauge' | 'counter'
  samples: { labels?: Record<string, string>; value: number }[]
}
