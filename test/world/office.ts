import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Customer, type Peer, SipPeer, SpeechPeer, startCrmPeer, startDnsPeer } from '../peer/index.ts'
import { cable, makeNamespaces, must, type Namespace } from './namespace.ts'

/** Both offices have the same addresses. */
export const OFFICE = {
  network: '192.168.1.0/24',
  router: '192.168.1.1',
  pbx: '192.168.1.10',
  crm: '192.168.1.20',
  speech: '192.168.1.30',
  dns: '192.168.1.53',
} as const

/** As most providers have it: nothing comes in that was not asked for, and each stream gets a port that it cannot foresee. */
const NAT = `table ip nat {
  chain out { type nat hook postrouting priority srcnat; oifname public masquerade fully-random; }
  chain pass { type filter hook forward priority filter; policy drop; iifname customer accept; ct state established,related accept; }
}
`

export interface OfficePlan {
  /** `acme`: also its subscriber's name. */
  name: string
  /** The router's public address. */
  publicAddress: string
  /** Hz that its telephone 101 sends. */
  tone: number
  customers: Customer[]
}

/** An office: a router with a LAN behind it, on which are a PBX, a customer database and a DNS server. */
export class Office implements AsyncDisposable {
  readonly plan: OfficePlan
  readonly router: Namespace
  readonly machines: { pbx: Namespace; crm: Namespace; dns: Namespace }
  pbx!: SipPeer
  crm!: Peer
  dns!: Peer
  /** Name of its end of the tunnel; unique on the machine, since that is what wireguard-go's socket is called. */
  readonly tunnel: string
  /** Its provider's NAT, where it has one. */
  provider: Namespace | null = null
  #speech: SpeechPeer | undefined
  #directory: string
  #net: Namespace

  private constructor(plan: OfficePlan, spaces: Namespace[], net: Namespace, directory: string, tunnel: string) {
    const at = (role: string) => spaces.find((space) => space.role === `${plan.name}-${role}`)!
    this.plan = plan
    this.router = at('router')
    this.machines = { pbx: at('pbx'), crm: at('crm'), dns: at('dns') }
    this.#net = net
    this.#directory = directory
    this.tunnel = tunnel
  }

  static roles(name: string): string[] {
    return ['router', 'pbx', 'crm', 'dns'].map((role) => `${name}-${role}`)
  }

  /** Cables the office and gives it addresses; its machines run from {@link open} on. */
  static async build(plan: OfficePlan, spaces: Namespace[], net: Namespace, directory: string, tunnel: string): Promise<Office> {
    const office = new Office(plan, spaces, net, directory, tunnel)
    const { router, machines } = office
    await cable(net, `to-${plan.name}`, router, 'eth0')
    await router.ip(
      'link add lan type bridge forward_delay 0 mcast_snooping 0',
      `addr add ${OFFICE.router}/24 dev lan`,
      'link set lan up',
    )
    for (const [role, machine] of Object.entries(machines)) {
      await cable(router, role, machine, 'eth0')
      const address = OFFICE[role as keyof typeof machines]
      await Promise.all([
        router.ip(`link set ${role} master lan`, `link set ${role} up`),
        machine.ip(`addr add ${address}/24 dev eth0`, 'link set eth0 up', `route add default via ${OFFICE.router}`),
      ])
    }
    await net.ip(`link set to-${plan.name} master public`, `link set to-${plan.name} up`)
    await router.ip(`addr add ${plan.publicAddress}/24 dev eth0`, 'link set eth0 up')
    return office
  }

  /** Starts the machines of the office. `watched` are the frequencies that its ears tell apart. */
  async open(watched: readonly number[]): Promise<void> {
    const { name, customers } = this.plan
    const { crm, dns } = this.machines
    const names = { 'crm.office.lan': OFFICE.crm, 'pbx.office.lan': OFFICE.pbx, 'speech.office.lan': OFFICE.speech }
    ;[, this.crm, this.dns] = await Promise.all([
      this.openPbx(watched),
      startCrmPeer(`${name}-crm`, OFFICE.crm, crm.enter, customers),
      startDnsPeer(`${name}-dns`, OFFICE.dns, dns.enter, names),
    ])
  }

  /** Starts the PBX alone. */
  async openPbx(watched: readonly number[]): Promise<void> {
    const { name, tone } = this.plan
    this.pbx = await SipPeer.start(`${name}-pbx`, OFFICE.pbx, this.machines.pbx.enter, watched)
    await this.pbx.rules([
      { user: '101', does: 'answer', tone, ringMs: 50 },
      { user: '109', does: 'ring' },
    ])
  }

  /** Starts a speech server on the machine of the database, at an address and a name of its own: `speech.office.lan:8000`. */
  async openSpeech(): Promise<SpeechPeer> {
    const { crm } = this.machines
    await crm.ip(`addr add ${OFFICE.speech}/24 dev eth0`)
    this.#speech = await SpeechPeer.start(`${this.plan.name}-speech`, OFFICE.speech, 8000, crm.enter)
    return this.#speech
  }

  /**
   * Puts a provider's NAT between the router and the public network: it has the public address, changes ports, and forgets
   * who has been silent for `memorySeconds`. Before {@link connect}.
   */
  async behindNat(memorySeconds: number): Promise<void> {
    const { name, publicAddress } = this.plan
    const role = `${name}-provider`
    const [provider] = await makeNamespaces([{ name: this.router.name.replace(/router$/, 'provider'), role }])
    this.provider = provider!
    await this.router.ip(`addr flush dev eth0`, `link set eth0 netns ${provider!.name} name public`)
    await cable(provider!, 'customer', this.router, 'eth0')
    await provider!.ip(
      `addr add ${publicAddress}/24 dev public`,
      'link set public up',
      'addr add 100.64.0.1/24 dev customer',
      'link set customer up',
    )
    await this.router.ip('addr add 100.64.0.2/24 dev eth0', 'link set eth0 up', 'route add default via 100.64.0.1')
    await provider!.run(['nft', '-f', '-'], NAT)
    const settings = {
      'net/ipv4/ip_forward': 1,
      'net/netfilter/nf_conntrack_udp_timeout': memorySeconds,
      'net/netfilter/nf_conntrack_udp_timeout_stream': memorySeconds,
    }
    const script = Object.entries(settings).map(([path, value]) => `echo ${value} > /proc/sys/${path}`)
    await provider!.run(['sh', '-es'], script.join('\n'))
  }

  /**
   * Does with the file that install printed what its head says: `wg-quick up`, on the office's router. `binds` are files that
   * the router has in place of this machine's.
   */
  async connect(siteFile: string, binds: { from: string; to: string }[] = []): Promise<void> {
    const file = join(this.#directory, `${this.tunnel}.conf`)
    writeFileSync(file, siteFile, { mode: 0o600 })
    const env = {
      ...process.env,
      WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go',
      WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD: '1',
    }
    const mounts = binds.map(({ from, to }) => `mount --bind ${from} ${to} &&`).join(' ')
    await must([...this.router.enter, 'unshare', '--mount', 'sh', '-c', `${mounts} exec wg-quick up "$0"`, file], '', env)
  }

  async disconnect(): Promise<void> {
    await this.router.run(['wg-quick', 'down', join(this.#directory, `${this.tunnel}.conf`)])
  }

  /** Pulls the office's cable to the public network, or puts it back. */
  async plug(plugged: boolean): Promise<void> {
    await this.#net.ip(`link set to-${this.plan.name} ${plugged ? 'up' : 'down'}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.pbx, this.crm, this.dns, this.#speech].map((peer) => peer?.[Symbol.asyncDispose]()))
  }
}
