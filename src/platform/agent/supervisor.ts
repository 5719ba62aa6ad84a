import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Clock, Id, Log, Timer } from '#lib/index.ts'
import type { AgentConfig, AgentState, AgentStatus } from '#platform/words/index.ts'
import { type Cgroup, createCgroup, type Limits } from './cgroup.ts'
import { KeptMemory, type MemoryHold } from './memory.ts'
import { AgentOutput } from './output.ts'
import { type AgentIdentity, AgentProcess, type AgentReport } from './process.ts'
import { linkLocation, type SandboxParts, writeSandboxFiles } from './sandbox.ts'
import { Trial } from './trial.ts'

/** What an agent should be. From the subscriber's part of the snapshot; its key unsealed. */
export interface DesiredAgent {
  config: Pick<AgentConfig, 'version' | 'candidate' | 'memoryMebibytes' | 'cpuShare' | 'maxProcesses'>
  dns: { servers: string[]; search?: string } | null
  identity: AgentIdentity
}

export interface AgentSupervisorOptions {
  subscriber: Id<'sub'>
  /** The subscriber's name: of its log, its control group, its host. */
  name: string
  /** The installation's, for the names of control groups. */
  instance: string
  uid: number
  /** The network namespace's path. */
  namespace: string
  /** The agents' link: `<run>/agents/link.sock`. */
  linkSocket: string
  parts: SandboxParts
  /** Where small files for the sandbox are made; readable for the uid. */
  directory: string
  /** Where `<name>.log` is kept. */
  logs: string
  clock: Clock
  log: Log
  onStatus(status: AgentStatus): void
  /** Told what the agent has printed, where anybody is to know. */
  onPrinted?: ((lines: string[]) => void) | undefined
  /** Memory for a sandbox, before it is started. Rejects where there is none, with why. */
  memory(agent: Id<'agt'>, mebibytes: number): Promise<MemoryHold>
  /** Ms of the first and longest pause before a new start; default 250 and 30,000. */
  backOff?: { firstMs: number; maxMs: number }
  /** Ms that an older deployment may take to finish its calls; default an hour. */
  drainMs?: number
}

/** A run: the process, what it was made of, and where it stands. */
interface Run {
  /** Which sandbox it is: one with other limits or another version is another. */
  readonly shape: string
  readonly version: Id<'agt'>
  readonly startedAt: number
  readonly process: AgentProcess
  readonly cgroup: Cgroup
  readonly memory: MemoryHold
  connected: boolean
  draining: boolean
  drainTimer?: Timer
  readonly gone: Promise<void>
}

/** Ms that a run must have been up for its death to count as the first. */
const STEADY_MS = 60_000
/** Ms within which a version that is tried must have proven itself. */
const TRIAL_MS = 20_000

/** Keeps one subscriber's agent as it should be: started, restarted with back-off, replaced without losing a call. */
export class AgentSupervisor implements AsyncDisposable {
  readonly #o: AgentSupervisorOptions
  readonly #output: AgentOutput
  readonly #runs = new Set<Run>()
  readonly #kept = new KeptMemory()
  #desired: DesiredAgent | null = null
  /** The run that takes new calls, or is about to. */
  #current: Run | null = null
  /** The sandbox that is to take its place, as soon as there is memory for it. */
  #next: { shape: string } | null = null
  /** A version that is tried beside it; kept with its verdict until another, or none, is to be tried. */
  #trial: Trial<Run> | null = null
  /** When the youngest run was started, as the switch is told. */
  #youngest = 0
  #status: AgentStatus
  #timer: Timer | null = null
  #pauseMs = 0
  #sequence = 0
  #closed = false

  constructor(options: AgentSupervisorOptions) {
    this.#o = options
    const { logs, name, clock, onPrinted } = options
    this.#output = new AgentOutput({ file: join(logs, `${name}.log`), clock, ...(onPrinted ? { onKept: onPrinted } : {}) })
    this.#status = { subscriber: options.subscriber, state: 'none', reason: '', version: null, pid: null, restarts: 0 }
  }

