import { buildRequest, type RequestParts } from './build.ts'
import { type ClientAction, type InviteClientEvent, type InviteClientState, inviteClient } from './client-invite-fsm.ts'
import { type RequestClientEvent, type RequestClientState, requestClient } from './client-request-fsm.ts'
import type { SipResponse } from './message.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import { Timed } from './timer-wheel.ts'
import type { Transactions } from './transactions.ts'
import type { Hop } from './types.ts'

/** Who sent the request. */
export interface ClientUser {
  onResponse(response: SipResponse): void
  onTimeout(): void
  /** Nothing at all has come for as long as {@link ClientTransaction.start} was told. */
  onSilence?(): void
  /** The request was challenged: takes the transaction that `send` puts in its place, or says that nobody wants it any more. */
  replace?(send: () => ClientTransaction): boolean
}

/** What a sent request leaves in its transaction: enough for its ACK and its CANCEL (RFC 3261 §17.1.1.3, §9.1). */
export type SentParts = Pick<RequestParts, 'method' | 'uri' | 'via' | 'from' | 'to' | 'callId' | 'sequence' | 'routes'>

/**
 * One client transaction: the timers and the sending around {@link inviteClient} and {@link requestClient}. Itself it is the one
 * timer of all of them, armed for whichever runs out first.
 */
export class ClientTransaction extends Timed {
  readonly branch: string
  readonly method: string
  /** Let go of with the user. */
  #sent: SentParts | null
  readonly hop: Hop
  /** The request; let go of with its final answer, since nothing sends it again. */
  #message: OutgoingMessage | null
  readonly #all: Transactions
  /** Let go of with a final answer that nothing follows: behind it may be a whole call. */
  #user: ClientUser | null
  readonly #reliable: boolean
  /** The ticks of timers A or E, of B or F, and of the user's patience with silence; -1 for none. */
  #repeatAt = -1
  #giveUpAt = -1
  #silentAt = -1
  #state: InviteClientState | RequestClientState
  #interval: number
  #ack: OutgoingMessage | null = null
  #resent = false

  constructor(all: Transactions, branch: string, sent: SentParts, message: OutgoingMessage, hop: Hop, user: ClientUser) {
    super()
    this.#all = all
    this.method = sent.method
    this.#sent = sent
    this.#message = message
    this.hop = hop
    this.#user = user
    this.#reliable = hop.transport !== 'udp'
    this.branch = branch
    this.#state = sent.method === 'INVITE' ? 'Calling' : 'Trying'
    this.#interval = all.times.t1
  }

