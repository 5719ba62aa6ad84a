import koffi from 'koffi'

/**
 * The few calls of libc that an event loop makes. Addresses of memory are plain numbers: koffi passes them on without
 * looking at what they are, which is the cheapest it can do. All return −1 on failure; `errno()` then says why.
 */
export interface Libc {
  recvfrom(fd: number, into: number, length: number, flags: number, address: number, addressLength: number): number
  /** Into what `count` headers of `struct mmsghdr` say; how many datagrams came. */
  recvmmsg(fd: number, headers: number, count: number, flags: number, timeout: number): number
  recv(fd: number, into: number, length: number, flags: number): number
  sendto(fd: number, from: number, length: number, flags: number, address: number, addressLength: number): number
  send(fd: number, from: number, length: number, flags: number): number
  /** `sendto` of bytes that lie wherever V8 has put them. */
  sendBytes(fd: number, bytes: Uint8Array, length: number, flags: number, address: number, addressLength: number): number
  connect(fd: number, address: number, addressLength: number): number
  epollCreate(flags: number): number
  epollCtl(epoll: number, operation: number, fd: number, event: number): number
  epollWait(epoll: number, events: number, max: number, timeoutMs: number): number
  eventfd(initial: number, flags: number): number
  read(fd: number, into: number, length: number): number
  write(fd: number, from: number, length: number): number
  /** `write` of bytes that lie wherever V8 has put them. */
  writeBytes(fd: number, bytes: Uint8Array, length: number): number
  usleep(microseconds: number): number
  close(fd: number): number
  /** Duplicates a descriptor; the copy is closed in child processes. */
  duplicate(fd: number): number
  errno(): number
  /** The name of a network interface; its number where that has none. */
  interfaceName(index: number): string
  /** The account of the process at the other end of a Unix socket; −1 when nobody can say. */
  peerUid(fd: number): number
}

export const EPOLL_CTL_ADD = 1
export const EPOLL_CTL_DEL = 2
export const EPOLLIN = 1
/** Bytes of `struct epoll_event`: packed on x86-64 only. */
export const EPOLL_EVENT = process.arch === 'x64' ? { bytes: 12, data: 4 } : { bytes: 16, data: 8 }
export const MSG_DONTWAIT = 0x40

const CLOEXEC = 0o2000000
const NONBLOCK = 0o4000
const SOL_SOCKET = 1
const SO_PEERCRED = 17
const F_DUPFD_CLOEXEC = 1030

export const EVENTFD_FLAGS = CLOEXEC | NONBLOCK
export const EPOLL_FLAGS = CLOEXEC

let loaded: Libc | null = null

/** libc, loaded once for each thread. */
export function loadLibc(): Libc {
  loaded ??= load()
  return loaded
}

function load(): Libc {
  const libc = koffi.load(null)
  const fcntl = libc.func('int fcntl(int fd, int command, ...)')
  const ifIndexToName = libc.func('str if_indextoname(uint32_t index, _Out_ void *name)')
  const getsockopt = libc.func('int getsockopt(int fd, int level, int name, _Out_ void *value, _Inout_ uint32_t *length)')
  return {
    recvfrom: libc.func('recvfrom', 'int', ['int', 'int64', 'uint32', 'int', 'int64', 'int64']),
    recvmmsg: libc.func('recvmmsg', 'int', ['int', 'int64', 'uint32', 'int', 'int64']),
    recv: libc.func('recv', 'int', ['int', 'int64', 'uint32', 'int']),
    sendto: libc.func('sendto', 'int', ['int', 'int64', 'uint32', 'int', 'int64', 'uint32']),
    send: libc.func('send', 'int', ['int', 'int64', 'uint32', 'int']),
    sendBytes: libc.func('sendto', 'int', ['int', 'const void *', 'uint32', 'int', 'int64', 'uint32']),
    connect: libc.func('connect', 'int', ['int', 'int64', 'uint32']),
    epollCreate: libc.func('epoll_create1', 'int', ['int']),
    epollCtl: libc.func('epoll_ctl', 'int', ['int', 'int', 'int', 'int64']),
    epollWait: libc.func('epoll_wait', 'int', ['int', 'int64', 'int', 'int']),
    eventfd: libc.func('eventfd', 'int', ['uint32', 'int']),
    read: libc.func('read', 'int', ['int', 'int64', 'uint32']),
    write: libc.func('write', 'int', ['int', 'int64', 'uint32']),
    writeBytes: libc.func('write', 'int', ['int', 'const void *', 'uint32']),
    usleep: libc.func('usleep', 'int', ['uint32']),
    close: libc.func('close', 'int', ['int']),
    duplicate: (fd) => fcntl(fd, F_DUPFD_CLOEXEC, 'int', 0),
    errno: () => koffi.errno(),
    interfaceName: (index) => ifIndexToName(index, Buffer.alloc(16)) ?? String(index),
    peerUid(fd) {
      const credentials = Buffer.alloc(12)
      return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, [12]) < 0 ? -1 : credentials.readUInt32LE(4)
    },
  }
}

/** Memory that libc may be given: its bytes never move. */
export interface Memory {
  bytes: Uint8Array
  address: number
}

/** Reserves memory that lives as long as the object is held. Larger than what V8 keeps inside its own heap. */
export function reserve(length: number): Memory {
  const bytes = new Uint8Array(new ArrayBuffer(Math.max(length, 4096)))
  return { bytes, address: Number(koffi.address(bytes)) }
}
