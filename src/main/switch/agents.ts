import { X509Certificate } from 'node:crypto'
import { type Agents, command, type Exchange } from '#journeys/call/index.ts'
import type { Clock, Id, Log } from '#lib/index.ts'
import { type AgentGateway, createAgentGateway } from '#platform/agent/index.ts'
import { createSealer } from '#platform/subscriber/index.ts'
import type { Configuration } from '#platform/switch/index.ts'
import type { AgentNotifications, CallCause, OfferedCall, StartMessage, VerbMethods } from '#platform/words/index.ts'
import { LinkLost } from '#protocol/link/index.ts'

/** Ms for which an agent's former certificate is still good after a new one has been published. */
const OVERLAP_MS = 60_000

/** Ms within which an agent finds a switch that was started again. */
const RETURN_MS = 3000

/** The agents' gateway, opened as soon as a snapshot brings its certificate, and kept at the newest one. */
export class AgentDoor implements Agents {
  readonly #options: { path: string; log: Log; clock: Clock; start: StartMessage['start']; configuration: Configuration }
  readonly #fingerprints = new Map<Id<'sub'>, { certificate: string; now: string; before: string; since: number }>()
  #gateway: AgentGateway | null = null
  #opening: Promise<void> | null = null
  #certificate = ''
  #closed = false
  readonly #begunAt: number
  /** Whose agents have found this switch. */
  readonly #found = new Set<Id<'sub'>>()

  constructor(options: { path: string; log: Log; clock: Clock; start: StartMessage['start']; configuration: Configuration }) {
    this.#options = options
    this.#begunAt = options.clock.now()
  }

  connected(subscriber: Id<'sub'>): boolean {
    return this.#gateway?.connected(subscriber) ?? false
  }

  expected(subscriber: Id<'sub'>): boolean {
    const { clock, configuration } = this.#options
    if (clock.now() - this.#begunAt > RETURN_MS || this.#found.has(subscriber)) return false
    return Boolean(configuration.subscriber(subscriber)?.agent.version)
  }

  async offer(subscriber: Id<'sub'>, kind: 'offered' | 'resumed', call: OfferedCall): Promise<{ outcome: 'returned' | 'threw' }> {
    if (!this.#gateway) throw new LinkLost('unreachable')
    return await this.#gateway.offer(subscriber, kind, call)
  }

  ended(subscriber: Id<'sub'>, call: Id<'call'>, cause: CallCause): void {
    this.#gateway?.ended(subscriber, call, cause)
  }

  digit(subscriber: Id<'sub'>, call: Id<'call'>, digit: string): void {
    this.#gateway?.digit(subscriber, call, digit)
  }

  partial(subscriber: Id<'sub'>, call: Id<'call'>, text: string): void {
    this.#gateway?.partial(subscriber, call, text)
  }

  amd(subscriber: Id<'sub'>, verdict: AgentNotifications['call.amd']): void {
    this.#gateway?.amd(subscriber, verdict)
  }

  progress(subscriber: Id<'sub'>, progress: AgentNotifications['call.progress']): void {
    this.#gateway?.progress(subscriber, progress)
  }

  /** Takes what the newest snapshot says of certificates. */
  update(exchange: Exchange): void {
    const { configuration, log } = this.#options
    this.#learn()
    const { ca, switchCertificate } = configuration.snapshot
    if (!ca || !switchCertificate.certificate || this.#closed) return
    if (!this.#gateway) {
      this.#opening ??= this.#open(exchange).catch((error: unknown) => {
        this.#opening = null
        log.error({ err: error }, 'the agents’ gateway cannot be opened')
      })
      return
    }
    const changed = this.#certificate !== switchCertificate.certificate + ca
    this.#gateway.update(changed ? this.#credentials() : undefined)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#opening
    await this.#gateway?.close()
  }

  async #open(exchange: Exchange): Promise<void> {
    const { path, log, clock } = this.#options
    this.#gateway = await createAgentGateway({
      path,
      log,
      clock,
      ...this.#credentials(),
      isCurrent: (subscriber, fingerprint) => this.#isCurrent(subscriber, fingerprint),
      onVerb: (subscriber, method, params, signal) =>
        command(exchange, subscriber, method, params, signal) as Promise<VerbMethods[typeof method]['result']>,
      onState: (subscriber, state) => {
        this.#found.add(subscriber)
        log.info({ subscriber, state }, 'an agent’s link has changed')
      },
    })
  }

  #credentials(): { certificate: string; key: string; ca: string } {
    const { start, configuration } = this.#options
    const { ca, switchCertificate } = configuration.snapshot
    this.#certificate = switchCertificate.certificate + ca
    const key = createSealer(start.sealingKey ?? '').openText(switchCertificate.key)
    return { certificate: switchCertificate.certificate, key, ca }
  }

  /** The fingerprints of the agents' certificates, worked out only where one is new. */
  #learn(): void {
    const { configuration, clock } = this.#options
    const there = new Set<Id<'sub'>>()
    for (const { id, agent } of configuration.snapshot.subscribers) {
      there.add(id)
      const known = this.#fingerprints.get(id)
      if (known?.certificate === agent.certificate || !agent.certificate) continue
      const now = new X509Certificate(agent.certificate).fingerprint256
      this.#fingerprints.set(id, { certificate: agent.certificate, now, before: known?.now ?? '', since: clock.now() })
      if (known) clock.after(OVERLAP_MS + 1, () => this.#gateway?.update())
    }
    for (const id of this.#fingerprints.keys()) if (!there.has(id)) this.#fingerprints.delete(id)
  }

  #isCurrent(subscriber: Id<'sub'>, fingerprint: string): boolean {
    const known = this.#fingerprints.get(subscriber)
    if (!known) return false
    return known.now === fingerprint || (known.before === fingerprint && this.#options.clock.now() - known.since < OVERLAP_MS)
  }
}
