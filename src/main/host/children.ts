import type { ChildProcess } from 'node:child_process'
import {
  type Accounts,
  Child,
  type ChildParts,
  type ChildPlan,
  compiledCode,
  nodeCommand,
  type StatePaths,
  SWITCH_FLAGS,
  type Tree,
  treeBind,
} from '#platform/node/index.ts'
import type { PlatformConfig, ProcessStatus, SipTls, StartMessage } from '#platform/words/index.ts'

export interface ChildrenOptions {
  config: PlatformConfig
  accounts: Accounts
  paths: StatePaths
  tree: Tree
  cgroup: string | null
  /** 32 bytes in base64: told to switch and control alone. */
  sealingKey: string
  /** Told to the switch alone. */
  sipTls(): SipTls | null
  parts: ChildParts
  onSwitch(): void
}

/** Ms that the switch has to end its calls, after it has waited for them. */
const SWITCH_STOP_MS = 10_000

/** The platform's own processes, by name. */
export class Children {
  readonly #options: ChildrenOptions
  readonly #children = new Map<string, Child>()

  constructor(options: ChildrenOptions) {
    this.#options = options
  }

  startSwitch(): Child {
    const { sealingKey, sipTls, onSwitch } = this.#options
    const secrets = () => {
      const used = sipTls()
      return { sealingKey, ...(used ? { sipTls: used } : {}) }
    }
    return this.#start(this.#plan('switch', 'switch', secrets, this.#switchStopMs), onSwitch)
  }

  get #switchStopMs(): number {
    return SWITCH_STOP_MS + this.#options.config.load.drainSeconds * 1000
  }

  startVoice(index: number): Child {
    return this.#start(this.#plan(`voice-${index}`, 'voice', () => ({ index })))
  }

  startControl(databaseUrl: string): Child {
    const { sealingKey } = this.#options
    return this.#start(this.#plan('control', 'control', () => ({ sealingKey, databaseUrl })))
  }

  /** A process that is made elsewhere and listed here. */
  add(child: Child): Child {
    this.#children.set(child.plan.name, child)
    return child
  }

  /** Where sockets are sent to, while it runs. */
  receiver(name: string): ChildProcess | null {
    const running = this.#children.get(name)?.process
    return running?.connected ? running : null
  }

  receivers(prefix: string): ChildProcess[] {
    const names = [...this.#children.keys()].filter((name) => name.startsWith(prefix))
    return names.map((name) => this.receiver(name)).filter((child) => child !== null)
  }

  nameOf(pid: number): string | null {
    return this.statuses.find((status) => status.pid === pid)?.name ?? null
  }

  get statuses(): ProcessStatus[] {
    return [...this.#children.values()].map((child) => child.status)
  }

  kill(): void {
    for (const child of this.#children.values()) child.kill()
  }

  #start(plan: ChildPlan, onStart?: () => void): Child {
    const { parts } = this.#options
    const child = this.add(new Child(plan, { ...parts, ...(onStart ? { onStart } : {}) }))
    child.start()
    return child
  }

  /** `more` is asked at every start. */
  #plan(
    name: string,
    role: 'switch' | 'voice' | 'control',
    more: () => Partial<StartMessage['start']>,
    stopMs = 5000,
  ): ChildPlan {
    const { config, accounts, paths, tree, cgroup } = this.#options
    // A database URL may hold a password: only control is told, beside the configuration.
    const start = { config: { ...config, databaseUrl: null }, directory: paths[role], run: paths.run }
    return {
      name,
      uid: accounts[role].uid,
      command: nodeCommand(tree, `src/main/${role}.ts`, role === 'switch' ? SWITCH_FLAGS : []),
      confinement: { user: accounts[role].name, groups: [accounts.links.name], binds: [treeBind(tree)], cgroup },
      environment: compiledCode(tree),
      directory: paths[role],
      start: () => ({ start: { ...start, ...more() } }) satisfies StartMessage,
      stopMs,
    }
  }
}
