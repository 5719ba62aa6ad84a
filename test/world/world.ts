import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SipPeer, sleep } from '../peer/index.ts'
import { Capture, captureFile, settled } from './capture.ts'
import { cable, makeNamespaces, type Namespace } from './namespace.ts'
import { Office, type OfficePlan } from './office.ts'
import { leftOf, namespacesOf, startOf, sweep, sweepOrphans, WORLD_PREFIX } from './sweep.ts'

/** The public network, a documentation range (RFC 5737). */
export const PUBLIC = { node: '203.0.113.1', carrier: '203.0.113.10', stranger: '203.0.113.66' } as const

const REAPER = fileURLToPath(new URL('./reaper.ts', import.meta.url))

export interface WorldPlan {
  offices: OfficePlan[]
  /** Hz that every ear of the world can tell apart. */
  watched: number[]
  /** Whether all packets are captured, which costs time of the machine; otherwise only where it is asked for. Default true. */
  captures?: boolean
}

/**
 * A small world of network namespaces: a public network, the platform's node, a carrier, and offices behind their routers.
 * Nothing of it is in the network of the machine that it runs on, and nothing is left when it is disposed of, or when its
 * owner dies.
 */
export class World implements AsyncDisposable {
  /** Names all that is made; short, because the platform takes it for its instance. */
  readonly id: string
  readonly directory: string
  readonly offices: Office[] = []
  readonly net: Namespace
  readonly node: Namespace
  readonly carrierSpace: Namespace
  carrier!: SipPeer
  readonly #plan: WorldPlan
  readonly #captures = new Map<string, Promise<Capture>>()
  #reaper: { pid: number } | null = null
  #disposal: Promise<void> | null = null

  private constructor(id: string, directory: string, plan: WorldPlan, spaces: Namespace[]) {
    this.id = id
    this.directory = directory
    this.#plan = plan
    const at = (role: string) => spaces.find((space) => space.role === role)!
    this.net = at('net')
    this.node = at('node')
    this.carrierSpace = at('carrier')
  }

  /** Makes the namespaces, cables and captures; its machines run no program before {@link populate}. */
  static async open(plan: WorldPlan): Promise<World> {
    await sweepOrphans()
    const id = `w${randomInt(36 ** 4)
      .toString(36)
      .padStart(4, '0')}`
    const directory = join(tmpdir(), WORLD_PREFIX + id)
    mkdirSync(join(directory, 'captures'), { recursive: true })
    chmodSync(directory, 0o755)
    writeFileSync(join(directory, 'owner.json'), JSON.stringify({ id, pid: process.pid, started: startOf(process.pid) }))
    const reaper = startReaper(id)
    try {
      const roles = ['net', 'node', 'carrier', ...plan.offices.flatMap(({ name }) => Office.roles(name))]
      const spaces = await makeNamespaces(roles.map((role) => ({ name: `tw-${id}-${role}`, role })))
      const world = new World(id, directory, plan, spaces)
      world.#reaper = reaper
      await world.#build(spaces)
      return world
    } catch (error) {
      await sweep(id)
      stopReaper(reaper)
      throw error
    }
  }

  get capturesAll(): boolean {
    return this.#plan.captures !== false
  }

  office(name: string): Office {
    const office = this.offices.find(({ plan }) => plan.name === name)
    if (!office) throw new Error(`no office is called ${name}`)
    return office
  }

  /** Captures all packets of a namespace from now on; once for each. */
  async capture(namespace: Namespace): Promise<void> {
    if (this.#disposal) return
    let capture = this.#captures.get(namespace.role)
    // Kept from its first moment, so that it is one for each, and none is forgotten that is just being started.
    if (!capture) {
      capture = Capture.start(namespace, join(this.directory, 'captures'))
      this.#captures.set(namespace.role, capture)
      capture.catch(() => this.#captures.delete(namespace.role))
    }
    await capture
  }

  /** The files of all captures by role. Complete only after {@link stopCaptures}. */
  get captures(): Map<string, string> {
    return new Map([...this.#captures.keys()].map((role) => [role, captureFile(join(this.directory, 'captures'), role)]))
  }

  /** Has all captures complete up to now, while they go on. */
  async flushCaptures(): Promise<void> {
    await settled()
    for (const capture of await this.#running()) capture.flush()
    await sleep(100)
  }

  /** Ends all captures, with nothing missing. */
  async stopCaptures(): Promise<void> {
    await settled()
    await this.#endCaptures()
  }

  async #running(): Promise<Capture[]> {
    const settled = await Promise.allSettled(this.#captures.values())
    return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  }

  async #endCaptures(): Promise<void> {
    await Promise.all((await this.#running()).map((capture) => capture[Symbol.asyncDispose]()))
  }

  /** Namespaces that bear the world's id and that it has not made: the platform's. */
  platformNamespaces(): string[] {
    return namespacesOf(this.id).filter((name) => !name.startsWith(`tw-${this.id}-`))
  }

  /** Names of what is still there of the world; empty after {@link dispose}. */
  left(): string[] {
    return leftOf(this.id)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#dispose()
    return this.#disposal
  }

  async #build(spaces: Namespace[]): Promise<void> {
    await this.net.ip('link add public type bridge forward_delay 0 mcast_snooping 0', 'link set public up')
    for (const [space, address] of [
      [this.node, PUBLIC.node],
      [this.carrierSpace, PUBLIC.carrier],
    ] as const) {
      await cable(this.net, `to-${space.role}`, space, 'eth0')
      await this.net.ip(`link set to-${space.role} master public`, `link set to-${space.role} up`)
      await space.ip(`addr add ${address}/24 dev eth0`, 'link set eth0 up')
    }
    const { offices } = this.#plan
    this.offices.push(
      ...(await Promise.all(
        offices.map((plan) => Office.build(plan, spaces, this.net, this.directory, `${this.id}${plan.name}`.slice(0, 15))),
      )),
    )
    if (this.capturesAll) await Promise.all(spaces.map((space) => this.capture(space)))
  }

  /** Starts the programs on its machines. Apart from {@link open}, so that the platform may start beside them. */
  async populate(): Promise<void> {
    const { watched } = this.#plan
    await Promise.all([
      SipPeer.start('carrier', PUBLIC.carrier, this.carrierSpace.enter, watched).then((peer) => {
        this.carrier = peer
      }),
      ...this.offices.map((office) => office.open(watched)),
    ])
  }

  async #dispose(): Promise<void> {
    await Promise.allSettled([
      this.carrier?.[Symbol.asyncDispose](),
      ...this.offices.map((office) => office[Symbol.asyncDispose]()),
    ])
    await this.#endCaptures()
    await sweep(this.id)
    if (this.#reaper) stopReaper(this.#reaper)
  }
}

/**
 * A shell that waits at the end of a pipe of ours: when we die, by whatever signal, it reads the end of it and sweeps. It is
 * the leader of a session of its own, so that Ctrl-C does not reach it.
 */
function startReaper(id: string): { pid: number } {
  const script = 'cat >/dev/null; exec "$0" "$@"'
  const child = spawn('sh', ['-c', script, process.execPath, REAPER, id], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  child.unref()
  // The pipe stays open as long as we live, without keeping us alive.
  ;(child.stdin as unknown as { unref(): void }).unref()
  return { pid: child.pid! }
}

function stopReaper(reaper: { pid: number }): void {
  try {
    process.kill(-reaper.pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}
