import type { Socket } from 'node:dgram'
import type { RealmGone, SocketHandover } from '#platform/words/index.ts'

// A process that reads the sockets that it is handed and tells its parent every datagram.
process.on('message', (message: Partial<SocketHandover & RealmGone>, handle: unknown) => {
  if (message.gone) process.send?.({ gone: message.gone.realm })
  const { socket } = message
  if (!socket) return
  ;(handle as Socket).on('message', (bytes) =>
    process.send?.({ purpose: socket.purpose, port: socket.port, text: String(bytes) }),
  )
  process.send?.({ ready: socket.id })
})
