import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { confine, type Id, run } from '#lib/index.ts'
import { loadLibc, namespacePath, Sockets } from '#platform/channel/index.ts'
import { nodeBinary } from '#platform/node/index.ts'
import { channelWorld, inside, instanceName, PLATFORM_ADDRESS, until } from './channel-world.ts'

const ROOT = join(import.meta.dirname, '../..')
const NOBODY = '65534'
const REALM: Id<'sub'> = 'sub_00000000000000000000000000000001'

interface Said {
  ready?: string
  text?: string
}

/**
 * A process of another account than root, as the switch is: what it accepts counts as its own, not as host's. It sees the
 * tree where it can read it, wherever that lies.
 */
function stream(port = 0): { child: ChildProcess; said: Said[] } & AsyncDisposable {
  const directory = mkdtempSync(join(tmpdir(), 'tl-stream-'))
  chmodSync(directory, 0o755)
  const tree = join(directory, 'tree')
  mkdirSync(tree)
  const fixture = join(tree, 'test/call/channel-stream.fixture.ts')
  const { program, args } = confine({ user: NOBODY, binds: [{ from: ROOT, to: tree, readOnly: true }] }, [
    nodeBinary(tree),
    fixture,
    String(port),
  ])
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(program, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env })
  const said: Said[] = []
  child.on('message', (message) => said.push(message as Said))
  const exited = once(child, 'exit')
  return {
    child,
    said,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
      rmSync(directory, { recursive: true })
    },
  }
}

test('a listener and a connection inside a namespace live in a process outside of it; a restart frees no port', async () => {
  const libc = loadLibc()
  const namespace = `s${instanceName()}-stream`
  await run('ip', ['netns', 'add', namespace])
  try {
    await inside(namespace, 'ip', 'link', 'set', 'lo', 'up')
    const place = { realm: REALM, namespace: namespacePath(namespace), address: '127.0.0.1' } as const
    const sockets = new Sockets(libc)
    const { id } = sockets.hold({ ...place, purpose: 'sip-tcp', port: 5060 })
    {
      await using first = stream()
      await sockets.handOver(id, first.child)
      await until('the first listens', () => first.said.some(({ ready }) => ready === id))
    }
    await using out = stream(5060)
    await sockets.open({ ...place, purpose: 'sip-out', port: 0 }, out.child, 'wanted')
    // It connects while nobody is there: the connection waits at the listener that is kept.
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.deepEqual(out.said, [])
    await using second = stream()
    await sockets.handOver(id, second.child)
    await until('the one that waited is answered', () => out.said.some(({ text }) => text === 'heard hello'))
    sockets.close()
  } finally {
    await run('ip', ['netns', 'del', namespace])
  }
})

test('SIP over TCP passes the firewall of a namespace from its site, and not from its agent', async () => {
  await using world = channelWorld()
  const acme = world.subscriber('acme', 1)
  await world.channels.start()
  await world.channels.reconcile([acme])
  const site = await world.site(acme)
  await until('the channel is up', async () => {
    await world.channels.poll()
    return world.channels.get(acme.id)?.status.state === 'up'
  })
  const namespace = world.namespaceOf(acme)
  const sockets = new Sockets(world.libc)
  const realm = { realm: REALM, namespace: namespacePath(namespace), address: PLATFORM_ADDRESS } as const
  const { id } = sockets.hold({ ...realm, purpose: 'sip-tcp', port: 5060 })
  await using listener = stream()
  try {
    await sockets.handOver(id, listener.child)
    await until('it listens', () => listener.said.some(({ ready }) => ready === id))
    const ask = `exec 3<>/dev/tcp/${PLATFORM_ADDRESS}/5060; echo -n hello >&3; head -c 11 <&3`
    assert.equal(await inside(site.lan, 'timeout', '5', 'bash', '-c', ask), 'heard hello')
    const agent = ['setpriv', '--reuid', '210001', '--regid', '210001', '--clear-groups', '--', 'timeout', '1', 'bash', '-c']
    await assert.rejects(inside(namespace, ...agent, ask))
  } finally {
    sockets.close()
  }
})
