import type { EventFeed } from '#api/index.ts'

/** Wakes the streams of events that wait. */
export function createFeed(): EventFeed & { wake(): void } {
  const waiting = new Set<() => void>()
  return {
    subscribe(wake) {
      waiting.add(wake)
      return () => waiting.delete(wake)
    },
    wake() {
      for (const wake of waiting) wake()
    },
  }
}
