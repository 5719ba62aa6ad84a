import { type Timer, token } from '#lib/index.ts'
import { backOff, type GatewayServer, nameOf, nextRefresh, serverHop, serverKey, serverUri } from '#platform/trunk/index.ts'
import type { TrunkConfig, TrunkState } from '#platform/words/index.ts'
import { formatNameAddr, formatUri, parseNameAddr, SipFailure, type SipResponse } from '#protocol/sip/index.ts'
import type { CarrierDeps, LiveGateways } from './deps.ts'

/** Ms that a registrar has for any answer: then another server is asked. */
const PATIENCE_MS = 5000

/** A request that is challenged takes more than one CSeq (RFC 3261 §22.2): the next one begins behind them. */
const CSEQ_STEP = 4

/**
 * The registration of one trunk at its carrier (RFC 3261 §10.2), kept for as long as the object lives: refreshed before
 * its end, tried again with growing pauses after silence or refusal, always at the server that calls would take (S37).
 */
export class TrunkRegistration {
  readonly #deps: CarrierDeps
  readonly #gateways: LiveGateways
  readonly #callId = token(16)
  #trunk: TrunkConfig
  #sequence = 1
  #failures = 0
  #timer: Timer | null = null
  #closed = false
  #asking = false
  /** What the carrier has said that it has to be at least. */
  #least = 0
  #at: GatewayServer | null = null
  #state: NonNullable<TrunkState['registration']> = { state: 'registering', text: 'registering for the first time' }

  constructor(deps: CarrierDeps, gateways: LiveGateways, trunk: TrunkConfig) {
    this.#deps = deps
    this.#gateways = gateways
    this.#trunk = trunk
    this.#later(0)
  }

  get state(): NonNullable<TrunkState['registration']> {
    return this.#state
  }

  /** Where the registration is; null while there is none. */
  get at(): GatewayServer | null {
    return this.#at
  }

  /** The trunk has changed: what it says now is asked for at once. */
  change(trunk: TrunkConfig): void {
    const same = JSON.stringify(trunk) === JSON.stringify(this.#trunk)
    this.#trunk = trunk
    if (!same && !this.#asking) this.#later(0)
  }

  /** The trunk has other servers: where it is registered may be none of them any more, or there was none before. */
  moved(servers: readonly GatewayServer[]): void {
    const at = this.#at
    if (this.#asking || (at && servers.some((server) => serverKey(server) === serverKey(at)))) return
    this.#at = null
    this.#later(0)
  }

  /** No refreshes any more. `leave` takes the registration back, without waiting for an answer. */
  close({ leave }: { leave: boolean }): void {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    if (leave && this.#at) this.#register(this.#at, 0).catch(() => {})
  }

  #later(ms: number): void {
    this.#timer?.cancel()
    this.#timer = this.#deps.clock.after(ms, () => void this.#ask())
  }

  async #ask(): Promise<void> {
    if (this.#asking) return
    const [server] = this.#gateways.order(this.#trunk)
    if (!server) {
      // Whoever finds one says so.
      this.#state = { state: 'waiting', text: 'not registered: no address of its gateways is known' }
      return
    }
    this.#asking = true
    let pause: number
    try {
      const response = await this.#register(server, this.#wanted)
      pause = this.#judge(server, response)
    } catch (error) {
      if (!(error instanceof SipFailure)) this.#deps.log.error({ err: error }, 'a registration could not be asked for')
      this.#gateways.silent(server)
      pause = this.#failed('silent', `no answer from ${whereOf(server)}`)
    }
    this.#asking = false
    if (!this.#closed) this.#later(pause)
  }

  /** Ms until the next attempt. */
  #judge(server: GatewayServer, response: SipResponse): number {
    this.#gateways.answered(server)
    const where = whereOf(server)
    if (response.status < 300) {
      const seconds = grantedSeconds(response, this.#contact(), this.#wanted)
      if (this.#failures > 0 || this.#at === null)
        this.#deps.log.info({ trunk: this.#trunk.name, seconds }, 'a trunk is registered')
      this.#failures = 0
      this.#at = server
      this.#state = { state: 'registered', text: `registered at ${where} for ${seconds} s` }
      return nextRefresh(seconds, this.#deps.random)
    }
    const told = `${response.status} ${response.reason} from ${where}`
    // §10.3: 423 says how long it has to be at least.
    const least = Number(response.header('min-expires'))
    if (response.status === 423 && least > this.#wanted && least <= 86_400) {
      this.#least = least
      return 0
    }
    return this.#failed(response.status >= 500 ? 'silent' : 'refused', told)
  }

  #failed(kind: 'silent' | 'refused', why: string): number {
    this.#failures += 1
    this.#at = null
    const pause = backOff(this.#failures, kind, this.#deps.random)
    const text = `not registered: ${why}; again in ${Math.ceil(pause / 1000)} s`
    this.#state = { state: kind === 'refused' ? 'refused' : 'waiting', text }
    this.#deps.log.warn({ trunk: this.#trunk.name, why, failures: this.#failures }, 'a trunk is not registered')
    return pause
  }

  /** Seconds. */
  get #wanted(): number {
    return Math.max(this.#trunk.registerSeconds ?? 3600, this.#least)
  }

  #contact(): string {
    const { address, port } = this.#deps.node()?.local ?? { address: '0.0.0.0', port: 5060 }
    return formatUri({ user: this.#trunk.credentials?.user ?? '', host: address, port })
  }

  #register(server: GatewayServer, seconds: number): Promise<SipResponse> {
    const { agent } = this.#deps.node() ?? {}
    if (!agent) return Promise.reject(new SipFailure('gone', 480))
    const { gateway, address, port } = server
    const name = nameOf(gateway)
    // §10.2: the address of record is of the carrier's domain.
    const domain = name === undefined ? { host: address, port } : { host: name }
    const ours = formatNameAddr({ uri: { ...domain, user: this.#trunk.credentials?.user ?? '' } })
    const sequence = this.#sequence
    this.#sequence += CSEQ_STEP
    return agent.request({
      method: 'REGISTER',
      uri: serverUri(server),
      to: serverHop(this.#trunk, server),
      from: ours,
      toHeader: ours,
      contact: `<${this.#contact()}>`,
      callId: this.#callId,
      sequence,
      headers: [['Expires', String(seconds)]],
      silenceMs: PATIENCE_MS,
    })
  }
}

function whereOf({ address, port }: GatewayServer): string {
  return `${address}:${port}`
}

/** How long a 2xx grants our contact (§10.3): by its own parameter, by Expires, or as asked. */
function grantedSeconds(response: SipResponse, contact: string, asked: number): number {
  const whole = (text: string | undefined) => (text && /^\d{1,9}$/.test(text) ? Number(text) : undefined)
  for (const value of response.list('contact')) {
    try {
      const bound = parseNameAddr(value)
      if (bound.address.toLowerCase() === contact.toLowerCase()) {
        const own = whole(bound.params.get('expires'))
        if (own !== undefined) return own
      }
    } catch {
      // Another's binding, which is none of our business.
    }
  }
  return whole(response.header('expires')) ?? asked
}
