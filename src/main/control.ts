import { processLog, systemClock } from '#lib/index.ts'
import type { StartMessage } from '#platform/words/index.ts'
import { type Control, startControl } from './control/start.ts'

/** The control process: waits for what host says, and serves the API until it is told to stop. */
process.once('message', async (message: StartMessage) => {
  const log = processLog('control', message.start.config.log.level)
  let control: Control | null = null
  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    await control?.close()
    process.exit(0)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  // Host is gone: so is the platform.
  process.on('disconnect', stop)
  try {
    control = await startControl({ start: message.start, clock: systemClock, log })
    if (stopping) await control.close()
  } catch (error) {
    log.error({ err: error }, 'control could not start')
    process.exit(1)
  }
})
