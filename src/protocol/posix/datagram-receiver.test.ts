import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { DatagramReceiver } from './datagram-receiver.ts'
import { loadLibc } from './libc.ts'

/** A socket that is read from by its descriptor, and how something is sent to it from itself. */
async function socketAt(address: string) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4').bind(0, address)
  await once(socket, 'listening')
  const handle = Object.getOwnPropertySymbols(socket)
    .map((symbol) => (socket as unknown as Record<symbol, { handle?: { fd: number; recvStop(): void } }>)[symbol]?.handle)
    .find((found) => found !== undefined)!
  handle.recvStop()
  const { port } = socket.address()
  const send = () => new Promise((resolve) => socket.send('there', port, address, resolve))
  return { fd: handle.fd, port, send, [Symbol.dispose]: () => void socket.close() }
}

test('whence something came is known in whole, also where nobody has asked whence the former one did', async () => {
  const receiver = new DatagramReceiver(loadLibc(), (address, port) => ({ address, port }))
  using four = await socketAt('127.0.0.1')
  using six = await socketAt('::1')
  await four.send()
  assert.equal(receiver.receive(four.fd), 1)
  await six.send()
  assert.equal(receiver.receive(six.fd), 1)
  assert.deepEqual(receiver.from(0), { address: '::1', port: six.port })
})
