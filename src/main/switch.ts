import { processLog, systemClock } from '#lib/index.ts'
import type { AddressGone, RealmGone, SipTlsRenewed, SocketHandover, StartMessage } from '#platform/words/index.ts'
import { type Switch, startSwitch } from './switch/start.ts'

/** What host may say to the switch over IPC. `stop` with `handover`: another switch takes the calls over. */
type HostMessage = Partial<StartMessage & SocketHandover & RealmGone & AddressGone & SipTlsRenewed> & {
  stop?: { reason: 'handover' }
}

/** The switch process: waits for what host says, and switches calls until it is told to stop. */
function main(): void {
  let started: Promise<Switch> | null = null
  let stopping = false
  const stop = async (how: 'drain' | 'now' | 'handover') => {
    const running = await started
    if (stopping) {
      // The second signal does not wait for calls any longer.
      if (how !== 'handover') void running?.close('now')
      return
    }
    stopping = true
    await (how === 'handover' ? running?.handOver() : running?.close(how))
    process.exit(0)
  }
  const onSignal = () => void stop(stopping ? 'now' : 'drain')
  process.on('message', (message: HostMessage, handle: unknown) => {
    if (message.start) started ??= start(message.start)
    // Sockets may come before all is built: they wait for it, in their order.
    if (message.socket) void started?.then((s) => s.adopt(message.socket!, handle))
    if (message.gone) void started?.then((s) => s.realmGone(message.gone!.realm))
    if (message.addressGone) {
      const { realm, address } = message.addressGone
      void started?.then((s) => s.addressGone(realm, address))
    }
    if (message.renewed) void started?.then((s) => s.certify(message.renewed!.sipTls))
    if (message.stop) void stop(message.stop.reason)
  })
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  // Without host nobody gives us sockets or restarts us: all processes stop together.
  process.on('disconnect', () => void stop('now'))
}

async function start(message: StartMessage['start']): Promise<Switch> {
  const log = processLog('switch', message.config.log.level)
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a rejection was not handled'))
  try {
    return await startSwitch({ start: message, clock: systemClock, log })
  } catch (error) {
    log.error({ err: error }, 'the switch could not start')
    process.exit(1)
  }
}

main()
