import type { ChildProcess, SendHandle } from 'node:child_process'
import dgram from 'node:dgram'
import { isIPv6, Socket } from 'node:net'
import { TielineError, token } from '#lib/index.ts'
import type { AddressGone, RealmGone, SocketHandover } from '#platform/words/index.ts'
import { type Libc, SystemError } from './libc.ts'

type Handover = SocketHandover['socket']
type Realm = Handover['realm']

/** What a socket is wanted for. `namespace` is a path, or null for the node's own. */
export interface SocketRequest {
  realm: Realm
  namespace: string | null
  purpose: Handover['purpose']
  address: string
  /** 0 lets the kernel choose. */
  port: number
}

/** Who gets a socket: a process with an IPC channel. */
export type Receiver = Pick<ChildProcess, 'send' | 'connected'>

/** Bytes that a listening socket can hold while its process restarts: some 2,000 requests. */
const LISTEN_BUFFER_BYTES = 4 * 1024 * 1024

/** Connections that wait while their process restarts. */
const BACKLOG = 512

/**
 * Opens sockets inside namespaces and hands them over, by the one recipe: enter, socket, bind, leave; wrap, stop reading,
 * send, close our own. Of a listening socket a duplicate is kept and never read, so that a process which restarts loses no
 * datagram and frees no port.
 */
export class Sockets {
  readonly #libc: Libc
  readonly #held = new Map<string, { handover: Handover; fd: number }>()

  constructor(libc: Libc) {
    this.#libc = libc
  }

  /** The listening sockets, in the order in which they were opened. */
  get held(): Handover[] {
    return [...this.#held.values()].map(({ handover }) => handover)
  }

  /** Opens a listening socket and keeps it until its realm is released. Throws `port-taken`. */
  hold(request: SocketRequest): Handover {
    const { fd, port } = this.#bind(request, LISTEN_BUFFER_BYTES)
    const { realm, purpose, address } = request
    const handover = { id: token(), realm, purpose, address, port }
    this.#held.set(handover.id, { handover, fd })
    return handover
  }

  /** Sends a listening socket; as often as its process restarts. */
  async handOver(id: string, receiver: Receiver): Promise<void> {
    const entry = this.#held.get(id)
    if (!entry) throw new Error('there is no such socket')
    await this.#send(entry.handover, this.#libc.duplicate(entry.fd), receiver)
  }

  /** Opens a socket for one process alone: nothing is kept. `id` where the process has named it. Throws `port-taken`. */
  async open(request: SocketRequest, receiver: Receiver, id = token()): Promise<Handover> {
    const { fd, port } = this.#bind(request)
    const { realm, purpose, address } = request
    const handover = { id, realm, purpose, address, port }
    await this.#send(handover, fd, receiver)
    return handover
  }

  /** Closes what is held of a realm and tells the receivers that it is gone. */
  release(realm: Realm, receivers: readonly Receiver[]): void {
    this.#letGo((held) => held.realm === realm)
    tell({ gone: { realm } }, receivers)
  }

  /** The same of what is bound to one address of a realm. */
  releaseAddress(realm: Realm, address: string, receivers: readonly Receiver[]): void {
    this.#letGo((held) => held.realm === realm && held.address === address)
    tell({ addressGone: { realm, address } }, receivers)
  }

  close(): void {
    for (const { fd } of this.#held.values()) this.#libc.close(fd)
    this.#held.clear()
  }

  #letGo(isGone: (handover: Handover) => boolean): void {
    for (const [id, { handover, fd }] of this.#held) {
      if (!isGone(handover)) continue
      this.#held.delete(id)
      this.#libc.close(fd)
    }
  }

  #bind(request: SocketRequest, bufferBytes?: number) {
    const { namespace, purpose, address, port } = request
    try {
      return this.#libc.inNamespace(namespace, () => {
        if (purpose === 'sip-tcp' || purpose === 'sip-tls') return this.#libc.bindTcp(address, port, BACKLOG)
        if (purpose === 'sip-out') return this.#libc.bindTcp(address, port)
        return this.#libc.bindUdp(address, port, bufferBytes)
      })
    } catch (cause) {
      if (!(cause instanceof SystemError) || cause.code !== 'EADDRINUSE') throw cause
      const verdict = { code: 'port-taken', fault: 'system', retry: true, http: 409 } as const
      throw new TielineError('The port is taken.', verdict, { address, port }, { cause })
    }
  }

  #send(socket: Handover, fd: number, receiver: Receiver): Promise<void> {
    const wrapped = socket.purpose.startsWith('sip-') ? wrapTcp(fd) : wrapUdp(fd, socket.address)
    return new Promise((resolve, reject) => {
      const done = (error: Error | null) => {
        wrapped.close()
        if (error) reject(error)
        else resolve()
      }
      if (!receiver.connected) return done(new Error('the process that asked is gone'))
      receiver.send({ socket } satisfies SocketHandover, wrapped.handle, { keepOpen: true }, done)
    })
  }
}

function tell(message: RealmGone | AddressGone, receivers: readonly Receiver[]): void {
  for (const receiver of receivers) if (receiver.connected) receiver.send(message, () => {})
}

interface UdpHandle {
  recvStop(): number
}

/** A descriptor in Node's hands, which then owns it, as a process can be sent it. */
interface Wrapped {
  handle: SendHandle
  close(): void
}

/**
 * A TCP descriptor that listens, or is not connected yet. Node's own handle travels: a net.Server would begin to accept, and
 * a net.Socket to read, before they are sent.
 */
function wrapTcp(fd: number): Wrapped {
  const socket = new Socket({ fd, readable: false, writable: false })
  socket.on('error', () => {})
  const { _handle } = socket as unknown as { _handle: SendHandle }
  return { handle: _handle, close: () => socket.destroy() }
}

/**
 * It never reads: what is in the queue is the receiver's. Node's own handle travels here too: a dgram.Socket would begin to
 * read as it arrives, before anybody listens to it.
 */
function wrapUdp(fd: number, address: string): Wrapped {
  const socket = dgram.createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  // `bind` of a descriptor begins to read in the same turn; it is stopped before the loop can come round.
  socket.bind({ fd, exclusive: true })
  const symbol = Object.getOwnPropertySymbols(socket).find((key) => key.description === 'state symbol')
  const state = symbol && (socket as unknown as Record<symbol, { handle: UdpHandle }>)[symbol]
  if (!state) throw new Error('this Node has no UDP handle where it is expected')
  state.handle.recvStop()
  return { handle: state.handle as unknown as SendHandle, close: () => socket.close() }
}
