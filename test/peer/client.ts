import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { until } from './clock.ts'
import type { Customer } from './crm.ts'
import type { Records } from './dns.ts'
import type { Flood } from './sip/flood.ts'
import type { CallReport, PlaceOptions, Rule } from './sip/rule.ts'
import type { SpeechAsked, SpeechMood } from './speech-server.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

/** The commanding end of a far end's process. */
export class Peer extends EventEmitter<{ call: [CallReport] }> implements AsyncDisposable {
  readonly name: string
  #child: ChildProcess
  #next = 1
  #asked = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #errors = ''

  /** `enter` is put before the command: what leads into a namespace. */
  constructor(name: string, role: 'sip' | 'flood' | 'dns' | 'crm' | 'speech' | 'http', enter: readonly string[]) {
    super()
    this.name = name
    const command = [...enter, process.execPath, MAIN, role]
    // A group of its own, so that Ctrl-C reaches only us and we end it in order.
    this.#child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
    this.#child.stderr?.on('data', (chunk) => {
      this.#errors = (this.#errors + chunk).slice(-4000)
    })
    this.#child.stdin?.on('error', () => {})
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#line(line))
    this.#child.on('exit', () => {
      for (const { reject } of this.#asked.values()) reject(new Error(`${name} has ended: ${this.#errors}`))
      this.#asked.clear()
    })
  }

  /** Asks the far end; rejects with its own words. */
  ask<T>(method: string, params: object = {}): Promise<T> {
    if (this.#child.exitCode !== null) return Promise.reject(new Error(`${this.name} has ended: ${this.#errors}`))
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve: (value) => resolve(value as T), reject })
      this.#child.stdin?.write(`${JSON.stringify({ id, method, params })}\n`)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.stdin?.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000)
    await exited
    clearTimeout(timer)
  }

  #line(line: string): void {
    const message = JSON.parse(line)
    if (message.event === 'call') {
      this.emit('call', message.report)
      return
    }
    const asked = this.#asked.get(message.id)
    this.#asked.delete(message.id)
    if (message.error) asked?.reject(new Error(`${this.name}: ${message.error}`))
    else asked?.resolve(message.result)
  }
}

/** A far end that speaks SIP. */
export class SipPeer extends Peer {
  readonly address: string
  readonly port: number

  private constructor(name: string, address: string, port: number, enter: readonly string[]) {
    super(name, 'sip', enter)
    this.address = address
    this.port = port
  }

  static async start(name: string, address: string, enter: readonly string[], watched: readonly number[]): Promise<SipPeer> {
    const peer = new SipPeer(name, address, 5060, enter)
    await peer.ask('start', { address, port: 5060, name, watched })
    return peer
  }

  rules(rules: Rule[]): Promise<void> {
    return this.ask('rules', { rules })
  }

  /** From now on it asks for these before anything else. */
  password(credentials: { user: string; password: string }): Promise<void> {
    return this.ask('password', credentials)
  }

  async place(options: PlaceOptions): Promise<string> {
    return (await this.ask<{ call: string }>('place', options)).call
  }

  /** Waits until the call is in the phase, or has ended; rejects at the deadline. */
  wait(call: string, phase: 'up' | 'ended', timeoutMs = 10_000): Promise<CallReport> {
    return this.ask('wait', { call, phase, timeoutMs })
  }

  hangup(call: string): Promise<void> {
    return this.ask('hangup', { call })
  }

  cancel(call: string): Promise<void> {
    return this.ask('cancel', { call })
  }

  press(call: string, digits: string): Promise<void> {
    return this.ask('press', { call, digits })
  }

  sing(call: string, frequency: number): Promise<void> {
    return this.ask('sing', { call, frequency })
  }

  report(call: string): Promise<CallReport> {
    return this.ask('report', { call })
  }

  /** All its calls, old ones too, without what was heard. */
  list(): Promise<CallReport[]> {
    return this.ask('list')
  }

  /** Waits for a call that fits; `since` (CLOCK_MONOTONIC, ms) leaves older ones out. */
  find(what: string, since: number, fits: (report: CallReport) => boolean, timeoutMs = 5000): Promise<CallReport> {
    const look = async () => (await this.list()).find((report) => report.invitedAt >= since && fits(report))
    return until(`${what} at ${this.name}`, look, timeoutMs, 20)
  }
}

/** Whoever keeps to no rule; a process of its own, so that its sending is not what slows others. */
export class FloodPeer extends Peer {
  constructor(name: string, enter: readonly string[]) {
    super(name, 'flood', enter)
  }

  /** Resolves when all has been sent: how much it was, and how many messages came back. */
  flood(flood: Flood): Promise<{ sent: number; heard: number }> {
    return this.ask('flood', flood)
  }
}

export async function startCrmPeer(
  name: string,
  address: string,
  enter: readonly string[],
  customers: Customer[],
): Promise<Peer> {
  const peer = new Peer(name, 'crm', enter)
  await peer.ask('start', { address, customers })
  return peer
}

/** The office's own speech server. */
export class SpeechPeer extends Peer {
  static async start(name: string, address: string, port: number, enter: readonly string[]): Promise<SpeechPeer> {
    const peer = new SpeechPeer(name, 'speech', enter)
    await peer.ask('start', { address, port })
    return peer
  }

  mood(mood: SpeechMood): Promise<void> {
    return this.ask('mood', { mood })
  }

  asked(): Promise<SpeechAsked[]> {
    return this.ask('asked')
  }
}

export async function startDnsPeer(
  name: string,
  address: string,
  enter: readonly string[],
  records: Record<string, string | Records>,
): Promise<Peer> {
  const peer = new Peer(name, 'dns', enter)
  await peer.ask('start', { address, records })
  return peer
}
