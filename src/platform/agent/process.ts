import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { type Clock, SYSTEM_PATH } from '#lib/index.ts'
import type { Cgroup } from './cgroup.ts'
import type { AgentOutput } from './output.ts'
import { type SandboxOptions, sandboxCommand } from './sandbox.ts'

/** What an agent shows at its link. */
export interface AgentIdentity {
  /** PEM. The key never rests on a disk unsealed: it goes to the agent through a pipe. */
  certificate: string
  key: string
  ca: string
  /** The name in the switch's certificate. */
  switchName: string
}

export type AgentReport = 'connected' | 'disconnected' | 'drained' | 'failed'

export interface AgentProcessOptions {
  sandbox: SandboxOptions
  cgroup: Cgroup
  output: AgentOutput
  identity: AgentIdentity
  version: string
  clock: Clock
  /** Ms since the epoch. */
  startedAt: number
  /** Given the lines that it prints, beside the output. */
  onPrinted?(lines: string[]): void
  onReport(state: AgentReport, reason: string): void
  /** Told once, when the process and everything in its sandbox are gone: `oom`, `exit code 1`, `signal SIGKILL`. */
  onExit(reason: string): void
}

/** The longest line that is read from an agent's control pipe: what is in there is not to be trusted. */
const MAX_REPORT = 4096
/** Bytes a minute on it, many times what an honest agent says: host has better to do than to read one that floods it. */
const MAX_REPORTED = 64 << 10
const REPORTS: readonly string[] = ['connected', 'disconnected', 'drained', 'failed'] satisfies AgentReport[]

/** One run of an agent in its sandbox. */
export class AgentProcess {
  readonly #options: AgentProcessOptions
  readonly #child: ChildProcess
  /** Resolves when all that it has printed has been heard, which may be a moment after its end. */
  readonly printed: Promise<void>
  readonly #control: Duplex
  #failure = ''
  #exited = false

  constructor(options: AgentProcessOptions) {
    this.#options = options
    const { program, args } = sandboxCommand(options.sandbox)
    this.#child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { PATH: SYSTEM_PATH },
      cwd: '/',
      detached: true, // Ctrl-C on the terminal is for host
    })
    this.#control = this.#child.stdio[3] as Duplex
    this.#control.on('error', () => undefined)
    this.#read()
    if (this.#child.stdout) options.output.follow(this.#child.stdout, options.onPrinted)
    if (this.#child.stderr) options.output.follow(this.#child.stderr, options.onPrinted)
    this.printed = new Promise((resolve) => this.#child.once('close', () => resolve()))
    this.#child.once('error', (error) => this.#gone(`could not be started: ${error.message}`))
    this.#child.once('exit', (code, signal) => this.#gone(signal ? `signal ${signal}` : `exit code ${code}`))
    const { identity, version, startedAt } = options
    this.#send({ identity, version, startedAt })
  }

  /** The outermost process of the sandbox, below which all its others are. */
  get sandboxPid(): number | null {
    return this.#exited ? null : (this.#child.pid ?? null)
  }

  /** The agent's own process outside of its namespace, or bubblewrap's until it has started one. */
  get pid(): number | null {
    if (this.#exited || this.#child.pid === undefined) return null
    let pid = this.#child.pid
    for (let depth = 0; depth < 2; depth++) pid = firstChild(pid) ?? pid
    return pid
  }

  /** Another certificate from the next connection on. */
  renew(identity: AgentIdentity): void {
    this.#send({ identity })
  }

  /** Asks it to finish the calls that it has; it reports `drained`. */
  drain(): void {
    this.#send({ drain: true })
  }

  /** Ends everything in the sandbox: the kernel takes the whole process namespace down with bubblewrap. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #send(orders: object): void {
    if (!this.#control.destroyed) this.#control.write(`${JSON.stringify(orders)}\n`)
  }

  #read(): void {
    const { clock } = this.#options
    let partial = ''
    let bytes = 0
    let since = clock.now()
    this.#control.setEncoding('utf8')
    this.#control.on('data', (text: string) => {
      if (clock.now() - since > 60_000) {
        bytes = 0
        since = clock.now()
      }
      bytes += text.length
      if (bytes > MAX_REPORTED) {
        this.#failure = 'it floods its control pipe'
        this.#control.destroy()
        this.kill()
        return
      }
      const lines = (partial + text).split('\n')
      partial = (lines.pop() ?? '').slice(0, MAX_REPORT)
      for (const line of lines) this.#hear(line)
    })
  }

  #hear(line: string): void {
    let told: { state?: unknown; reason?: unknown }
    try {
      told = JSON.parse(line)
    } catch {
      return
    }
    if (typeof told?.state !== 'string' || !REPORTS.includes(told.state)) return
    const reason = typeof told.reason === 'string' ? told.reason.slice(0, 500) : ''
    if (told.state === 'failed') this.#failure = reason
    this.#options.onReport(told.state as AgentReport, reason)
  }

  #gone(how: string): void {
    if (this.#exited) return
    this.#exited = true
    this.#control.destroy()
    const killed = this.#options.cgroup.oomKills() > 0
    this.#options.onExit(killed ? 'oom' : this.#failure === '' ? how : `${how}: ${this.#failure}`)
  }
}

function firstChild(pid: number): number | null {
  try {
    const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]
    return first ? Number(first) : null
  } catch {
    return null
  }
}