  /** What its ACK, its CANCEL and its dialog are made of. @throws Error when it is completed. */
  get sent(): SentParts {
    if (!this.#sent) throw new Error('a completed transaction is asked for its request')
    return this.#sent
  }

  /** The request, while it has no final answer. */
  get message(): OutgoingMessage | null {
    return this.#message
  }

  get state(): InviteClientState | RequestClientState {
    return this.#state
  }

  /** Sends the request and starts timers A and B, or E and F; `timeoutMs` cuts the latter. `silenceMs`: {@link ClientUser.onSilence}. */
  start(timeoutMs?: number, silenceMs?: number): void {
    const { times, wheel, transport } = this.#all
    // §17.1.1.2, §17.1.2.2: a reliable transport repeats by itself; whether it still lives is asked once (PITFALLS S41).
    this.#repeatAt = wheel.tickIn(this.#reliable ? 2 * times.t1 : this.#interval)
    this.#giveUpAt = wheel.tickIn(Math.min(timeoutMs ?? times.transaction, times.transaction))
    if (silenceMs !== undefined) this.#silentAt = wheel.tickIn(silenceMs)
    this.#arm()
    if (this.#message) transport.send(this.#message, this.hop)
  }

  /** Until the final answer: for what is first of repeating, giving up and silence. */
  #arm(): void {
    const { wheel } = this.#all
    const [repeatAt, giveUpAt, silentAt] = [this.#repeatAt, this.#giveUpAt, this.#silentAt]
    const invite = this.method === 'INVITE'
    let at = giveUpAt
    let name = invite ? 'B' : 'F'
    if (silentAt >= 0 && (at < 0 || silentAt < at)) {
      at = silentAt
      name = 'silence'
    }
    // Before a silence that ends with it: whoever is told gives up, and nobody would ask whether the connection lives.
    if (repeatAt >= 0 && (at < 0 || repeatAt <= at)) {
      at = repeatAt
      name = this.#reliable ? 'suspect' : invite ? 'A' : 'E'
    }
    if (at < 0) wheel.cancel(this)
    else wheel.armAt(this, at, name)
  }

  /** Another user hears of what comes from now on. */
  handOver(user: ClientUser): void {
    this.#user = user
  }

  /** Goes on where a former process was, which may have had provisional answers: sends nothing by itself. */
  resume(timeoutMs: number): void {
    this.#state = 'Proceeding'
    this.#giveUpAt = this.#all.wheel.tickIn(timeoutMs)
    this.#arm()
  }

  /** Sends the request no more, and waits for an answer of any kind all the same. */
  stopRepeating(): void {
    this.#repeatAt = -1
    // Also where nothing was repeated any more: what else was armed may have been called off.
    this.#arm()
  }

  #repeatIn(ms: number): void {
    this.#repeatAt = this.#all.wheel.tickIn(ms)
    this.#arm()
  }

  /** `ms` in {@link start} was for want of any answer: one has come, and timer F has what is left of it (§17.1.2.2). */
  uncut(ms: number): void {
    if (this.#state !== 'Proceeding' || this.method === 'INVITE') return
    const { wheel, times } = this.#all
    this.#giveUpAt += wheel.tickIn(Math.max(0, times.transaction - ms)) - wheel.tickIn(0)
    this.#arm()
  }

  /** An INVITE that has been cancelled waits 64*T1 from now for its final answer (RFC 3261 §9.1). */
  limit(): void {
    if (this.#state !== 'Proceeding' && this.#state !== 'Calling') return
    this.#giveUpAt = this.#all.wheel.tickIn(this.#all.times.transaction)
    this.#arm()
  }

  receive(response: SipResponse): void {
    const { status } = response
    this.#silentAt = -1
    if (status >= 200) {
      this.#message = null
      // Timer D, K or M takes their place.
      this.#repeatAt = -1
      this.#giveUpAt = -1
    }
    if (this.method === 'INVITE') {
      this.#inviteEvent(status < 200 ? '1xx' : status < 300 ? '2xx' : '300-699', response)
    } else {
      this.#requestEvent(status < 200 ? '1xx' : '200-699', response)
    }
  }

  /** The connection that it was sent by is gone: nobody knows whether it arrived, unless there was an answer. */
  lost(again: boolean): void {
    if (this.#state !== 'Calling' && this.#state !== 'Trying') return
    if (again && !this.#resent) {
      this.#resent = true
      if (this.#message) this.#all.transport.send(this.#message, this.hop)
    } else {
      this.onTimer(this.method === 'INVITE' ? 'B' : 'F')
    }
  }

  onTimer(name: string): void {
    if (name === 'silence') {
      const silent = this.#silentAt >= 0
      this.#silentAt = -1
      this.#arm()
      if (silent) this.#user?.onSilence?.()
    } else if (name === 'suspect') {
      this.#repeatAt = -1
      this.#arm()
      if (this.#state === 'Calling' || this.#state === 'Trying') this.#all.transport.suspect?.(this.hop)
    } else if (this.method === 'INVITE') this.#inviteEvent(name as InviteClientEvent)
    else this.#requestEvent(name as RequestClientEvent)
  }

  #inviteEvent(event: InviteClientEvent, response?: SipResponse): void {
    const step = inviteClient(this.#state as InviteClientState, event)
    this.#become(step.state, step.actions, response)
  }

  #requestEvent(event: RequestClientEvent, response?: SipResponse): void {
    const step = requestClient(this.#state as RequestClientState, event)
    this.#become(step.state, step.actions, response)
  }

  #become(state: InviteClientState | RequestClientState, actions: readonly ClientAction[], response?: SipResponse): void {
    // §17.1.1.2: once answered, timer B means nothing any more: how long it may ring is the transaction user's to say.
    if (this.#state === 'Calling' && state === 'Proceeding') this.#giveUpAt = -1
    this.#state = state
    if (state === 'Terminated') this.#end()
    for (const action of actions) this.#act(action, response)
    // By what it has become meanwhile: whoever was told may have ended it.
    if (this.#state === 'Completed' || this.#state === 'Terminated') {
      this.#user = null
      this.#sent = null
    }
  }

  #act(action: ClientAction, response: SipResponse | undefined): void {
    const { wheel, times, transport } = this.#all
    switch (action) {
      case 'send':
        if (this.#message) transport.send(this.#message, this.hop)
        return
      case 'pass':
        this.#user?.onResponse(response!)
        return
      case 'ack':
        this.#sendAck(response!)
        return
      case 'timeout':
        this.#user?.onTimeout()
        return
      case 'double A':
        this.#interval *= 2
        this.#repeatIn(this.#interval)
        return
      case 'double E':
        this.#interval = Math.min(2 * this.#interval, times.t2)
        this.#repeatIn(this.#interval)
        return
      case 'E to T2':
        this.#repeatIn(times.t2)
        return
      case 'stop A':
        this.stopRepeating()
        return
      case 'start D':
        // §17.1.1.2, §17.1.2.2: nothing comes twice over a reliable transport.
        wheel.arm(this, this.#reliable ? 0 : times.d, 'D')
        return
      case 'start M':
        wheel.arm(this, times.transaction, 'M')
        return
      case 'start K':
        wheel.arm(this, this.#reliable ? 0 : times.t4, 'K')
    }
  }

  /** §17.1.1.3: same branch, Request-URI and Route as the INVITE, the To of the response. */
  #sendAck(response: SipResponse): void {
    // Behind a 2xx refusals may come of several forks, each with a tag of its own.
    const known = this.#state === 'Accepted' ? null : this.#ack
    const ack = known ?? buildRequest({ ...this.sent, method: 'ACK', to: response.header('to') ?? this.sent.to })
    this.#ack = ack
    this.#all.transport.send(ack, this.hop)
  }

  #end(): void {
    this.#all.wheel.cancel(this)
    this.#all.removeClient(this)
  }
}
