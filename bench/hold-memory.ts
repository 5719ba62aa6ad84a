// Loaded into the switch that is measured: tells how much memory is in use once all that is not has been collected.
process.on('SIGUSR2', () => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  process.send?.({ bytes: heapUsed + external })
})
