// Loaded into a process that is measured: tells what it holds once all that it does not hold has been collected.

/** What a process holds. */
export interface Insides {
  /** Of memory, the young and the foreign included. */
  bytes: number
  /** Sockets, timers and the like that are open, by Node's names of them. */
  resources: Record<string, number>
}

process.on('SIGUSR2', () => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  const resources: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
  process.send?.({ bytes: heapUsed + external, resources } satisfies Insides)
})
