import koffi from 'koffi'
import { type CodecName, codecOf } from '#protocol/audio/index.ts'
import { loadLibc, MSG_DONTWAIT, reserve, writeSockaddr } from '#protocol/posix/index.ts'
import { looksLikeRtcp, writeRtpHeader } from '#protocol/rtp/index.ts'
import { type Counted, type LoadCommand, type LoadReport, PAYLOAD_TYPES } from './relay-payloads.ts'

const FRAME_MS = 20
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
  speech: Speech
  /** Timestamp of the newest packet that has come; −1 before the first. */
  heard: number
}

/** A second of a codec's packets, to be sent over and over. */
interface Speech {
  payloads: Uint8Array[]
  payloadType: number
  ticks: number
}

const SILENCE: Speech = { payloads: [new Uint8Array(160)], payloadType: 0, ticks: 160 }
const speeches = new Map<CodecName, Speech>()

/** Something like a voice: a pitch that wanders, its overtones, and breath, in syllables. */
function speechIn(name: CodecName): Speech {
  const known = speeches.get(name)
  if (known) return known
  const codec = codecOf(name)
  const rate = codec.soundRate
  const encoder = codec.encoder(rate)
  const samples = (FRAME_MS * rate) / 1000
  const pcm = new Int16Array(samples)
  const into = new Uint8Array(2000)
  let phase = 0
  const payloads = Array.from({ length: 1000 / FRAME_MS }, (_, frame) => {
    for (let i = 0; i < samples; i++) {
      const t = (frame * samples + i) / rate
      phase += (2 * Math.PI * (140 + 40 * Math.sin(2 * Math.PI * t))) / rate
      let sum = 0
      for (let overtone = 1; overtone <= 12; overtone++) sum += Math.sin(overtone * phase) / overtone
      pcm[i] = (3500 * sum + 600 * (Math.random() - 0.5)) * (0.55 + 0.45 * Math.sin(8 * Math.PI * t))
    }
    return into.slice(0, encoder.encode(pcm, samples, into, 0))
  })
  const speech = { payloads, payloadType: PAYLOAD_TYPES[name], ticks: (FRAME_MS * codec.clockRate) / 1000 }
  speeches.set(name, speech)
  return speech
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
    ends.push({ fd, port, target: reserve(64), sequence: 1, timestamp: i * 1000, phaseMs, due: 0, speech: SILENCE, heard: -1 })
  }
}

/** Writes an end's next packet. @returns its length in bytes */
function write(end: FarEnd): number {
  const { payloads, payloadType, ticks } = end.speech
  const payload = payloads[end.sequence % payloads.length]!
  end.sequence = (end.sequence + 1) & 0xffff
  end.timestamp = (end.timestamp + ticks) >>> 0
  writeRtpHeader(packet.bytes, false, payloadType, end.sequence, end.timestamp, end.port)
  packet.bytes.set(payload, 12)
  return 12 + payload.length
}

/** Where a packet that has come is put. */
const INCOMING = 512

const view = new DataView(packet.bytes.buffer)

/** Takes what has come to an end; how many packets, and how many frames are missing between them by their timestamps. */
function take(end: FarEnd): { received: number; missing: number } {
  let received = 0
  let missing = 0
  while (libc.recv(end.fd, packet.address + INCOMING, 1500, MSG_DONTWAIT) >= 0) {
    // The kernel gives ports next to each other: one's reports come to another.
    if (looksLikeRtcp(packet.bytes.subarray(INCOMING), 1500)) continue
    received++
    const timestamp = view.getUint32(INCOMING + 4)
    const step = end.heard < 0 ? 0 : ((timestamp - end.heard) | 0) / end.speech.ticks
    // More than a second is what was not asked for between two runs.
    if (step > 1 && step < 1000 / FRAME_MS) missing += Math.round(step) - 1
    if (end.heard < 0 || step > 0) end.heard = timestamp
  }
  return { received, missing }
}

/** Sends 50 packets a second from every far end that is not `mute`, and counts what comes back. Blocks for `ms`. */
function run(ms: number, endless: boolean, mute: boolean): Counted {
  let sent = 0
  let received = 0
  let missing = 0
  const count = (end: FarEnd) => {
    const taken = take(end)
    received += taken.received
    missing += taken.missing
    return taken.received
  }
  const start = performance.now()
  for (const end of ends) end.due = start + end.phaseMs
  for (let now = start; now < start + ms; now = performance.now()) {
    for (const end of ends) {
      if (end.due > now) continue
      end.due += FRAME_MS
      if (!mute && libc.sendto(end.fd, packet.address, write(end), MSG_DONTWAIT, end.target.address, 16) > 0) sent++
      count(end)
    }
    libc.usleep(1000)
  }
  // What is on its way still comes: until nothing has come for 100 ms.
  for (let quiet = endless ? 5 : 0; quiet < 5; quiet++) {
    libc.usleep(20_000)
    for (const end of ends) if (count(end) > 0) quiet = 0
  }
  return { sent, received, missing }
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
      const length = write(end)
      stamp.setFloat64(16, performance.now())
      if (libc.sendto(end.fd, packet.address, length, MSG_DONTWAIT, end.target.address, 16) > 0) sent++
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
    command.aim.forEach(({ address, port }, i) => {
      writeSockaddr(ends[i]!.target.bytes, 0, address, port)
    })
    report({ aimed: true })
  } else if ('speak' in command) {
    command.speak.forEach((name, i) => {
      ends[i]!.speech = speechIn(name)
    })
    report({ spoken: true })
  } else if ('probeMs' in command) report(probe(command.probeMs))
  else report(run(command.runMs, command.endless ?? false, command.mute ?? false))
})
