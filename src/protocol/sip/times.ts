/** RFC 3261 table 4, in ms. */
export interface Times {
  readonly t1: number
  readonly t2: number
  readonly t4: number
  /** 64*T1: timers B, F, H, J, L and M over UDP. */
  readonly transaction: number
  /** Timer D: at least 32 s over UDP. */
  readonly d: number
}

export function timesOf(timers: { t1?: number; t2?: number; t4?: number } = {}): Times {
  const { t1 = 500, t2 = 4000, t4 = 5000 } = timers
  return { t1, t2, t4, transaction: 64 * t1, d: 64 * t1 }
}
