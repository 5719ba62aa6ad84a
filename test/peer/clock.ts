/** Ms of CLOCK_MONOTONIC: the same in all processes of the machine, so that the far ends' times can be compared. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Polls until `check` gives something; rejects with `what` at the deadline. */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
  timeoutMs: number,
  everyMs = 10,
): Promise<NonNullable<T>> {
  const deadline = now() + timeoutMs
  for (;;) {
    const found = await check()
    if (found) return found as NonNullable<T>
    if (now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`)
    await sleep(everyMs)
  }
}
