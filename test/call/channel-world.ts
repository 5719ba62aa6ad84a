import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, type Id, newId, run, silentLog, systemClock } from '#lib/index.ts'
import {
  type ChannelPlan,
  Channels,
  type Libc,
  loadLibc,
  namespacePath,
  type OpenTunnel,
  type Tunnel,
  userspaceTunnels,
} from '#platform/channel/index.ts'
import type { ChannelStatus, Sealed, SubscriberConfig } from '#platform/words/index.ts'
import { type KeyPair, newKeyPair, newPresharedKey } from '#protocol/wireguard/index.ts'

export const PLATFORM_ADDRESS = '10.210.0.1'
export const GATEWAY_ADDRESS = '10.210.0.2'
export const PBX_ADDRESS = '192.168.1.10'
/** Of sites that have IPv6, all alike. */
export const SIX = {
  ends: { address: 'fd00:210::1', peerAddress: 'fd00:210::2' },
  network: 'fd12:3456::/64',
  gateway: 'fd12:3456::1',
  pbx: 'fd12:3456::10',
} as const
export const RULES = { siteSipPort: 5060, mediaPorts: { first: 16384, last: 32767 } }

/** A name of its own for everything that one test makes on the machine. */
export function instanceName(): string {
  return `t${randomBytes(3).toString('hex').slice(0, 4)}`
}

/** Sealing is not what these tests are about: a secret that is sealed by a prefix. */
export const sealed = (secret: string): Sealed => `v1.${secret}`
export const unseal = (secret: Sealed): string => secret.slice(3)

/** Resolves when `condition` is true, asked every 20 ms. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export function inside(namespace: string, ...command: string[]): Promise<string> {
  return run('nsenter', [`--net=${namespacePath(namespace)}`, '--', ...command])
}

/** The channels of these subscribers are up. */
export async function untilUp(world: World, ...subscribers: SubscriberConfig[]): Promise<void> {
  for (const { id, name } of subscribers) {
    await until(`the channel of ${name} is up`, async () => {
      await world.channels.poll()
      return world.channels.get(id)?.status.state === 'up'
    })
  }
}

/** Captures the packets of a namespace by a filter of tcpdump's; the answer ends it and gives them in hexadecimal. */
export async function capture(namespace: string, filter: string): Promise<() => Promise<string>> {
  const args = [`--net=${namespacePath(namespace)}`, '--', 'tcpdump', '-ni', 'any', '--immediate-mode', '-xx', '-l', filter]
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let [text, said] = ['', '']
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  await until('tcpdump listens', () => said.includes('listening on'))
  return async () => {
    const closed = once(child, 'close')
    child.kill('SIGINT')
    await closed
    return text
  }
}

/** Captured packets whose payload is the pattern over and over. */
export function packets(text: string, pattern: string): number {
  return text.split(`${pattern} ${pattern} ${pattern} ${pattern} ${pattern}`).length - 1
}

/** A UDP port of the node that is free at this moment, below the ephemeral range. */
export function freeUdpPort(libc: Libc): number {
  for (;;) {
    const port = 10_000 + (randomBytes(2).readUInt16BE() % 5000)
    try {
      libc.close(libc.bindUdp('0.0.0.0', port).fd)
      return port
    } catch {}
  }
}

/** An office: a gateway namespace with a tunnel to the platform, and behind it a LAN with a PBX at 192.168.1.10. */
export interface Site extends AsyncDisposable {
  gateway: string
  lan: string
  /** Ends the site's tunnel, as a cut line does. */
  cut(): Promise<void>
  mend(): Promise<void>
  /** Goes on from another port, with a new session, as behind a NAT that has forgotten it. */
  move(): Promise<void>
}

