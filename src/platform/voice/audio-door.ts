import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import { type Clock, type Log, type Timer, token } from '#lib/index.ts'
import { FRAME, FrameReader } from '#protocol/stream/index.ts'

/** How long a token may be shown, ms. */
const TICKET_MS = 5000

/** How long who has connected may say nothing, ms. */
const HELLO_MS = 2000

/** Connections of one account that have not said who they are. */
const SILENT_PER_UID = 8

/** A program's end of a stream, whose first frame has shown the token. */
export interface AudioConnection {
  readonly socket: Socket
  /** Frames from now on; once. `broken` when what came is none. */
  read(take: (type: number, payload: Buffer) => void, broken: () => void): void
}

export interface Ticket {
  readonly token: string
  /** Null when nobody has come in time, or it was withdrawn. */
  readonly come: Promise<AudioConnection | null>
  withdraw(): void
}

interface Waiting {
  uid: number
  settle(connection: AudioConnection | null): void
}

export interface AudioDoorOptions {
  clock: Clock
  log: Log
  /** The account at the other end of a socket, which the kernel says. */
  peerUid(fd: number): number
}

/**
 * The audio socket, which every sandbox sees: who connects shows a one-time token at once, and is the account that it was
 * made for; root is nobody's program, and may come in anybody's name. Everybody else is cut off without a word.
 */
export class AudioDoor {
  readonly #options: AudioDoorOptions
  readonly #waiting = new Map<string, Waiting>()
  readonly #silent = new Map<number, number>()
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  /** The socket's name. */
  name = ''

  constructor(options: AudioDoorOptions) {
    this.#options = options
  }

  /** Opens the socket; its directory is made where it is missing, and a former process's socket is replaced. */
  async listen(path: string): Promise<void> {
    const server = createServer((socket) => this.#knock(socket))
    this.#server = server
    this.name = basename(path)
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
    rmSync(path, { force: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    chmodSync(path, 0o666)
  }

  /** Expects the program that runs under `uid`. */
  ticket(uid: number): Ticket {
    const shown = token(32)
    const { promise, resolve } = Promise.withResolvers<AudioConnection | null>()
    const settle = (connection: AudioConnection | null) => {
      if (!this.#waiting.delete(shown)) return
      timer.cancel()
      resolve(connection)
    }
    const timer = this.#options.clock.after(TICKET_MS, () => settle(null))
    this.#waiting.set(shown, { uid, settle })
    return { token: shown, come: promise, withdraw: () => settle(null) }
  }

  close(): void {
    for (const { settle } of [...this.#waiting.values()]) settle(null)
    for (const socket of this.#sockets) socket.destroy()
    this.#server?.close()
  }

  #knock(socket: Socket): void {
    const uid = this.#options.peerUid((socket as Socket & { _handle: { fd: number } })._handle.fd)
    const silent = this.#silent.get(uid) ?? 0
    socket.on('error', () => {})
    if (uid < 0 || silent >= SILENT_PER_UID) {
      socket.destroy()
      return
    }
    this.#silent.set(uid, silent + 1)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    new Caller(
      socket,
      this.#options.clock,
      (shown) => this.#admit(uid, shown),
      () => this.#spoke(uid),
    )
  }

  #spoke(uid: number): void {
    const left = (this.#silent.get(uid) ?? 1) - 1
    if (left === 0) this.#silent.delete(uid)
    else this.#silent.set(uid, left)
  }

  #admit(uid: number, shown: string): Waiting | null {
    const waiting = this.#waiting.get(shown)
    if (waiting && (uid === waiting.uid || uid === 0)) return waiting
    this.#options.log.warn({ uid }, 'a stranger knocked at the audio socket')
    return null
  }
}

/** Somebody at the door: until it has shown a token, and then its frames for whoever has waited. */
class Caller implements AudioConnection {
  readonly socket: Socket
  readonly #reader = new FrameReader()
  readonly #timer: Timer
  readonly #admit: (shown: string) => Waiting | null
  readonly #spoke: () => void
  #silent = true
  #early: [number, Buffer][] = []
  #take: ((type: number, payload: Buffer) => void) | null = null
  #broken: () => void = () => {}

  constructor(socket: Socket, clock: Clock, admit: (shown: string) => Waiting | null, spoke: () => void) {
    this.socket = socket
    this.#admit = admit
    this.#spoke = spoke
    this.#timer = clock.after(HELLO_MS, () => socket.destroy())
    socket.once('close', () => this.#known())
    socket.on('data', (chunk: Buffer) => {
      if (this.#reader.push(chunk, (type, payload) => this.#frame(type, payload))) return
      socket.destroy()
      this.#broken()
    })
  }

  read(take: (type: number, payload: Buffer) => void, broken: () => void): void {
    this.#take = take
    this.#broken = broken
    for (const [type, payload] of this.#early.splice(0)) take(type, payload)
  }

  #frame(type: number, payload: Buffer): void {
    if (this.#take) this.#take(type, payload)
    else if (!this.#silent) this.#early.push([type, payload])
    else if (!this.socket.destroyed) {
      const waiting = type === FRAME.hello ? this.#admit(payload.toString('latin1')) : null
      this.#known()
      if (waiting) waiting.settle(this)
      else this.socket.destroy()
    }
  }

  #known(): void {
    if (!this.#silent) return
    this.#silent = false
    this.#timer.cancel()
    this.#spoke()
  }
}
