import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { newId, run } from '#lib/index.ts'
import { namespacePath } from '#platform/channel/index.ts'
import { createSealer } from '#platform/subscriber/index.ts'
import type { Snapshot, SubscriberConfig } from '#platform/words/index.ts'
import { newKeyPair, newPresharedKey } from '#protocol/wireguard/index.ts'
import { instanceName, until } from './channel-world.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

interface LogLine {
  process?: string
  message?: string
  [field: string]: unknown
}

interface Running {
  child: ChildProcess
  log: LogLine[]
  text(): string
  has(process: string, message: string): boolean
  exited: Promise<unknown>
}

/** A node of its own: a network namespace with lo, a state directory, and a tree that only root can reach. */
async function place() {
  const instance = instanceName()
  const directory = mkdtempSync(join(tmpdir(), `tl${instance}-`))
  chmodSync(directory, 0o755)
  const closed = join(directory, 'closed')
  const tree = join(closed, 'tieline')
  mkdirSync(tree, { recursive: true })
  chmodSync(closed, 0o700)
  const node = `s${instance}-node`
  await run('ip', ['netns', 'add', node])
  await run('nsenter', [`--net=${namespacePath(node)}`, '--', 'ip', 'link', 'set', 'lo', 'up'])
  await run('mount', ['--bind', ROOT, tree])
  const state = join(directory, 'state')
  const running = new Set<Running>()
  const up = (settings: object = {}): Running => {
    const file = join(directory, 'tieline.yaml')
    writeFileSync(file, JSON.stringify({ ...configOf(instance, state), ...settings }))
    const started = start([`--net=${namespacePath(node)}`, '--', join(tree, 'bin/tieline'), 'up', '--config', file])
    running.add(started)
    return started
  }
  return {
    instance,
    state,
    up,
    async [Symbol.asyncDispose]() {
      for (const { child, exited } of running) {
        child.kill('SIGKILL')
        await exited
      }
      for (const pid of processesOf(instance)) process.kill(pid, 'SIGKILL')
      await until('all processes are gone', () => processesOf(instance).length === 0)
      for (const name of namespacesOf(instance)) await run('ip', ['netns', 'del', name])
      await run('umount', ['--lazy', tree])
      await run('ip', ['netns', 'del', node])
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function configOf(instance: string, state: string) {
  return {
    instance,
    state,
    media: { address: '127.0.0.1', ports: { first: 16384, last: 16583 } },
    log: { level: 'info' },
  }
}

function start(args: string[]): Running {
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const log: LogLine[] = []
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      try {
        log.push(JSON.parse(line))
      } catch {
        log.push({ message: line })
      }
    })
  return {
    child,
    log,
    text: () => lines.join('\n'),
    has: (process, message) => log.some((line) => line.process === process && line.message === message),
    exited: once(child, 'exit'),
  }
}

/** Every process that belongs to an instance, by the control groups that bear its name. */
function processesOf(instance: string): number[] {
  return groupsOf(instance).flatMap((group) =>
    readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number),
  )
}

