export { DatagramReceiver } from './datagram-receiver.ts'
export { DatagramSender } from './datagram-sender.ts'
export {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_EVENT,
  EPOLL_FLAGS,
  EPOLLIN,
  EVENTFD_FLAGS,
  type Libc,
  loadLibc,
  type Memory,
  MSG_DONTWAIT,
  reserve,
} from './libc.ts'
export { Readable, settle } from './readable.ts'
export { portOf, readSockaddr, SOCKADDR_BYTES, sameHost, samePort, writeSockaddr } from './sockaddr.ts'
