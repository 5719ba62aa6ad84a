import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Id, run } from '#lib/index.ts'
import { type Libc, loadLibc, namespacePath, Sockets, SystemError } from '#platform/channel/index.ts'
import { inside, instanceName, until } from './channel-world.ts'

const FIXTURE = fileURLToPath(new URL('./channel-receiver.fixture.ts', import.meta.url))
const REALM: Id<'sub'> = 'sub_00000000000000000000000000000001'

interface Heard {
  ready?: string
  gone?: string
  text?: string
  purpose?: string
}

interface Reader extends AsyncDisposable {
  child: ChildProcess
  heard: Heard[]
  texts(): string[]
  kill(): Promise<void>
}

function reader(): Reader {
  // Without the test runner's own variable, by which it would take the child for a test.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = fork(FIXTURE, { stdio: 'inherit', env })
  const heard: Heard[] = []
  child.on('message', (message) => heard.push(message as Heard))
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  return { child, heard, texts: () => heard.flatMap(({ text }) => text ?? []), kill, [Symbol.asyncDispose]: kill }
}

/** A namespace with lo alone, and a sender inside it that lives in this process. */
async function place(libc: Libc) {
  const namespace = `s${instanceName()}-sockets`
  await run('ip', ['netns', 'add', namespace])
  await inside(namespace, 'ip', 'link', 'set', 'lo', 'up')
  const path = namespacePath(namespace)
  const sender = dgram.createSocket('udp4')
  sender.bind({ fd: libc.inNamespace(path, () => libc.bindUdp('127.0.0.1', 0)).fd })
  const send = (text: string, port: number) =>
    new Promise<void>((resolve, reject) => sender.send(text, port, '127.0.0.1', (error) => (error ? reject(error) : resolve())))
  return {
    path,
    send,
    async [Symbol.asyncDispose]() {
      sender.close()
      await run('ip', ['netns', 'del', namespace])
    },
  }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String(from + i))

test('a process that is killed and started again loses no datagram and frees no port', async () => {
  const libc = loadLibc()
  await using here = await place(libc)
  const sockets = new Sockets(libc)
  const { id, port } = sockets.hold({ realm: REALM, namespace: here.path, purpose: 'sip', address: '127.0.0.1', port: 5060 })
  assert.equal(port, 5060)
  {
    await using first = reader()
    await sockets.handOver(id, first.child)
    for (const text of numbers(0, 100)) await here.send(text, port)
    await until('the first reader has all', () => first.texts().length === 100)
  }
  // Nobody reads now: what comes waits, and the port stays taken.
  for (const text of numbers(100, 400)) await here.send(text, port)
  assert.throws(
    () => libc.inNamespace(here.path, () => libc.bindUdp('127.0.0.1', 5060)),
    (error) => error instanceof SystemError && error.code === 'EADDRINUSE',
  )
  await using second = reader()
  await sockets.handOver(id, second.child)
  for (const text of numbers(400, 450)) await here.send(text, port)
  await until('the second reader has all', () => second.texts().length === 350)
  assert.deepEqual(second.texts(), numbers(100, 450))
  sockets.release(REALM, [second.child])
  await until('it hears that the realm is gone', () => second.heard.some(({ gone }) => gone === REALM))
  sockets.close()
})

test('a socket that is opened for one process is that process’s alone: with it goes the port', async () => {
  const libc = loadLibc()
  await using here = await place(libc)
  const sockets = new Sockets(libc)
  const request = { realm: REALM, namespace: here.path, purpose: 'rtp', address: '127.0.0.1', port: 16384 } as const
  await using voice = reader()
  await sockets.open(request, voice.child)
  await until('it has come', () => voice.heard.some(({ ready }) => ready))
  await here.send('rtp', 16384)
  await until('it is read', () => voice.texts().length === 1)
  await assert.rejects(sockets.open(request, voice.child), {
    verdict: { code: 'port-taken', fault: 'system', retry: true, http: 409 },
  })
  await voice.kill()
  libc.close(libc.inNamespace(here.path, () => libc.bindUdp('127.0.0.1', 16384)).fd)
  assert.deepEqual(sockets.held, [])
})

test('handing a socket to a process that is gone fails and leaks no descriptor', async () => {
  const libc = loadLibc()
  await using here = await place(libc)
  const sockets = new Sockets(libc)
  const gone = reader()
  await gone.kill()
  const before = openSockets()
  const request = { realm: REALM, namespace: here.path, purpose: 'rtp', address: '127.0.0.1', port: 16500 } as const
  await assert.rejects(sockets.open(request, gone.child), /is gone/)
  const { id } = sockets.hold({ ...request, purpose: 'sip' })
  await assert.rejects(sockets.handOver(id, gone.child), /is gone/)
  sockets.close()
  await until('all are closed', () => openSockets() === before)
})

test('this process never stays in another namespace, whatever happens inside', async () => {
  const libc = loadLibc()
  await using here = await place(libc)
  const home = readlinkSync('/proc/thread-self/ns/net')
  let away = ''
  libc.inNamespace(here.path, () => {
    away = readlinkSync('/proc/thread-self/ns/net')
  })
  assert.notEqual(away, home)
  assert.throws(
    () =>
      libc.inNamespace(here.path, () => {
        throw new Error('inside')
      }),
    /inside/,
  )
  assert.throws(() => libc.inNamespace('/run/netns/there-is-none', () => {}), /ENOENT/)
  assert.throws(() => libc.inNamespace('/dev/null', () => {}), SystemError)
  assert.equal(readlinkSync('/proc/thread-self/ns/net'), home)
})

function openSockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')
    } catch {
      return false
    }
  }).length
}
