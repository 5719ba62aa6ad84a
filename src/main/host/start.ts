import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  Agents,
  endpointFile,
  type HostLink,
  NodeKeeper,
  NodeMemory,
  Realms,
  SaidByAgents,
  SnapshotFile,
} from '#journeys/reconcile/index.ts'
import { type Clock, type Log, systemClock } from '#lib/index.ts'
import { prepareSandbox } from '#platform/agent/index.ts'
import { type Libc, loadLibc, openKernelTunnel, Sockets, userspaceTunnels } from '#platform/channel/index.ts'
import {
  type Accounts,
  clearInstance,
  instanceGroup,
  keptSecret,
  type LogSink,
  lockInstance,
  logSink,
  prepareState,
  reachableNode,
  readAccounts,
  SipCertificate,
  type StatePaths,
  startDatabase,
  type Tree,
} from '#platform/node/index.ts'
import { createSealer } from '#platform/subscriber/index.ts'
import { type HostNotifications, LINKS, type PlatformConfig, type SipTls } from '#platform/words/index.ts'
import type { Link, LinkServer } from '#protocol/link/index.ts'
import { Children } from './children.ts'
import { serveHost } from './link.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url)).replace(/\/$/, '')

export interface HostOptions {
  config: PlatformConfig
  kernelWireGuard: boolean
  /** Everything that is started says here how it ends; the caller leaves it, last to first. */
  stack: AsyncDisposableStack
}

/** What everything stands on. */
interface Ground {
  config: PlatformConfig
  parts: { clock: Clock; log: Log; sink: LogSink }
  libc: Libc
  accounts: Accounts
  paths: StatePaths
  cgroup: string | null
  tree: Tree
  /** 32 bytes in base64. */
  sealingKey: string
}

/**
 * Starts the platform. The closing order is this function read from its end: switch (calls end), agents, voice, control,
 * channels, database, host's link, sockets, control groups, lock.
 */
export async function startHost({ config, kernelWireGuard, stack }: HostOptions) {
  const ground = await prepare(config, stack)
  const { log, clock } = ground.parts
  const startedAt = new Date(clock.wall()).toISOString()
  const sockets = stack.adopt(new Sockets(ground.libc), (held) => held.close())
  const sipTls = watchSipTls(ground, stack, (used) => children.receiver('switch')?.send({ renewed: { sipTls: used } }))
  const children: Children = new Children({ ...ground, sipTls: () => sipTls?.used ?? null, onSwitch: () => realms.welcome() })
  const realms = new Realms({
    ...{ sockets, log, sip: config.sip, media: config.media, siteSipPort: config.siteSipPort },
    theSwitch: () => children.receiver('switch'),
    voices: () => children.receivers('voice-'),
  })
  realms.openNode()
  const server = Promise.withResolvers<LinkServer<HostLink>>()
  const { keeper, agents, memory, said, snapshot } = makeKeeper(ground, realms, kernelWireGuard, tellerOf(server.promise))
  const host = { name: 'host', pid: process.pid, uid: 0, restarts: 0, startedAt }
  const processes = () => [host, ...children.statuses]
  const methods = {
    ...{ instance: config.instance, keeper, realms, agents, memory, snapshot, probeAccount: ground.accounts.tunnel, processes },
    sipTls: () => sipTls?.status ?? null,
  }
  const onSwitch = (here: Link<HostLink>) => {
    memory.linked(here)
    said.linked(here)
  }
  const link = await serveHost({ run: ground.paths.run, libc: ground.libc, children, log, methods, onSwitch })
  stack.use(link)
  server.resolve(link)

  const databaseUrl = config.databaseUrl ?? (await embedded(ground, children, stack))
  stack.defer(() => keeper.close())
  await keeper.start()
  const control = children.startControl(databaseUrl)
  stack.defer(() => control.stop())
  for (let index = 0; index < config.voice.processes; index++) {
    const voice = children.startVoice(index)
    stack.defer(() => voice.stop())
  }
  stack.defer(() => agents.close())
  const theSwitch = children.startSwitch()
  stack.defer(() => theSwitch.stop())
  let hurried = false
  return {
    log,
    /** The switch waits for its calls no longer; where that is not enough, all is killed. */
    force() {
      if (hurried || !theSwitch.hurry()) children.kill()
      hurried = true
    },
  }
}

