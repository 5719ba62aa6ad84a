/** Never closer together than this, whatever a registrar grants; ms. */
const CLOSEST_MS = 5000
const FIRST_MS = 1000
const SILENT_MAX_MS = 30_000
const REFUSED_FIRST_MS = 30_000
const REFUSED_MAX_MS = 600_000

/** Ms until a registration is refreshed that was granted for so many seconds: well before its end, and not all at once. */
export function nextRefresh(grantedSeconds: number, random: () => number): number {
  return Math.max(CLOSEST_MS, grantedSeconds * 1000 * (0.7 + 0.15 * random()))
}

/**
 * Ms until the next attempt after `failures` in a row, with jitter: silence is soon over, so that a carrier that is back is
 * found within a minute (PITFALLS S57); a refusal is for people to mend, and asking hard gets addresses banned (S44).
 */
export function backOff(failures: number, kind: 'silent' | 'refused', random: () => number): number {
  const [first, most] = kind === 'silent' ? [FIRST_MS, SILENT_MAX_MS] : [REFUSED_FIRST_MS, REFUSED_MAX_MS]
  return Math.min(most, first * 2 ** Math.min(failures - 1, 20)) * (0.5 + 0.5 * random())
}
