import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { isIPv6 } from 'node:net'
import { test } from 'node:test'
import { type Id, run, silentLog } from '#lib/index.ts'
import { loadLibc, namespacePath, Sockets } from '#platform/channel/index.ts'
import { DatagramSocket } from '#platform/switch/datagram-socket.ts'
import { HeldSockets } from '#platform/switch/held-socket.ts'
import { Outbox } from '#platform/switch/index.ts'
import { DatagramSender, loadLibc as loadLoop } from '#protocol/posix/index.ts'
import { inside, instanceName, until } from './channel-world.ts'

const REALM: Id<'sub'> = 'sub_00000000000000000000000000000001'
const OURS = '10.9.0.1'
const THEIRS = '10.9.0.2'

const libc = loadLibc()
const sender = new DatagramSender(loadLoop())

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
    async socket(address: string): Promise<DatagramSocket> {
      const request = { realm: REALM, namespace: namespacePath(near), purpose: 'dns', address, port: 0 } as const
      const handle = await new Promise<unknown>((resolve, reject) => {
        // Never told that it has left, the sender does not close what is now ours.
        const send = (_message: unknown, sent: unknown) => resolve(sent)
        new Sockets(libc).open(request, { connected: true, send } as never).catch(reject)
      })
      const socket = new DatagramSocket(handle, address, sender)
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
      return { address, port, texts }
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
