import { createSocket } from 'node:dgram'
import type { RealmGone, SocketHandover } from '#platform/words/index.ts'

/** Ms for which it is at something else: it takes a socket long after that has come. */
const BUSY_MS = 100

// A process that reads the sockets that it is handed and tells its parent every datagram.
process.on('message', (message: Partial<SocketHandover & RealmGone>, handle: unknown) => {
  if (message.gone) process.send?.({ gone: message.gone.realm })
  const { socket } = message
  if (!socket) return
  setTimeout(() => {
    createSocket('udp4')
      .bind(handle as never)
      .on('message', (bytes) => process.send?.({ purpose: socket.purpose, port: socket.port, text: String(bytes) }))
    process.send?.({ ready: socket.id })
  }, BUSY_MS)
})