function groupsOf(instance: string): string[] {
  const entries = readdirSync('/sys/fs/cgroup', { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
  return paths.filter((path) => path.split('/').includes(`tieline-${instance}`))
}

function namespacesOf(instance: string): string[] {
  return readdirSync('/run/netns').filter((name) => name.startsWith(`tl${instance}-`))
}

/** What an installation of one subscriber has left on disk: the sealing key and the snapshot. */
function furnish(state: string): SubscriberConfig {
  for (const directory of ['secret', 'host', 'switch']) mkdirSync(join(state, directory), { recursive: true, mode: 0o711 })
  const key = Buffer.alloc(32, 7)
  writeFileSync(join(state, 'secret', 'sealing-key'), key, { mode: 0o400 })
  const { seal } = createSealer(key.toString('base64'))
  const own = newKeyPair()
  const acme: SubscriberConfig = {
    id: newId('sub'),
    name: 'acme',
    slot: 1,
    numbers: [],
    allocations: [],
    channel: {
      ...{ address: '10.210.0.1', peerAddress: '10.210.0.2', listenPort: 12001, mtu: 1420, keepaliveSeconds: 25, dns: null },
      ...{ publicKey: own.publicKey, peerPublicKey: newKeyPair().publicKey, siteNetworks: ['192.168.1.0/24'] },
      ...{ privateKey: seal(own.privateKey), presharedKey: seal(newPresharedKey()) },
    },
    site: { pbx: null },
    defaultRoute: { pbx: '100' },
    agent: {
      ...{ version: null, decisionDeadlineMs: 2000, memoryMebibytes: 64, cpuShare: 1, maxProcesses: 32, listen: [] },
      ...{ certificate: '', key: seal('') },
    },
  }
  const snapshot: Snapshot = {
    ...{ number: 5, capacities: [], trunks: [], subscribers: [acme], emergency: { numbers: [] }, ca: '' },
    switchCertificate: { certificate: '', key: seal('') },
  }
  for (const directory of ['host', 'switch']) writeFileSync(join(state, directory, 'snapshot.json'), JSON.stringify(snapshot))
  return acme
}

const uidOf = (pid: number) => Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
const capabilitiesOf = (pid: number) => /^CapEff:\s+(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]

test('the whole platform runs from a tree that only root can reach, each process as its own account, and ends without trace', async () => {
  await using here = await place()
  const host = here.up()
  await until(
    'all is up',
    () => host.has('control', 'the API listens') && host.has('switch', 'the switch is ready'),
    60_000,
  ).catch((error) => {
    throw new Error(host.text(), { cause: error })
  })
  const pids = host.log.filter(({ message }) => message === 'a process has been started')
  const voices = Array.from({ length: Math.min(64, availableParallelism()) }, (_, core) => `voice-${core}`)
  assert.deepEqual(pids.map(({ child }) => child).sort(), ['control', 'db', 'switch', ...voices].sort())
  const uids = pids.map(({ pid }) => uidOf(Number(pid)))
  assert.equal(new Set(uids).size, 4)
  assert.ok(uids.every((uid) => uid > 0))
  for (const { pid } of pids) assert.equal(capabilitiesOf(Number(pid)), '0000000000000000')
  // Nothing secret stands where others can read it.
  const secret = readFileSync(join(here.state, 'secret', 'sealing-key'))
  for (const { pid } of pids)
    for (const file of ['cmdline', 'environ']) {
      const text = readFileSync(`/proc/${pid}/${file}`, 'latin1')
      for (const form of ['base64', 'base64url', 'hex'] as const) assert.ok(!text.includes(secret.toString(form)))
      assert.doesNotMatch(text, /postgres:\/\//)
    }
  const second = here.up()
  await second.exited
  assert.match(second.text(), /Tieline already runs on the state directory/)

  host.child.kill('SIGTERM')
  const [code] = (await host.exited) as [number]
  assert.equal(code, 0, host.text())
  assert.deepEqual(processesOf(here.instance), [])
  assert.deepEqual(groupsOf(here.instance), [])
  assert.deepEqual(
    host.log.filter(({ level }) => level === 'error'),
    [],
  )
})

test('with control and PostgreSQL away it starts from what is on disk; killed, it leaves what the next start clears (T10)', async () => {
  await using here = await place()
  furnish(here.state)
  const away = { databaseUrl: 'postgres://nobody@127.0.0.1:9/none' }
  const namespace = `tl${here.instance}-acme`
  const first = here.up(away)
  const stands = (host: Running) => host.has('host', 'a channel stands') && host.has('switch', 'the switch is ready')
  await until('the channel stands', () => stands(first), 60_000).catch((error) => {
    throw new Error(first.text(), { cause: error })
  })
  assert.deepEqual(namespacesOf(here.instance), [namespace])
  // What the switch listens to was opened inside for it.
  const sockets = await run('nsenter', [`--net=${namespacePath(namespace)}`, '--', 'ss', '-Hlun'])
  assert.match(sockets, /10\.210\.0\.1:5060/)
  const before = processesOf(here.instance)
  assert.ok(before.length >= 4)

  // The process of host itself, not nsenter's: they are one, since nsenter execs.
  first.child.kill('SIGKILL')
  await first.exited
  await until('its children die with it', () => processesOf(here.instance).length === 0, 10_000)
  assert.deepEqual(namespacesOf(here.instance), [namespace], 'a namespace outlives a killed host')

  const next = here.up(away)
  await until('the channel stands again', () => stands(next), 60_000).catch((error) => {
    throw new Error(next.text(), { cause: error })
  })
  assert.deepEqual(namespacesOf(here.instance), [namespace])
  next.child.kill('SIGINT')
  await next.exited
  assert.deepEqual(namespacesOf(here.instance), [])
  assert.deepEqual(processesOf(here.instance), [])
  assert.deepEqual(groupsOf(here.instance), [])
  assert.doesNotMatch(await run('findmnt', ['-rno', 'TARGET']), new RegExp(`${here.state}/`))
})

test('a switch that is killed gets its sockets again, and restarts are counted', async () => {
  await using here = await place()
  furnish(here.state)
  const host = here.up({ databaseUrl: 'postgres://nobody@127.0.0.1:9/none' })
  const starts = () => host.log.filter(({ message, child }) => message === 'a process has been started' && child === 'switch')
  const ready = () => host.log.filter(({ process: name, message }) => name === 'switch' && message === 'the switch is ready')
  await until('the switch is ready', () => ready().length === 1 && host.has('host', 'a channel stands'), 60_000)
  process.kill(Number(starts()[0]!.pid), 'SIGKILL')
  await until('it is ready again', () => ready().length === 2, 30_000)
  assert.equal(starts().length, 2)
  assert.ok(host.has('host', 'a process has died and is started again'))
  const pid = Number(starts()[1]!.pid)
  const inside = [`--net=${namespacePath(`tl${here.instance}-acme`)}`, '--', 'ss', '-Hlunp', 'sport', '=', ':5060']
  await until('the new switch holds the socket of the namespace', async () =>
    (await run('nsenter', inside)).includes(`pid=${pid},`),
  )
  host.child.kill('SIGTERM')
  await host.exited
})
