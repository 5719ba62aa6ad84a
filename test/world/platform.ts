import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { AgentStatus, CallView, PlatformConfig, PlatformEvent, ProcessStatus, UsageRecord } from '#platform/words/index.ts'
import { Peer, until } from '../peer/index.ts'
import { execute, Namespace } from './namespace.ts'
import { processesIn } from './sweep.ts'
import { PUBLIC, type World } from './world.ts'

const API = { address: '127.0.0.1', port: 8080 }
const TIELINE = fileURLToPath(new URL('../../bin/tieline', import.meta.url))

/** A line of the platform's log. */
export type LogLine = Record<string, unknown> & { process?: string; level?: string; message?: string }

/** The real platform in the world's node, driven by its command line as an operator would. */
export class Platform implements AsyncDisposable {
  readonly world: World
  readonly configFile: string
  /** Every line that it has logged. */
  readonly log: LogLine[] = []
  readonly logFile: string
  readonly #http: Peer
  #key = ''
  #child: ChildProcess
  #exited: Promise<unknown>
  #watching: NodeJS.Timeout | null = null

  private constructor(world: World, configFile: string, child: ChildProcess) {
    this.world = world
    this.configFile = configFile
    this.logFile = join(world.directory, 'platform.log')
    this.#http = new Peer('operator', 'http', world.node.enter)
    this.#child = child
    this.#exited = once(child, 'exit')
    const file = createWriteStream(this.logFile)
    for (const stream of [child.stdout!, child.stderr!])
      createInterface({ input: stream }).on('line', (line) => {
        file.write(`${line}\n`)
        try {
          this.log.push(JSON.parse(line))
        } catch {
          this.log.push({ message: line })
        }
      })
    child.on('exit', () => file.end())
  }

  /** `tieline up` in the node's namespace. Resolves when its API answers. */
  static async start(world: World, settings: Partial<PlatformConfig> = {}): Promise<Platform> {
    const configFile = join(world.directory, 'tieline.yaml')
    // JSON is YAML.
    writeFileSync(configFile, JSON.stringify({ ...configOf(world), ...settings }, null, 2))
    const platform = new Platform(world, configFile, world.node.spawn([TIELINE, 'up', '--config', configFile]))
    try {
      await until('the platform to answer', () => platform.#answers(), 30_000, 100)
    } catch (error) {
      await platform[Symbol.asyncDispose]()
      throw new Error(`the platform did not come up:\n${platform.tail(30)}`, { cause: error })
    }
    platform.#watching = setInterval(() => void platform.captureAll(), 200)
    return platform
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** Runs `tieline … --json` in the node and answers with what it printed; rejects with its error. */
  async cli<T = unknown>(...args: string[]): Promise<T> {
    const outcome = await this.attempt(...args)
    if (outcome.code !== 0) throw new Error(`tieline ${args.join(' ')} ended with ${outcome.code}: ${outcome.err || outcome.out}`)
    return (outcome.out.trim() ? JSON.parse(outcome.out) : null) as T
  }

  /** Like {@link cli}, for what may fail. */
  attempt(...args: string[]) {
    return execute([...this.world.node.enter, TIELINE, ...args, '--json', '--config', this.configFile])
  }

  /** Asks the HTTP API as the operator; rejects when the answer is not 2xx. */
  async api<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const url = `http://${API.address}:${API.port}${path}`
    const answer = await this.#http.ask<{ status: number; body: T }>('fetch', { url, method, key: this.#key, body })
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  /** Events of a subscriber after a number, in order. */
  async events(subscriber: string, after = 0): Promise<PlatformEvent[]> {
    return this.#all(`/v1/events?subscriber=${subscriber}`, String(after))
  }

  /** Usage of a subscriber, lease by lease. */
  async usage(subscriber: string): Promise<UsageRecord[]> {
    return this.#all(`/v1/subscribers/${subscriber}/usage?`)
  }

  /** Calls that are up. */
  async calls(subscriber?: string): Promise<CallView[]> {
    const query = subscriber ? `?subscriber=${subscriber}` : ''
    return (await this.api<{ items: CallView[] }>('GET', `/v1/calls${query}`)).items
  }

  async agent(subscriber: string): Promise<AgentStatus> {
    return this.api('GET', `/v1/subscribers/${subscriber}/agent`)
  }

  /** The platform's processes, as it tells them itself. */
  async processes(): Promise<ProcessStatus[]> {
    return (await this.api<{ processes: ProcessStatus[] }>('GET', '/v1/status')).processes
  }

  /** Captures every namespace that the platform has made so far, in a world that captures all. */
  async captureAll(): Promise<void> {
    if (!this.world.capturesAll) return
    for (const name of this.world.platformNamespaces()) {
      const role = `platform-${name.slice(name.indexOf('-') + 1)}`
      await this.world.capture(new Namespace(name, role)).catch(() => {})
    }
  }

  /** The last lines of its log, for people. */
  tail(lines: number): string {
    return this.log
      .slice(-lines)
      .map((line) => JSON.stringify(line))
      .join('\n')
  }

  /** Kills host, and nobody else: the kernel ends its children. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this[Symbol.asyncDispose]()
    await this.#exited
  }

  /** Ends it as an operator would, and says what it has left behind: nothing. */
  async stop(): Promise<string[]> {
    await this[Symbol.asyncDispose]()
    const { world } = this
    const own = [world.node.name, ...world.platformNamespaces()]
    return [
      ...world.platformNamespaces().map((name) => `namespace ${name}`),
      ...processesIn(own)
        .filter(({ command }) => !command.startsWith('tcpdump'))
        .map(({ pid, command }) => `process ${pid} ${command}`),
    ]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#watching) clearInterval(this.#watching)
    await this.#http[Symbol.asyncDispose]()
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 20_000)
    await this.#exited
    clearTimeout(timer)
  }

  /** All pages of a list. */
  async #all<T>(path: string, after = ''): Promise<T[]> {
    const found: T[] = []
    for (let cursor = after; ; ) {
      const page = await this.api<{ items: T[]; next?: string }>('GET', `${path}&limit=1000${cursor ? `&after=${cursor}` : ''}`)
      found.push(...page.items)
      if (page.next === undefined) return found
      cursor = page.next
    }
  }

  async #answers(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error(`tieline up ended with ${this.#child.exitCode}`)
    const keyFile = join(this.world.directory, 'state', 'control', 'operator.key')
    if (!existsSync(keyFile)) return false
    this.#key = readFileSync(keyFile, 'utf8').trim()
    const health = await this.api<{ ready: boolean }>('GET', '/v1/health').catch(() => ({ ready: false }))
    return health.ready
  }
}

/** What the node of the world is told; the rest are the platform's own defaults. */
function configOf(world: World) {
  return {
    instance: world.id,
    state: join(world.directory, 'state'),
    node: 'node1',
    sip: { address: PUBLIC.node, port: 5060 },
    media: { address: PUBLIC.node, ports: { first: 16384, last: 16983 } },
    api: API,
    channel: { endpoint: PUBLIC.node, ports: { first: 51820, last: 51899 } },
    voice: { processes: 1, mediaTimeoutMs: 3000 },
    // Two worlds at once must not share uids, because the kernel counts processes by uid.
    agents: { firstUid: 200_000 + (Number.parseInt(world.id.slice(1), 36) % 10_000) * 16 },
    load: { drainSeconds: 0 },
    log: { level: 'info' },
  }
}
