import { buildResponseWith, type ResponseParts, responsePrefix } from './build.ts'
import type { SipRequest } from './message.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import { type InviteServerEvent, type InviteServerState, inviteServer, type ServerAction } from './server-invite-fsm.ts'
import { type RequestServerEvent, type RequestServerState, requestServer } from './server-request-fsm.ts'
import { Timed, WheelTimer } from './timer-wheel.ts'
import type { Held, Transactions } from './transactions.ts'
import type { Hop } from './types.ts'
import { responseRoute } from './via.ts'

/** Who answers an INVITE and can be told that it is cancelled. */
export interface Cancellable {
  cancel(): void
}

/**
 * One server transaction: the timers and the sending around {@link inviteServer} and {@link requestServer}. Itself it is the
 * timer of its life: H, I, J or L.
 */
export class ServerTransaction extends Timed {
  readonly key: string
  /** What a merged request shares with this one (RFC 3261 §8.2.2.2); '' inside a dialog, and of a merged one. */
  mergeKey = ''
  /** Whether this request has come before over another road. */
  merged = false
  readonly source: Hop
  /** All that its source address has. */
  readonly held: Held
  /** Where responses go (RFC 3261 §18.2.2, RFC 3581). */
  readonly hop: Hop
  /** The tag that our responses add to To. */
  readonly toTag: string
  /** Told of a CANCEL; only for INVITE. */
  user: Cancellable | null = null
  readonly #all: Transactions
  readonly #invite: boolean
  readonly #reliable: boolean
  /** Of timer G, which few transactions have. */
  #repeat: WheelTimer | null = null
  /** Dropped with the final answer: what lingers is only the bytes. */
  #request: SipRequest | null
  #prefix: string
  #last: OutgoingMessage | null = null
  #state: InviteServerState | RequestServerState
  #interval: number

  constructor(all: Transactions, key: string, request: SipRequest, held: Held, toTag: string) {
    super()
    const source = held.hop
    this.held = held
    this.#all = all
    this.key = key
    this.source = source
    this.toTag = toTag
    this.#request = request
    this.#invite = request.method === 'INVITE'
    this.#reliable = source.transport !== 'udp'
    this.#state = this.#invite ? 'Proceeding' : 'Trying'
    this.#interval = all.times.t1
    const route = responseRoute(request, source)
    this.hop = route.hop
    this.#prefix = responsePrefix(request, route.via)
    if (!this.#invite) all.wheel.arm(this, all.times.transaction, 'J')
  }

  get state(): InviteServerState | RequestServerState {
    return this.#state
  }

  /** Whether a final answer has been given. */
  get finished(): boolean {
    return this.#request === null
  }

  /** Sends a response, and returns it as sent; null when a final one has been given before. */
  respond(parts: ResponseParts): OutgoingMessage | null {
    const request = this.#request
    if (!request || this.#state === 'Terminated') return null
    const { status } = parts
    const message = buildResponseWith(this.#prefix, request, parts, status > 100 ? this.toTag : undefined)
    this.#last = message
    if (status >= 200) {
      // Nor is who answered held on to: behind it is a whole call.
      this.user = null
      this.#request = null
      this.#prefix = ''
    }
    if (this.#invite) this.#inviteEvent(status < 200 ? 'send 1xx' : status < 300 ? 'send 2xx' : 'send 300-699')
    else this.#requestEvent(status < 200 ? 'send 1xx' : 'send 200-699')
    return message
  }

  /** The request came once more. */
  repeated(): void {
    if (this.#invite) this.#inviteEvent('INVITE')
    else this.#requestEvent('request')
  }

  /** An ACK with the branch of this INVITE: it belongs to an answer of 300 or more. */
  acknowledged(): void {
    if (this.#invite) this.#inviteEvent('ACK')
  }

  onTimer(name: string): void {
    if (this.#invite) this.#inviteEvent(name as InviteServerEvent)
    else this.#requestEvent(name as RequestServerEvent)
  }

  #inviteEvent(event: InviteServerEvent): void {
    const step = inviteServer(this.#state as InviteServerState, event)
    this.#become(step.state, step.actions)
  }

  #requestEvent(event: RequestServerEvent): void {
    const step = requestServer(this.#state as RequestServerState, event)
    this.#become(step.state, step.actions)
  }

  #become(state: InviteServerState | RequestServerState, actions: readonly ServerAction[]): void {
    const before = this.#state
    this.#state = state
    if (this.#invite && state !== before) {
      if (state === 'Completed') this.#all.refusals++
      else if (before === 'Completed') this.#all.refusals--
    }
    for (const action of actions) this.#act(action)
    if (state === 'Terminated' && before !== 'Terminated') {
      this.#stopRepeating()
      this.#all.wheel.cancel(this)
      this.#all.removeServer(this)
    }
  }

  #act(action: ServerAction): void {
    const { wheel, times, transport } = this.#all
    switch (action) {
      case 'send':
        transport.send(this.#last!, this.hop)
        return
      case 'resend':
        if (this.#last) transport.send(this.#last, this.hop)
        return
      case 'start G':
        // §17.2.1: not over a reliable transport.
        if (!this.#reliable) this.#armRepeat()
        return
      case 'double G':
        this.#interval = Math.min(2 * this.#interval, times.t2)
        this.#armRepeat()
        return
      case 'stop G':
        this.#stopRepeating()
        return
      case 'start H':
        wheel.arm(this, times.transaction, 'H')
        return
      case 'start I':
        wheel.arm(this, this.#reliable ? 0 : times.t4, 'I')
        return
      case 'start J':
        wheel.arm(this, this.#reliable ? 0 : times.transaction, 'J')
        return
      case 'start L':
        // The transaction user repeats its 2xx by itself; kept for repeats of the INVITE only.
        this.#last = null
        wheel.arm(this, times.transaction, 'L')
    }
  }

  #armRepeat(): void {
    this.#repeat ??= new WheelTimer(this)
    this.#all.wheel.arm(this.#repeat, this.#interval, 'G')
  }

  #stopRepeating(): void {
    if (this.#repeat) this.#all.wheel.cancel(this.#repeat)
  }
}
