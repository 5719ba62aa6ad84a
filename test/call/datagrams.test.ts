import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { isIPv6 } from 'node:net'
import { test } from 'node:test'
import { type Id, run, silentLog } from '#lib/index.ts'
import { loadLibc, namespacePath, Sockets } from '#platform/channel/index.ts'
import { DatagramSocket } from '#platform/switch/datagram-socket.ts'
import { HeldSockets } from '#platform/switch/held-socket.ts'
import { type Datagrams, Outbox } from '#platform/switch/index.ts'
import {
  DatagramReceiver,
  DatagramSender,
  loadLibc as loadLoop,
  Readable,
  reserve,
  SOCKADDR_BYTES,
  writeSockaddr,
} from '#protocol/posix/index.ts'
import type { Hop } from '#protocol/sip/index.ts'
import { inside, instanceName, until } from './channel-world.ts'

const REALM: Id<'sub'> = 'sub_00000000000000000000000000000001'
const OURS = '10.9.0.1'
const THEIRS = '10.9.0.2'
const PORT = 5070

const libc = loadLibc()
const loop = loadLoop()
const ways: Datagrams = {
  libc: loop,
  sender: new DatagramSender(loop),
  receiver: new DatagramReceiver<Hop>(loop, (address, port) => ({ transport: 'udp', address, port })),
}

/** A site's namespace with a cable to another machine, which nobody has asked for its hardware address yet. */
async function place() {
  const [near, far] = [`${instanceName()}-near`, `${instanceName()}-far`] as const
  for (const name of [near, far]) {
    await run('ip', ['netns', 'add', name])
    await inside(name, 'ip', 'link', 'set', 'lo', 'up')
  }
  await inside(near, 'ip', 'link', 'add', 'tlnear', 'type', 'veth', 'peer', 'name', 'tlfar', 'netns', far)
  await inside(near, 'ip', 'addr', 'add', `${OURS}/24`, 'dev', 'tlnear')
  await inside(far, 'ip', 'addr', 'add', `${THEIRS}/24`, 'dev', 'tlfar')
  await inside(near, 'ip', 'link', 'set', 'tlnear', 'up')
  await inside(far, 'ip', 'link', 'set', 'tlfar', 'up')
  const open: { close(): void }[] = []
  return {
    near,
    far,
    /** A socket as host hands it over, in the hands of the switch. */
    async socket(address: string, port = 0): Promise<DatagramSocket> {
      const request = { realm: REALM, namespace: namespacePath(near), purpose: 'dns', address, port } as const
      const handle = await new Promise<unknown>((resolve, reject) => {
        // Never told that it has left, the sender does not close what is now ours.
        const send = (_message: unknown, sent: unknown) => resolve(sent)
        new Sockets(libc).open(request, { connected: true, send } as never).catch(reject)
      })
      const socket = new DatagramSocket(handle, address, ways)
      open.push(socket)
      return socket
    },
    /** Somebody who hears there; `texts` in the order in which they come. */
    async listener(namespace: string, address: string) {
      const { fd, port } = libc.inNamespace(namespacePath(namespace), () => libc.bindUdp(address, 0, 8 << 20))
      const socket = dgram.createSocket(isIPv6(address) ? 'udp6' : 'udp4').bind({ fd })
      const texts: string[] = []
      socket.on('message', (bytes) => texts.push(bytes.toString().trimEnd()))
      open.push(socket)
      const send = (bytes: Uint8Array, to: number) => socket.send(bytes, to, address)
      return { address, port, texts, send }
    },
    async [Symbol.asyncDispose]() {
      for (const one of open) one.close()
      for (const name of [near, far]) await run('ip', ['netns', 'del', name])
    },
  }
}

const text = (value: unknown) => Buffer.from(String(value))

test('a datagram leaves by either family, and for an address with a scope, from inside the namespace', async () => {
  await using here = await place()
  for (const [from, to, scope] of [
    ['127.0.0.1', '127.0.0.1', ''],
    ['::1', '::1', ''],
    ['::1', '::1', '%lo'],
  ] as const) {
    const [socket, { port, texts }] = [await here.socket(from), await here.listener(here.near, to)]
    socket.send(text('there'), { address: to + scope, port })
    await until(`it has come to ${to}${scope}`, () => texts.length === 1)
  }
})

