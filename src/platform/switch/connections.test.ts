import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { silentLog, TurnedClock } from '#lib/index.ts'
import type { Hop } from '#protocol/sip/index.ts'
import { Connections } from './connections.ts'

const MESSAGE = Buffer.from('OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n')

/** A listener of the loopback that keeps what came, and connections of ours to it. */
async function pair(secure = (socket: Socket): Socket => socket) {
  const came: { socket: Socket; text: string }[] = []
  const server = createServer((socket) => {
    const one = { socket, text: '' }
    came.push(one)
    socket.on('data', (chunk) => (one.text += chunk))
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const clock = new TurnedClock()
  const unbound: string[] = []
  const lost: { hop: Hop; again: boolean }[] = []
  const connections = new Connections({
    clock,
    log: silentLog,
    connect: (to) => connect({ host: to.address, port: to.port }),
    secure,
    tlsServer: () => null,
    profileOf: () => undefined,
    accepts: () => true,
    receive: () => {},
    lost: (hop, { again }) => lost.push({ hop, again }),
    unbound: (flow) => unbound.push(flow),
  })
  const hop = (profile?: string): Hop => ({ transport: 'tcp', address: '127.0.0.1', port, ...(profile ? { profile } : {}) })
  return {
    ...{ came, clock, lost, unbound, connections, hop },
    async [Symbol.asyncDispose]() {
      connections.close()
      for (const { socket } of came) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function comes(check: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !check(); i++) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.ok(check())
}

test('S43 the same address with other credentials is another connection; the same ones share one', async () => {
  await using at = await pair()
  at.connections.send(MESSAGE, at.hop('acme'))
  at.connections.send(MESSAGE, at.hop('globex'))
  at.connections.send(MESSAGE, at.hop('acme'))
  await comes(() => at.came.reduce((sum, { text }) => sum + text.length, 0) === 3 * MESSAGE.length)
  assert.deepEqual(at.came.map(({ text }) => text.length / MESSAGE.length).sort(), [1, 2])
})

test('S41 a loss is told with whether it had stood, and the next message opens anew', async () => {
  await using at = await pair()
  at.connections.send(MESSAGE, at.hop())
  await comes(() => at.came[0]?.text.length === MESSAGE.length)
  at.came[0]!.socket.resetAndDestroy()
  await comes(() => at.lost.length === 1)
  assert.equal(at.lost[0]!.again, true)
  assert.equal(at.connections.size, 0)
  at.connections.send(MESSAGE, at.hop())
  await comes(() => at.came[1]?.text.length === MESSAGE.length)
  const nowhere: Hop = { ...at.hop(), address: '127.0.0.2', port: 1 }
  at.connections.send(MESSAGE, nowhere)
  await comes(() => at.lost.length === 2)
  assert.deepEqual([at.lost[1]!.hop.port, at.lost[1]!.again], [1, false])
})

test('S41 what is bound to a connection is lost with it, at once, and no other one is opened', async () => {
  await using at = await pair()
  at.connections.send(MESSAGE, at.hop())
  await comes(() => at.came[0]?.text.length === MESSAGE.length)
  at.came[0]!.socket.resetAndDestroy()
  await comes(() => at.lost.length === 1)
  assert.deepEqual(at.unbound, [], 'this one was not bound')
  const { flow } = at.lost[0]!.hop
  at.connections.send(MESSAGE, { ...at.hop(), flow: flow!, bound: true })
  await comes(() => at.lost.length === 2)
  assert.equal(at.lost[1]!.again, false)
  assert.equal(at.connections.size, 0)
})

test('F06 what a far end does not read is bounded, and R07 what is idle is let go', async () => {
  await using at = await pair()
  at.connections.send(MESSAGE, at.hop())
  await comes(() => at.came[0]?.text === MESSAGE.toString())
  at.came[0]!.socket.pause()
  const large = Buffer.alloc(60_000, 'x')
  for (let i = 0; i < 400 && at.lost.length === 0; i++) at.connections.send(large, at.hop())
  assert.ok(at.lost.length > 0, 'given up, not kept in memory')
  at.connections.send(MESSAGE, at.hop('other'))
  const before = at.lost.length
  await comes(() => at.came[1]?.text === MESSAGE.toString())
  at.clock.turn(40_000)
  await comes(() => at.came.some(({ text }) => text.startsWith(`${MESSAGE}\r\n\r\n`)))
  assert.equal(at.lost.length, before, 'kept open by pings')
})

test('R01 what TLS cannot be begun on is closed', async () => {
  await using at = await pair(() => {
    throw new Error('ee key too small')
  })
  const hop: Hop = { ...at.hop(), transport: 'tls' }
  at.connections.send(MESSAGE, hop)
  await comes(() => at.lost.length === 1)
  await comes(() => at.came.length === 0 || at.came[0]!.socket.closed)
  assert.equal(at.connections.size, 0)
  assert.equal(at.connections.trouble(hop), 'no connection to it can be opened')
})