/** The certificate of SIP over TLS, where it is configured. */
function watchSipTls(
  { config, parts }: Ground,
  stack: AsyncDisposableStack,
  tell: (used: SipTls) => void,
): SipCertificate | null {
  if (!config.sip.tls) return null
  const { clock, log } = parts
  return stack.adopt(new SipCertificate(config.sip.tls, { clock, log, onRenewed: tell }), (watched) => watched.close())
}

/** Takes the instance for this process, clears what a former run has left, and makes the directories. */
async function prepare(config: PlatformConfig, stack: AsyncDisposableStack): Promise<Ground> {
  const clock = systemClock
  const write = (text: string) => void process.stdout.write(text)
  const sink = logSink({ write, pretty: process.stdout.isTTY === true, level: config.log.level, clock })
  const log = sink.log('host')
  const libc = loadLibc()
  stack.use(await lockInstance(config.instance, config.state, libc.lock))
  const killed = await clearInstance(config.instance, clock)
  if (killed) log.warn({ killed }, 'a former run has left processes, which are gone now')
  const accounts = readAccounts()
  const paths = prepareState(config.state, accounts)
  const cgroup = instanceGroup(config.instance)
  stack.defer(async () => void (await clearInstance(config.instance, clock, 1000)))
  const sealingKey = keptSecret(paths, 'sealing-key').toString('base64')
  return {
    config,
    parts: { clock, log, sink },
    libc,
    accounts,
    paths,
    cgroup,
    tree: { root: ROOT, seen: paths.tree },
    sealingKey,
  }
}

async function embedded(ground: Ground, children: Children, stack: AsyncDisposableStack): Promise<string> {
  const { url, child } = await startDatabase(ground)
  children.add(child)
  stack.defer(() => child.stop())
  return url
}

type Tell = <K extends keyof HostNotifications>(name: K, params: HostNotifications[K]) => void

/** Tells every process that is linked. Before the link is served there is nobody to tell. */
function tellerOf(server: Promise<LinkServer<HostLink>>): Tell {
  return (name, params) =>
    void server.then(({ peers }) => {
      for (const peer of peers) peer.notify(name, params)
    })
}

function makeKeeper(ground: Ground, realms: Realms, kernelWireGuard: boolean, tell: Tell) {
  const { config, parts, libc, accounts, paths, cgroup } = ground
  const { clock, log } = parts
  const { instance, siteSipPort, channel, media } = config
  const { openText: unseal } = createSealer(ground.sealingKey)
  const snapshot = new SnapshotFile(join(paths.host, 'snapshot.json'), log)
  const memory = new NodeMemory()
  const said = new SaidByAgents()
  const agents = new Agents({
    instance,
    firstUid: config.agents.firstUid,
    parts: prepareSandbox({
      node: reachableNode(ROOT, paths.node),
      bootstrapSource: join(ROOT, 'src/main/agent.ts'),
      directory: paths.sandboxes,
    }),
    linkSocket: join(paths.run, LINKS.agents),
    directory: paths.sandboxes,
    logs: paths.agentLogs,
    ...{ clock, log, unseal },
    ca: () => snapshot.current?.ca ?? '',
    onStatus: (status) => tell('agent.state', status),
    onSaid: config.hep ? (what) => said.tell(what) : undefined,
    memory: (subscriber, agent, mebibytes) => memory.take({ subscriber, agent, mebibytes }),
  })
  const useKernel = channel.implementation === 'kernel' || (channel.implementation === 'auto' && kernelWireGuard)
  const keeper = new NodeKeeper({
    ...{ snapshot, realms, agents, clock, log, unseal },
    endpoints: endpointFile(join(paths.host, 'endpoints.json'), log),
    rules: { instance, siteSipPort, mediaPorts: media.ports },
    openTunnel: useKernel
      ? openKernelTunnel
      : userspaceTunnels({ libc, clock, log, account: accounts.tunnel, directory: paths.tunnels, cgroup }),
    account: accounts.tunnel,
    onChannel(status) {
      const { subscriber, state, reason } = status
      log.info({ subscriber, state, reason }, 'a channel has changed')
      tell('channel.state', status)
    },
  })
  return { keeper, agents, memory, said, snapshot }
}
