import { join } from 'node:path'
import { processLog, systemClock } from '#lib/index.ts'
import { RecordingWriter } from '#platform/recording/index.ts'
import { openHomer, toldLog } from '#platform/trace/index.ts'
import { Handover, VoiceService } from '#platform/voice/index.ts'
import {
  type AddressGone,
  type HostMethods,
  type HostNotifications,
  LINKS,
  type RealmGone,
  type SocketHandover,
  type StartMessage,
  type VoiceMethods,
  type VoiceNotifications,
} from '#platform/words/index.ts'
import { connectLink, type Handlers, serveLink } from '#protocol/link/index.ts'
import { loadLibc } from '#protocol/posix/index.ts'

type SwitchLink = { answers: VoiceMethods; says: VoiceNotifications }

/** The version of the contracts that this process speaks. */
const VERSION = 1

/** The voice process: waits for what host says, links up, and serves the switch until it is told to stop. */
async function main(): Promise<void> {
  const { config, directory, run, index = 0 } = await started()
  const own = processLog(`voice-${index}`, config.log.level)
  const clock = systemClock
  const homer = openHomer(config, own)?.export
  const log = homer ? toldLog(own, { level: config.log.level, clock, tell: (line) => homer.line(line) }) : own
  const libc = loadLibc()
  const hello = { process: 'voice', version: VERSION, facts: { index } }
  const handover = new Handover(libc, clock)
  const host = connectLink<{ calls: HostMethods; hears: HostNotifications }>({ path: join(run, LINKS.host), hello, log })
  const service = new VoiceService({
    clock,
    log,
    libc,
    media: config.media,
    share: { index, of: config.voice.processes },
    directory: join(directory, 'speech'),
    sockets: {
      async open(place, port) {
        const { id } = await (await host.ready(5000)).call('socket.open', { ...place, port }, { timeoutMs: 5000 })
        return handover.take(id)
      },
    },
    createRecording: (file, key, header) => RecordingWriter.create(file, key, header),
    notify(name, params) {
      for (const peer of server.peers) peer.notify(name, params)
    },
    ...(homer ? { onControl: (seen) => homer.control(seen) } : {}),
    onDeath(error) {
      log.error({ error: error.message, stack: error.stack }, 'the media thread died')
      process.exit(1)
    },
  })
  process.on('message', (message: Partial<SocketHandover & RealmGone & AddressGone>, handle) => {
    if (message.socket) handover.accept(message as SocketHandover, handle)
    if (message.gone) void service.realmGone(message.gone.realm)
    if (message.addressGone) service.addressGone(message.addressGone)
  })
  await service.listen(join(run, LINKS.audio(index)))
  const server = await serveLink<SwitchLink>({
    path: join(run, LINKS.voice(index)),
    mode: 0o660,
    hello,
    log,
    methods: handlers(service),
    onPeer(peer) {
      const number = service.switchCame()
      void peer.closed.then(() => service.switchLost(number))
    },
  })
  log.info({ index }, 'voice is ready')

  const stop = once(async () => {
    await server.close()
    await service.close()
    host.close()
    handover.close()
    process.removeAllListeners('message')
    if (process.connected) process.disconnect()
  })
  process.on('SIGTERM', () => void stop())
  // Without host nobody restarts us or gives us sockets: all processes stop together.
  process.on('disconnect', () => void stop())
}

/** Waits for host's first message. */
function started(): Promise<StartMessage['start']> {
  return new Promise((resolve) => {
    process.once('message', (message: StartMessage) => resolve(message.start))
  })
}

function handlers(service: VoiceService): Handlers<VoiceMethods, SwitchLink> {
  return {
    'endpoint.open': (params, { signal }) => service['endpoint.open'](params, signal),
    'endpoint.describe': (params) => service['endpoint.describe'](params),
    'endpoint.move': (params) => service['endpoint.move'](params),
    'endpoint.join': (params) => service['endpoint.join'](params),
    'endpoint.part': (params) => service['endpoint.part'](params),
    'endpoint.close': (params) => service['endpoint.close'](params),
    'endpoint.watch': (params) => service['endpoint.watch'](params),
    play: (params, { signal }) => service.play(params, signal),
    gather: (params, { signal }) => service.gather(params, signal),
    'gather.heard': (params) => service['gather.heard'](params),
    'endpoint.tones': (params) => service['endpoint.tones'](params),
    'endpoint.informed': (params) => service['endpoint.informed'](params),
    record: (params, { signal }) => service.record(params, signal),
    stream: (params, { signal }) => service.stream(params, signal),
    detect: (params, { signal }) => service.detect(params, signal),
    'stream.ticket': (params) => service['stream.ticket'](params),
    'conference.sit': (params, { signal }) => service['conference.sit'](params, signal),
    'conference.change': (params) => service['conference.change'](params),
    'play.pause': (params) => service['play.pause'](params),
    'record.pause': (params) => service['record.pause'](params),
    dtmf: (params) => service.dtmf(params),
    stop: (params) => service.stop(params),
    claim: (params) => service.claim(params),
    status: () => service.status(),
  }
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= run()
    return running
  }
}

await main()
