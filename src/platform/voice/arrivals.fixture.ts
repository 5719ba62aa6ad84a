import dgram from 'node:dgram'
import { parentPort } from 'node:worker_threads'
import { RtpReader } from '#protocol/rtp/index.ts'

/** A far end on a thread of its own, which nothing of the test's holds up: tells its port, and at the end what has come, and when. */
export interface Arrival {
  /** Monotonic, ms. */
  at: number
  sequence: number
  timestamp: number
}

const arrivals: Arrival[] = []
const reader = new RtpReader()
const socket = dgram.createSocket('udp4')
socket.on('message', (bytes) => {
  const at = performance.now()
  if (reader.read(bytes, bytes.length)) arrivals.push({ at, sequence: reader.sequence, timestamp: reader.timestamp })
})
socket.bind({ address: '127.0.0.1', port: 0 }, () => parentPort!.postMessage({ port: socket.address().port }))
parentPort!.once('message', () => {
  socket.close()
  parentPort!.postMessage({ arrivals })
})