test('what the network refuses is lost alone: a closed port, a firewall, a size, a family, a name', async () => {
  await using here = await place()
  const [socket, { address, port, texts }] = [await here.socket('127.0.0.1'), await here.listener(here.near, '127.0.0.1')]
  await inside(
    here.near,
    'nft',
    'add table ip t; add chain ip t o { type filter hook output priority 0; }; add rule ip t o udp dport 9 drop',
  )
  const refused = [
    [{ address, port: 1 }, text('closed')],
    [{ address, port: 9 }, text('forbidden')],
    [{ address, port }, Buffer.alloc(70_000)],
    [{ address: '10.77.0.1', port }, text('no route')],
    [{ address: '::1', port }, text('other family')],
    [{ address: '127.0.0', port }, text('no address')],
  ] as const
  for (const [i, [to, bytes]] of refused.entries()) {
    socket.send(bytes, to)
    await new Promise(setImmediate)
    socket.send(text(i), { address, port })
  }
  await until('all others have come', () => texts.length === refused.length)
  assert.deepEqual(texts, ['0', '1', '2', '3', '4', '5'])
})

test('a socket that is full stops nobody: what waits is bounded and leaves in its order when there is room', async () => {
  await using here = await place()
  const setting = (name: string, value: number) => `echo ${value} >/proc/sys/net/ipv4/neigh/tlnear/${name}`
  // Nobody says where the other machine is, and the kernel keeps what is for it: it counts as the socket's own until it leaves.
  await inside(here.far, 'ip', 'link', 'set', 'tlfar', 'arp', 'off')
  await inside(here.near, 'sh', '-c', `${setting('unres_qlen_bytes', 64 << 20)}; ${setting('mcast_solicit', 600)}`)
  const [socket, far] = [await here.socket(OURS), await here.listener(here.far, THEIRS)]
  const ELSEWHERE = 5000
  const began = performance.now()
  let kept = 0
  for (let i = 0; i < ELSEWHERE; i++) if (socket.send(Buffer.from(String(i).padEnd(1200)), far)) kept++
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.ok(performance.now() - began < 5000, 'it waited for the socket')
  assert.equal(far.texts.length, 0)
  const [{ address: mac }] = JSON.parse(await inside(here.far, 'ip', '-json', 'link', 'show', 'tlfar'))
  await inside(here.near, 'ip', 'neigh', 'replace', THEIRS, 'lladdr', mac, 'dev', 'tlnear')
  await until('what was kept has come', () => far.texts.length > 1024)
  await new Promise((resolve) => setTimeout(resolve, 300))
  const { length } = far.texts
  assert.ok(length < ELSEWHERE, `${length} were kept`)
  assert.equal(length, kept, 'what is dropped is said to be')
  assert.deepEqual(
    far.texts,
    Array.from({ length }, (_, i) => String(i)),
  )
  socket.send(text('after'), far)
  await until('it is a socket as before', () => far.texts.at(-1) === 'after')
})

test('what waits for the turn’s end leaves by the socket that is there then, also where one with a queue was replaced', async () => {
  await using here = await place()
  const outbox = new Outbox({ flush() {} })
  const sockets = new HeldSockets(outbox, silentLog, () => {})
  const held = sockets.at(OURS)
  const near = await here.listener(here.near, OURS)
  await inside(here.far, 'ip', 'link', 'set', 'tlfar', 'arp', 'off')
  held.take(await here.socket(OURS))
  for (let i = 0; i < 600; i++) held.send(Buffer.alloc(1200), { address: THEIRS, port: 4000 })
  await new Promise(setImmediate)
  held.send(text('by the second'), near)
  held.take(await here.socket(OURS))
  await until('it has come', () => near.texts.length === 1)
  held.send(text('by none'), near)
  sockets.close()
  held.send(text('by the third'), near)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.deepEqual(near.texts, ['by the second'])
  held.take(await here.socket(OURS))
  await until('what had to wait for a socket has come', () => near.texts.length === 3)
  assert.deepEqual(near.texts, ['by the second', 'by none', 'by the third'])
  assert.equal(outbox.dropped, 0)
})