export interface World extends AsyncDisposable {
  instance: string
  libc: Libc
  channels: Channels
  openTunnel: OpenTunnel
  statuses: ChannelStatus[]
  made: ChannelPlan[]
  /** Those whose addresses were changed in place. */
  addressed: ChannelPlan[]
  subscriber(name: string, slot: number, changes?: Partial<SubscriberConfig>): SubscriberConfig
  site(subscriber: SubscriberConfig): Promise<Site>
  /** What the site knows, for who is one without a namespace. */
  secretsOf(subscriber: SubscriberConfig): { privateKey: string; presharedKey: string; publicKey: string }
  namespaceOf(subscriber: SubscriberConfig): string
  /** Where the site was last heard from. */
  endpointOf(subscriber: SubscriberConfig): string | undefined
  channelsAgain(): Channels
}

/** Real namespaces and wireguard-go on both sides, on this machine's loopback. */
export function channelWorld(openTunnel?: (real: OpenTunnel) => OpenTunnel, clock: Clock = systemClock): World {
  const instance = instanceName()
  const libc = loadLibc()
  const directory = mkdtempSync(join(tmpdir(), `tl${instance}-`))
  const keys = new Map<Id<'sub'>, { site: KeyPair; port: number; platformKey: string; preshared: string }>()
  const tunnels = userspaceTunnels({
    libc,
    clock: systemClock,
    log: silentLog,
    account: { name: 'nobody', uid: 65534, gid: 65534 },
    directory: join(directory, 'run'),
    cgroup: null,
  })
  const statuses: ChannelStatus[] = []
  const made: ChannelPlan[] = []
  const addressed: ChannelPlan[] = []
  const open = openTunnel ? openTunnel(tunnels) : tunnels
  const endpoints = new Map<Id<'sub'>, string>()
  const channelsAgain = () =>
    new Channels({
      rules: { instance, ...RULES },
      clock,
      log: silentLog,
      openTunnel: open,
      endpoints: {
        get: (id) => endpoints.get(id),
        set: (id, endpoint) => void (endpoint === null ? endpoints.delete(id) : endpoints.set(id, endpoint)),
      },
      unseal,
      account: { name: 'nobody', gid: 65534 },
      onStatus: (status) => statuses.push(status),
      onMade: (plan) => made.push(plan),
      onAddressed: (plan) => addressed.push(plan),
      onGoing: async () => {},
    })
  const channels = channelsAgain()
  const sites = new Set<Site>()

  const subscriber = (name: string, slot: number, changes: Partial<SubscriberConfig> = {}): SubscriberConfig => {
    const own = newKeyPair()
    const site = newKeyPair()
    const preshared = newPresharedKey()
    const port = freeUdpPort(libc)
    const config = configOf({ name, slot, own, site, preshared, port }, changes)
    keys.set(config.id, { site, port, platformKey: own.publicKey, preshared })
    return config
  }

  const site = async (config: SubscriberConfig): Promise<Site> => {
    const known = keys.get(config.id)!
    const made = await makeSite({ instance, config, tunnels, ...known })
    sites.add(made)
    return made
  }

  return {
    instance,
    libc,
    channels,
    openTunnel: tunnels,
    statuses,
    made,
    addressed,
    subscriber,
    site,
    secretsOf({ id }) {
      const { site: own, preshared, platformKey } = keys.get(id)!
      return { privateKey: own.privateKey, presharedKey: preshared, publicKey: platformKey }
    },
    endpointOf: ({ id }) => endpoints.get(id),
    namespaceOf: (config) => `tl${instance}-${config.name}`,
    channelsAgain,
    async [Symbol.asyncDispose]() {
      await channels.close()
      for (const each of sites) await each[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

interface Keys {
  name: string
  slot: number
  own: KeyPair
  site: KeyPair
  preshared: string
  port: number
}

function configOf(keys: Keys, changes: Partial<SubscriberConfig>): SubscriberConfig {
  return {
    id: newId('sub'),
    name: keys.name,
    slot: keys.slot,
    numbers: [],
    allocations: [],
    channel: {
      address: PLATFORM_ADDRESS,
      peerAddress: GATEWAY_ADDRESS,
      listenPort: keys.port,
      privateKey: sealed(keys.own.privateKey),
      publicKey: keys.own.publicKey,
      peerPublicKey: keys.site.publicKey,
      presharedKey: sealed(keys.preshared),
      siteNetworks: ['192.168.1.0/24'],
      mtu: 1420,
      keepaliveSeconds: 25,
      dns: null,
    },
    site: { pbx: { host: PBX_ADDRESS, port: 5060 } },
    defaultRoute: { pbx: '100' },
    agent: {
      version: null,
      decisionDeadlineMs: 2000,
      memoryMebibytes: 64,
      cpuShare: 1,
      maxProcesses: 32,
      listen: [8080],
      certificate: '',
      key: sealed(''),
    },
    ...changes,
  }
}

interface SiteParts {
  instance: string
  config: SubscriberConfig
  tunnels: OpenTunnel
  site: KeyPair
  port: number
  platformKey: string
  preshared: string
}

/** The site's end, at a port of its own choice. */
function deviceOf({ site, platformKey, preshared, port }: SiteParts) {
  const peer = {
    publicKey: platformKey,
    presharedKey: preshared,
    endpoint: `127.0.0.1:${port}`,
    allowedIps: [`${PLATFORM_ADDRESS}/32`, `${SIX.ends.address}/128`],
    keepaliveSeconds: 1,
  }
  return { privateKey: site.privateKey, listenPort: 0, peers: [peer] }
}

async function makeSite(parts: SiteParts): Promise<Site> {
  const { instance, config } = parts
  // Not the platform's prefix: reconciliation must leave the sites alone.
  const gateway = `s${instance}-${config.name}-gw`
  const lan = `s${instance}-${config.name}-lan`
  const remove = async () => {
    for (const namespace of [gateway, lan]) await run('ip', ['netns', 'del', namespace])
  }
  for (const namespace of [gateway, lan]) await run('ip', ['netns', 'add', namespace])
  const device = `s${instance}w${config.slot}`
  const ips = (namespace: string, lines: string[]) =>
    run('nsenter', [`--net=${namespacePath(namespace)}`, '--', 'sh', '-es'], { input: lines.join('\n') })
  await ips(gateway, [
    'ip link set lo up',
    `ip link add lan0 type veth peer name eth0 netns ${lan}`,
    'ip addr add 192.168.1.1/24 dev lan0',
    'ip link set lan0 up',
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
    `ip addr add ${SIX.gateway}/64 dev lan0 nodad`,
    'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding',
  ])
  await ips(lan, [
    'ip link set lo up',
    `ip addr add ${PBX_ADDRESS}/24 dev eth0`,
    'ip link set eth0 up',
    'ip route add default via 192.168.1.1',
    `ip addr add ${SIX.pbx}/64 dev eth0 nodad`,
    `ip route add default via ${SIX.gateway}`,
  ])
  let tunnel: Tunnel | null = null
  const mend = async () => {
    tunnel ??= await parts.tunnels({
      interface: device,
      namespace: gateway,
      mtu: 1420,
      device: deviceOf(parts),
    })
    await ips(gateway, [
      `ip addr replace ${GATEWAY_ADDRESS}/32 dev ${device}`,
      `ip link set ${device} up`,
      `ip route replace ${PLATFORM_ADDRESS}/32 dev ${device}`,
      `ip addr replace ${SIX.ends.peerAddress}/128 dev ${device} nodad`,
      `ip route replace ${SIX.ends.address}/128 dev ${device}`,
    ])
  }
  const cut = async () => {
    await tunnel?.close()
    tunnel = null
  }
  const move = async () => void (await tunnel?.configure(deviceOf(parts)))
  try {
    await mend()
  } catch (error) {
    await cut()
    await remove()
    throw error
  }
  return {
    gateway,
    lan,
    cut,
    mend,
    move,
    async [Symbol.asyncDispose]() {
      await cut()
      await remove()
    },
  }
}
