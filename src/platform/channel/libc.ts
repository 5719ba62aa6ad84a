import { closeSync, openSync } from 'node:fs'
import { isIP } from 'node:net'
import { getSystemErrorName } from 'node:util'
import koffi from 'koffi'

const AF = { 4: 2, 6: 10 } as const
const CLONE_NEWNET = 0x40000000
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const SOCK_NONBLOCK = 0o4000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_PEERCRED = 17
const SO_RCVBUFFORCE = 33
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const F_DUPFD_CLOEXEC = 1030
const LOCK_EX_NB = 2 | 4
const TUNSETIFF = 0x400454ca
/** IFF_TUN; IFF_TUN | IFF_NO_PI | IFF_VNET_HDR. */
const TUN_FLAGS = { 'packet-information': 0x0001, offload: 0x5001 } as const

/** What stands before each packet that is read from a TUN descriptor. */
export type TunFormat = keyof typeof TUN_FLAGS

/** An error of libc: its `code` is errno's name. */
export class SystemError extends Error {
  readonly code: string
  constructor(call: string, errno: number) {
    const code = getSystemErrorName(-errno)
    super(`${call} failed: ${code}`)
    this.name = 'SystemError'
    this.code = code
  }
}

/** The calls of libc that Node has no word for. Every one is synchronous; descriptors are close-on-exec. */
export interface Libc {
  /**
   * Runs `work` with this thread in another network namespace. `work` must not be async: nothing else may run meanwhile.
   * When the way back fails the process aborts, since all that it opened from then on would be in the wrong namespace.
   */
  inNamespace<T>(path: string | null, work: () => T): T
  /** A bound UDP socket, non-blocking. Throws SystemError EADDRINUSE when the port is taken. */
  bindUdp(address: string, port: number, receiveBufferBytes?: number): { fd: number; port: number }
  /** A bound TCP socket, non-blocking; it listens when `backlog` is given. Throws SystemError EADDRINUSE. */
  bindTcp(address: string, port: number, backlog?: number): { fd: number; port: number }
  duplicate(fd: number): number
  close(fd: number): void
  /** Makes a TUN interface in the node's namespace; it lives as long as a descriptor does. */
  openTun(name: string, format: TunFormat): number
  /** Locks an open file against other processes until this one ends; false when another holds it. */
  lock(fd: number): boolean
  /** Which process is at the other end of a connected Unix socket. */
  peerOf(fd: number): { pid: number; uid: number; gid: number }
}

export function loadLibc(): Libc {
  const lib = koffi.load('libc.so.6')
  const setns = lib.func('int setns(int fd, int nstype)')
  const socket = lib.func('int socket(int domain, int type, int protocol)')
  const bind = lib.func('int bind(int fd, const void *address, uint32_t length)')
  const listen = lib.func('int listen(int fd, int backlog)')
  const getsockname = lib.func('int getsockname(int fd, _Out_ void *address, _Inout_ uint32_t *length)')
  const getsockopt = lib.func('int getsockopt(int fd, int level, int name, _Out_ void *value, _Inout_ uint32_t *length)')
  const setsockopt = lib.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)')
  const fcntl = lib.func('int fcntl(int fd, int command, int argument)')
  const closeFd = lib.func('int close(int fd)')
  const ioctl = lib.func('int ioctl(int fd, unsigned long request, void *argument)')
  const flock = lib.func('int flock(int fd, int operation)')
  const inet_pton = lib.func('int inet_pton(int family, const char *text, _Out_ void *bytes)')

  const check = (call: string, result: number) => {
    if (result < 0) throw new SystemError(call, koffi.errno())
    return result
  }
  const option = (fd: number, level: number, name: number, value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32LE(value)
    check('setsockopt', setsockopt(fd, level, name, bytes, 4))
  }
  /** struct sockaddr_in or sockaddr_in6. */
  const socketAddress = (address: string, port: number) => {
    const family = isIP(address)
    if (family === 0) throw new Error('a socket is bound to an address, never to a name')
    const bytes = Buffer.alloc(family === 4 ? 16 : 28)
    bytes.writeUInt16LE(AF[family as 4 | 6], 0)
    bytes.writeUInt16BE(port, 2)
    const raw = Buffer.alloc(16)
    check('inet_pton', inet_pton(AF[family as 4 | 6], address, raw))
    raw.copy(bytes, family === 4 ? 4 : 8, 0, family === 4 ? 4 : 16)
    return { family: AF[family as 4 | 6], bytes }
  }

  const inNamespace = <T>(path: string | null, work: () => T): T => {
    if (path === null) return work()
    const home = openSync('/proc/thread-self/ns/net', 'r')
    try {
      const away = openSync(path, 'r')
      try {
        check('setns', setns(away, CLONE_NEWNET))
      } finally {
        closeSync(away)
      }
      try {
        return work()
      } finally {
        if (setns(home, CLONE_NEWNET) !== 0) process.abort()
      }
    } finally {
      closeSync(home)
    }
  }

  const bound = (type: number, address: string, port: number, prepare: (fd: number) => void, then?: (fd: number) => void) => {
    const { family, bytes } = socketAddress(address, port)
    const fd = check('socket', socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))
    try {
      if (family === AF[6]) option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)
      prepare(fd)
      check('bind', bind(fd, bytes, bytes.length))
      then?.(fd)
      const name = Buffer.alloc(28)
      check('getsockname', getsockname(fd, name, [name.length]))
      return { fd, port: name.readUInt16BE(2) }
    } catch (error) {
      closeFd(fd)
      throw error
    }
  }

  return {
    inNamespace,
    bindUdp(address, port, bufferBytes) {
      const buffer = (fd: number) => bufferBytes && option(fd, SOL_SOCKET, SO_RCVBUFFORCE, bufferBytes)
      return bound(SOCK_DGRAM, address, port, buffer)
    },
    bindTcp(address, port, backlog) {
      // A listener's connections may linger in TIME_WAIT when it is opened anew.
      const reuse = (fd: number) => option(fd, SOL_SOCKET, SO_REUSEADDR, 1)
      return bound(SOCK_STREAM, address, port, reuse, (fd) => backlog && check('listen', listen(fd, backlog)))
    },
    duplicate: (fd) => check('fcntl', fcntl(fd, F_DUPFD_CLOEXEC, 0)),
    close: (fd) => void closeFd(fd),
    openTun(name, format) {
      const fd = openSync('/dev/net/tun', 'r+')
      const request = Buffer.alloc(40)
      request.write(name, 0, 15, 'latin1')
      request.writeUInt16LE(TUN_FLAGS[format], 16)
      try {
        check('TUNSETIFF', ioctl(fd, TUNSETIFF, request))
        return fd
      } catch (error) {
        closeSync(fd)
        throw error
      }
    },
    lock: (fd) => flock(fd, LOCK_EX_NB) === 0,
    peerOf(fd) {
      const credentials = Buffer.alloc(12)
      check('getsockopt', getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, [12]))
      return { pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4), gid: credentials.readUInt32LE(8) }
    },
  }
}
