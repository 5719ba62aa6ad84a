import koffi from 'koffi'
import { loadLibc, MSG_DONTWAIT, reserve } from '#platform/voice/libc.ts'
import { writeSockaddr } from '#platform/voice/sockaddr.ts'
import { writeRtpHeader } from '#protocol/rtp/index.ts'

/** What the load is told, in order: `open`, then `aim` once the relay is ready, then `run` as often as wanted. */
export type LoadCommand =
  | { open: number }
  /** Where the far end `i` sends to. */
  | { aim: number[] }
  /** `endless` where what comes doesn't end with what is sent, and can't be waited for. */
  | { runMs: number; endless?: boolean; mute?: boolean }
  /** The first two speak to each other through the relay, and tell how long each packet was on its way, in ms. */
  | { probeMs: number }

export type LoadReport =
  | { ports: number[] }
  | { aimed: true }
  | { sent: number; received: number }
  | { sent: number; delays: number[] }

const FRAME_MS = 20
const PAYLOAD_BYTES = 160
const PACKET_BYTES = 12 + PAYLOAD_BYTES
const AF_INET = 2
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000

const libc = loadLibc()
const native = koffi.load(null)
const openSocket = native.func('socket', 'int', ['int', 'int', 'int'])
const bind = native.func('bind', 'int', ['int', 'int64', 'uint32'])
const getsockname = native.func('getsockname', 'int', ['int', 'int64', 'int64'])

interface FarEnd {
  fd: number
  port: number
  target: ReturnType<typeof reserve>
  sequence: number
  timestamp: number
  /** Its place among the 20 ms. */
  phaseMs: number
  due: number
}

const packet = reserve(2048)
const ends: FarEnd[] = []

/** Far ends on ports that the kernel chooses, spread evenly over the 20 ms. */
function open(count: number): void {
  for (let i = 0; i < count; i++) {
    const fd = openSocket(AF_INET, SOCK_DGRAM_NONBLOCK, 0)
    const address = reserve(64)
    const length = writeSockaddr(address.bytes, 0, '127.0.0.1', 0)
    if (bind(fd, address.address, length) < 0) throw new Error(`bind failed: errno ${libc.errno()}`)
    address.bytes[40] = 28
    getsockname(fd, address.address, address.address + 40)
    const port = (address.bytes[2]! << 8) | address.bytes[3]!
    const phaseMs = (i * FRAME_MS) / count
    ends.push({ fd, port, target: reserve(64), sequence: 1, timestamp: i * 1000, phaseMs, due: 0 })
  }
}

/** Sends 50 packets a second from every far end that is not `mute`, and counts what comes back. Blocks for `ms`. */
function run(ms: number, endless: boolean, mute: boolean): { sent: number; received: number } {
  let sent = 0
  let received = 0
  const start = performance.now()
  for (const end of ends) end.due = start + end.phaseMs
  for (let now = start; now < start + ms; now = performance.now()) {
    for (const end of ends) {
      if (end.due > now) continue
      end.due += FRAME_MS
      end.sequence = (end.sequence + 1) & 0xffff
      end.timestamp += 160
      writeRtpHeader(packet.bytes, false, 0, end.sequence, end.timestamp, end.port)
      if (!mute && libc.sendto(end.fd, packet.address, PACKET_BYTES, MSG_DONTWAIT, end.target.address, 16) > 0) sent++
      while (libc.recv(end.fd, packet.address + 512, 1500, MSG_DONTWAIT) >= 0) received++
    }
    libc.usleep(1000)
  }
  // What is on its way still comes: until nothing has come for 100 ms.
  for (let quiet = endless ? 5 : 0; quiet < 5; quiet++) {
    libc.usleep(20_000)
    for (const end of ends) {
      for (; libc.recv(end.fd, packet.address + 512, 1500, MSG_DONTWAIT) >= 0; received++) quiet = 0
    }
  }
  return { sent, received }
}

/** Each packet carries the time at which it left; what has come is looked for every 100 µs. Blocks for `ms`. */
function probe(ms: number): { sent: number; delays: number[] } {
  const delays: number[] = []
  const stamp = new DataView(packet.bytes.buffer)
  const two = ends.slice(0, 2)
  let sent = 0
  const start = performance.now()
  two.forEach((end, i) => {
    end.due = start + i * 7
  })
  // What was sent last has 200 ms to arrive.
  for (let now = start; now < start + ms + 200; now = performance.now()) {
    for (const end of two) {
      while (libc.recv(end.fd, packet.address + 512, 1500, MSG_DONTWAIT) >= 0) {
        delays.push(performance.now() - stamp.getFloat64(512 + 16))
      }
      if (end.due > now || now >= start + ms) continue
      end.due += FRAME_MS
      end.sequence = (end.sequence + 1) & 0xffff
      end.timestamp += 160
      writeRtpHeader(packet.bytes, false, 0, end.sequence, end.timestamp, end.port)
      stamp.setFloat64(16, performance.now())
      if (libc.sendto(end.fd, packet.address, PACKET_BYTES, MSG_DONTWAIT, end.target.address, 16) > 0) sent++
    }
    libc.usleep(100)
  }
  return { sent, delays }
}

function report(message: LoadReport): void {
  process.send!(message)
}

process.on('message', (command: LoadCommand) => {
  if ('open' in command) {
    open(command.open)
    report({ ports: ends.slice(-command.open).map(({ port }) => port) })
  } else if ('aim' in command) {
    command.aim.forEach((port, i) => {
      writeSockaddr(ends[i]!.target.bytes, 0, '127.0.0.1', port)
    })
    report({ aimed: true })
  } else if ('probeMs' in command) report(probe(command.probeMs))
  else report(run(command.runMs, command.endless ?? false, command.mute ?? false))
})
