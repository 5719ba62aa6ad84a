import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { loadLibc } from '#protocol/posix/index.ts'
import type { MediaCommand, MediaReport } from './command.ts'
import { MediaLoop } from './loop.ts'

/** The media thread: blocks in the loop until it is told to stop. It never returns to an event loop while it runs. */
const { port, wake, controls } = workerData as { port: MessagePort; wake: number; controls: boolean }

let reports: MediaReport[] = []

const loop = new MediaLoop({
  libc: loadLibc(),
  wake,
  controls,
  now: () => performance.now(),
  epoch: performance.timeOrigin,
  random: () => crypto.getRandomValues(new Uint32Array(1))[0]!,
  report: (report: MediaReport) => void reports.push(report),
  flush: () => {
    if (reports.length === 0) return
    port.postMessage(reports)
    reports = []
  },
  commands: () => receiveMessageOnPort(port)?.message as MediaCommand[] | undefined,
})
loop.run()
port.close()
