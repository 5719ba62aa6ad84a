import { Server, Socket } from 'node:net'
import type { SocketHandover } from '#platform/words/index.ts'

// A process that listens and connects by the TCP sockets that it is handed, and tells its parent what comes of it.
process.on('message', ({ socket: handed }: SocketHandover, handle: object) => {
  if (handed.purpose !== 'sip-out') {
    const server = new Server((socket) => socket.on('data', (bytes) => socket.write(`heard ${bytes}`)))
    server.listen(handle, () => process.send?.({ ready: handed.id }))
    return
  }
  const socket = new Socket({ handle, manualStart: true } as object)
  socket.on('error', (error) => process.send?.({ text: `error ${error.message}` }))
  socket.on('data', (bytes) => process.send?.({ text: String(bytes) }))
  socket.connect({ host: '127.0.0.1', port: Number(process.argv[2]) }, () => socket.write('hello'))
})