  get status(): AgentStatus {
    const candidate = this.#trial ? { candidate: this.#trial.status } : {}
    return { ...this.#status, pid: this.#current?.process.pid ?? null, ...candidate }
  }

  /** The outermost process of the agent's sandbox, for measuring. */
  get sandboxPid(): number | null {
    return this.#current?.process.sandboxPid ?? null
  }

  /** The newest lines that the agent has printed. */
  logs(lines: number): string[] {
    return this.#output.tail(lines)
  }

  /**
   * Makes the agent so. What is started anew is started beside the old one, which then finishes its calls. A candidate takes
   * the place of the version as soon as it has proven itself, also before that is published.
   */
  apply(wanted: DesiredAgent): void {
    if (this.#closed) return
    const { candidate } = wanted.config
    const proven = candidate !== undefined && this.#trial?.proven && this.#trial.version.id === candidate.id
    const desired = proven ? { ...wanted, config: { ...wanted.config, version: candidate } } : wanted
    const renewed = JSON.stringify(this.#desired?.identity) !== JSON.stringify(desired.identity)
    this.#desired = desired
    if (renewed) for (const run of this.#runs) run.process.renew(desired.identity)
    // What is not to be started again is given back first: it may be what another size waits for.
    this.#tidy()
    if (!desired.config.version) this.#stop('nothing is deployed', 'none')
    else this.#follow(shapeOf(desired, desired.config.version))
    if (this.#trial?.version.id !== candidate?.id) this.#try(candidate)
  }

  #follow(shape: string): void {
    if (this.#current?.shape === shape) this.#stay(this.#current)
    else if (this.#next?.shape !== shape) {
      this.#pauseMs = 0
      this.#start()
    }
  }

  /** What serves is what is wanted: nothing is to take its place any more, also if that was only refused until now. */
  #stay(current: Run): void {
    this.#timer?.cancel()
    this.#next = null
    if (current.connected && this.#status.reason !== '') this.#tell('ready', '', current.version)
  }

  /** Kills the agent and starts it again at once. */
  restart(): void {
    this.#pauseMs = 0
    if (this.#current) this.#current.process.kill()
    else if (!this.#closed && this.#desired?.config.version) this.#start()
  }

  /** Ends everything. Resolves when no process and no control group is left. */
  async close(): Promise<void> {
    this.#closed = true
    const gone = [...this.#runs].map((run) => run.gone)
    this.#stop('the platform stops', 'stopped')
    await Promise.all(gone)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #try(version: AgentConfig['candidate']): void {
    this.#trial?.close()
    this.#trial = null
    if (!version) return
    this.#trial = new Trial({
      ...{ version, clock: this.#o.clock, withinMs: TRIAL_MS },
      start: (hear) => this.#tryRun(version, hear),
      onChange: () => {
        this.#tidy()
        this.#o.onStatus(this.status)
      },
    })
  }

  async #tryRun(version: NonNullable<AgentConfig['candidate']>, hear: (lines: string[]) => void): Promise<Run> {
    const desired = this.#desired!
    const memory = await this.#memory(version.id)
    const { verdict } = this.#trial?.version === version ? this.#trial.status : {}
    if (verdict === 'trying') return this.#run(desired, version, memory, hear)
    this.#kept.unused(memory)
    throw new Error('nobody wants to know any more')
  }

  #stop(reason: string, state: AgentState): void {
    this.#timer?.cancel()
    this.#try(undefined)
    this.#current = null
    this.#next = null
    this.#tidy()
    for (const run of this.#runs) run.process.kill()
    this.#tell(state, reason, null)
  }

  #start(): void {
    this.#timer?.cancel()
    const desired = this.#desired
    const version = desired?.config.version
    if (!desired || !version || this.#closed) return
    const serving = this.#current?.connected
    if (!serving) this.#tell('starting', '', version.id)
    const next = { shape: shapeOf(desired, version) }
    this.#next = next
    this.#memory(version.id).then(
      (memory) => {
        if (this.#next !== next) return this.#kept.unused(memory)
        this.#next = null
        try {
          this.#current = this.#run(desired, version, memory)
          if (serving) this.#tell('starting', '', version.id)
          this.#tidy()
        } catch (error) {
          this.#later(`could not be started: ${(error as Error).message}`)
        }
      },
      (error: Error) => {
        if (this.#next !== next) return
        this.#next = null
        this.#later(error.message)
      },
    )
  }

  /** Of what one that has died has left, or else of the node's. */
  async #memory(version: Id<'agt'>): Promise<MemoryHold> {
    const { memoryMebibytes } = this.#desired!.config
    return this.#kept.take(version, memoryMebibytes) ?? (await this.#o.memory(version, memoryMebibytes))
  }

  /** Keeps only what will be started again. */
  #tidy(): void {
    const { version, memoryMebibytes } = this.#desired?.config ?? {}
    const serving = this.#closed || this.#current ? undefined : version?.id
    const tried = this.#trial?.status.verdict === 'trying' ? this.#trial.version.id : undefined
    this.#kept.tidy(({ agent, mebibytes }) => mebibytes === memoryMebibytes && (agent === serving || agent === tried))
  }

  #run(
    desired: DesiredAgent,
    version: NonNullable<AgentConfig['version']>,
    memory: MemoryHold,
    onPrinted?: (lines: string[]) => void,
  ): Run {
    try {
      return this.#launch(desired, version, memory, onPrinted)
    } catch (error) {
      this.#kept.unused(memory)
      throw error
    }
  }

  #launch(
    desired: DesiredAgent,
    version: NonNullable<AgentConfig['version']>,
    memory: MemoryHold,
    onPrinted?: (lines: string[]) => void,
  ): Run {
    const { instance, name, uid, namespace, parts, clock } = this.#o
    const { memoryMebibytes } = desired.config
    const etc = join(this.#o.directory, `${name}-${++this.#sequence}`)
    writeSandboxFiles(etc, desired.dns)
    const cgroup = this.#limit(desired.config)
    const startedAt = this.#rank(onPrinted !== undefined)
    const { promise: gone, resolve } = Promise.withResolvers<void>()
    const process = new AgentProcess({
      sandbox: {
        ...linkLocation(this.#o.linkSocket),
        ...{ parts, namespace, uid, etc, memoryMebibytes, hostname: name },
        bundle: version.path,
        entry: version.entry,
        cgroupProcs: cgroup.procs,
      },
      ...{ cgroup, clock, startedAt, output: this.#output, identity: desired.identity, version: version.id },
      ...(onPrinted ? { onPrinted } : {}),
      onReport: (state, reason) => this.#reported(run, state, reason),
      onExit: (reason) => void this.#exited(run, reason, etc).then(resolve),
    })
    const shape = shapeOf(desired, version)
    const run: Run = { shape, version: version.id, startedAt, process, cgroup, memory, connected: false, draining: false, gone }
    this.#runs.add(run)
    this.#output.write([`--- ${version.id} starts (${instance})`])
    return run
  }

  /**
   * Ms since the epoch, by which the switch knows the youngest. What serves and is started again while a version is tried
   * stays older than that one, which is to follow it.
   */
  #rank(tried: boolean): number {
    const before = tried ? null : this.#trial?.run
    if (before) return before.startedAt - 1
    this.#youngest = Math.max(this.#youngest + 2, Math.floor(this.#o.clock.wall()))
    return this.#youngest
  }

  #limit(limits: Limits): Cgroup {
    const cgroup = createCgroup(`tieline-${this.#o.instance}/${this.#o.name}-${this.#sequence}`, limits)
    if (cgroup.unlimited.length > 0) {
      this.#o.log.warn({ subscriber: this.#o.subscriber, unlimited: cgroup.unlimited }, 'an agent runs without a limit')
    }
    return cgroup
  }

  #reported(run: Run, state: AgentReport, reason: string): void {
    if (state === 'drained' && run.draining) run.process.kill()
    if (state === 'connected') this.#connected(run)
    if (state === 'disconnected' && run === this.#current) {
      run.connected = false
      this.#tell('starting', `waits for the switch: the link is ${reason}`, run.version)
    }
  }

  #connected(run: Run): void {
    run.connected = true
    if (run === this.#trial?.run) this.#promote(run, this.#trial)
    if (run !== this.#current) return
    this.#tell('ready', '', run.version)
    for (const old of this.#runs) if (old !== run && old !== this.#trial?.run && !old.draining) this.#drain(old)
  }

  /** What was tried has proven itself: it is the one that serves from here on. */
  #promote(run: Run, trial: Trial<Run>): void {
    this.#timer?.cancel()
    this.#pauseMs = 0
    this.#next = null
    this.#current = run
    this.#desired = this.#desired && { ...this.#desired, config: { ...this.#desired.config, version: trial.version } }
    trial.prove()
    this.#tidy()
  }

  #drain(run: Run): void {
    run.draining = true
    run.process.drain()
    run.drainTimer = this.#o.clock.after(this.#o.drainMs ?? 3_600_000, () => run.process.kill())
  }

  async #exited(run: Run, reason: string, etc: string): Promise<void> {
    run.drainTimer?.cancel()
    this.#runs.delete(run)
    this.#output.write([`--- ${run.version} is gone: ${reason}`])
    const died = run === this.#trial?.run || run === this.#current
    if (died) this.#kept.add(run.memory)
    if (run === this.#trial?.run) void this.#trial.exited(reason)
    if (run === this.#current) {
      this.#current = null
      if (this.#o.clock.wall() - run.startedAt >= STEADY_MS) this.#pauseMs = 0
      // What is to take its place anyway does so as soon as it can.
      if (!this.#next) this.#later(reason)
    }
    this.#tidy()
    await removeTraces(run.cgroup, etc)
    if (!died) run.memory.release(run.draining ? 'replaced' : 'stopped')
  }

  #later(reason: string): void {
    const { firstMs, maxMs } = this.#o.backOff ?? { firstMs: 250, maxMs: 30_000 }
    const pauseMs = this.#pauseMs
    this.#pauseMs = Math.min(maxMs, Math.max(firstMs, pauseMs * 2))
    if (this.#current?.connected) {
      // What cannot be had takes nothing from what there is.
      this.#tell('ready', `${reason}; what ran before goes on`, this.#current.version)
    } else {
      this.#status.restarts++
      this.#tell('backing-off', reason, this.#desired?.config.version?.id ?? null)
    }
    this.#timer = this.#o.clock.after(pauseMs, () => this.#start())
  }

  #tell(state: AgentState, reason: string, version: Id<'agt'> | null): void {
    this.#status = { ...this.#status, state, reason, version }
    this.#o.onStatus(this.status)
  }
}

/** Other limits, another resolver or another version make another sandbox; another certificate does not. */
function shapeOf({ config, dns }: DesiredAgent, version: { id: Id<'agt'> }): string {
  const { memoryMebibytes, cpuShare, maxProcesses } = config
  return JSON.stringify([version.id, memoryMebibytes, cpuShare, maxProcesses, dns])
}

/** The kernel takes a moment to forget the processes of a group; what it will not let go is left after a second. */
async function removeTraces(cgroup: Cgroup, etc: string): Promise<void> {
  rmSync(etc, { recursive: true, force: true })
  for (let tries = 0; tries < 50 && !cgroup.remove(); tries++) await pause(20)
}