test('what finds no room is counted, where a socket is full and where there is none yet', async () => {
  await using here = await place()
  await inside(here.far, 'ip', 'link', 'set', 'tlfar', 'arp', 'off')
  const outbox = new Outbox({ flush() {} })
  const sockets = new HeldSockets(outbox, silentLog, () => {})
  const held = sockets.at(OURS)
  for (let i = 0; i < 300; i++) held.send(text(i), { address: THEIRS, port: 4000 })
  await new Promise(setImmediate)
  assert.equal(outbox.dropped, 300 - 256)
  held.take(await here.socket(OURS))
  for (let i = 0; i < 5000; i++) held.send(Buffer.alloc(1200), { address: THEIRS, port: 4000 })
  await new Promise(setImmediate)
  assert.ok(outbox.dropped > 1000, `${outbox.dropped} were dropped`)
  sockets.close()
})

test('what comes is heard from whoever sent it, by either family, one after the other with what it leads to, and leaves in one turn', async () => {
  await using here = await place()
  for (const address of ['127.0.0.1', '::1']) {
    const seen: string[] = []
    const hops = new Set<Hop>()
    const outbox = new Outbox({ flush: () => void seen.push('write') })
    const sockets = new HeldSockets(outbox, silentLog, (bytes, from) => {
      seen.push(String(bytes))
      hops.add(from)
      void Promise.resolve().then(() => {
        seen.push(`what ${bytes} leads to`)
        sockets.at(address).send(bytes, from)
      })
    })
    const [socket, other] = [await here.socket(address, PORT), await here.listener(here.near, address)]
    for (let i = 0; i < 3; i++) other.send(text(i), PORT)
    await new Promise((resolve) => setTimeout(resolve, 20))
    sockets.at(address).take(socket)
    await until('all have been answered', () => other.texts.length === 3)
    assert.deepEqual(other.texts, ['0', '1', '2'])
    assert.deepEqual(seen, ['0', 'what 0 leads to', '1', 'what 1 leads to', '2', 'what 2 leads to', 'write'])
    assert.deepEqual([...hops], [{ transport: 'udp', address, port: other.port }], 'a place is one object')
    other.send(Buffer.alloc(0), PORT)
    other.send(text('x'.repeat(65_000)), PORT)
    await until('the largest has come back', () => other.texts.length === 5)
    assert.deepEqual(
      other.texts.slice(3).map(({ length }) => length),
      [0, 65_000],
    )
  }
})

test('more than are taken at once are all heard in their order, in turns that end, and of one that is closed meanwhile nothing more', async () => {
  await using here = await place()
  const seen: number[] = []
  let turns = 0
  const sockets = new HeldSockets(new Outbox({ flush: () => void turns++ }), silentLog, (bytes) => {
    seen.push(Number(String(bytes)))
    if (seen.length === 52) sockets.close()
  })
  const [socket, other] = [await here.socket('127.0.0.1', PORT), await here.listener(here.near, '127.0.0.1')]
  for (let i = 0; i < 100; i++) other.send(text(i), PORT)
  await new Promise((resolve) => setTimeout(resolve, 20))
  sockets.at('127.0.0.1').take(socket)
  await until('it has been closed', () => seen.length === 52)
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.deepEqual(
    seen,
    Array.from({ length: 52 }, (_, i) => i),
  )
  assert.equal(turns, 2)
})

test('a socket with an error is read on', async () => {
  await using here = await place()
  const [{ fd, port }, other] = [
    libc.inNamespace(namespacePath(here.near), () => libc.bindUdp('127.0.0.1', 0)),
    await here.listener(here.near, '127.0.0.1'),
  ]
  const counts: number[] = []
  const readable = new Readable(fd, () => void counts.push(ways.receiver.receive(fd)))
  // Connected, it is told that nobody listens where it has sent.
  const nobody = Buffer.alloc(SOCKADDR_BYTES)
  const memory = reserve(SOCKADDR_BYTES)
  const length = writeSockaddr(memory.bytes, 0, '127.0.0.1', 1)
  assert.equal(loop.connect(fd, memory.address, length), 0)
  assert.ok(ways.sender.send(fd, nobody, '127.0.0.1', 1))
  await until('its error has been read', () => counts.includes(-1))
  writeSockaddr(memory.bytes, 0, other.address, other.port)
  assert.equal(loop.connect(fd, memory.address, length), 0)
  other.send(text('there'), port)
  await until('what comes then is read', () => counts.includes(1))
  readable.close()
  loop.close(fd)
})
