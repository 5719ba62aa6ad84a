import { buildRequest, type RequestParts } from './build.ts'
import { type ClientAction, type InviteClientEvent, type InviteClientState, inviteClient } from './client-invite-fsm.ts'
import { type RequestClientEvent, type RequestClientState, requestClient } from './client-request-fsm.ts'
import type { SipResponse } from './message.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import { type TimerOwner, WheelTimer } from './timer-wheel.ts'
import type { Transactions } from './transactions.ts'
import type { Hop } from './types.ts'

/** Who sent the request. */
export interface ClientUser {
  onResponse(response: SipResponse): void
  onTimeout(): void
  /** The request was challenged: takes the transaction that `send` puts in its place, or says that nobody wants it any more. */
  replace?(send: () => ClientTransaction): boolean
}

/** What a sent request leaves in its transaction: enough for its ACK and its CANCEL (RFC 3261 §17.1.1.3, §9.1). */
export type SentParts = Pick<RequestParts, 'method' | 'uri' | 'via' | 'from' | 'to' | 'callId' | 'sequence' | 'routes'>

/** One client transaction: the timers and the sending around {@link inviteClient} and {@link requestClient}. */
export class ClientTransaction implements TimerOwner {
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
  /** Of timers A and E; let go of with the final answer. */
  #repeat: WheelTimer | null = new WheelTimer(this)
  readonly #life = new WheelTimer(this)
  #state: InviteClientState | RequestClientState
  #interval: number
  #ack: OutgoingMessage | null = null
  #resent = false

  constructor(all: Transactions, branch: string, sent: SentParts, message: OutgoingMessage, hop: Hop, user: ClientUser) {
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

  /** Sends the request and starts timers A and B, or E and F; `timeoutMs` cuts the latter. */
  start(timeoutMs?: number): void {
    const { times, wheel, transport } = this.#all
    const invite = this.method === 'INVITE'
    // §17.1.1.2, §17.1.2.2: a reliable transport repeats by itself; whether it still lives is asked once (PITFALLS S41).
    if (this.#reliable) this.#armRepeat(2 * times.t1, 'suspect')
    else this.#armRepeat(this.#interval, invite ? 'A' : 'E')
    wheel.arm(this.#life, Math.min(timeoutMs ?? times.transaction, times.transaction), invite ? 'B' : 'F')
    if (this.#message) transport.send(this.#message, this.hop)
  }

  /** Another user hears of what comes from now on. */
  handOver(user: ClientUser): void {
    this.#user = user
  }

  /** Goes on where a former process was, which may have had provisional answers: sends nothing by itself. */
  resume(timeoutMs: number): void {
    this.#state = 'Proceeding'
    this.#all.wheel.arm(this.#life, timeoutMs, 'B')
  }

  /** Sends the request no more, and waits for an answer of any kind all the same. */
  stopRepeating(): void {
    if (this.#repeat) this.#all.wheel.cancel(this.#repeat)
  }

  #armRepeat(ms: number, name: string): void {
    if (this.#repeat) this.#all.wheel.arm(this.#repeat, ms, name)
  }

  /** `ms` in {@link start} was for want of any answer: one has come, and timer F has what is left of it (§17.1.2.2). */
  uncut(ms: number): void {
    const { wheel, times } = this.#all
    if (this.#state === 'Proceeding' && this.method !== 'INVITE')
      wheel.arm(this.#life, Math.max(0, wheel.left(this.#life) + Math.max(0, times.transaction - ms)), 'F')
  }

  /** An INVITE that has been cancelled waits 64*T1 from now for its final answer (RFC 3261 §9.1). */
  limit(): void {
    if (this.#state === 'Proceeding' || this.#state === 'Calling')
      this.#all.wheel.arm(this.#life, this.#all.times.transaction, 'B')
  }

  receive(response: SipResponse): void {
    const { status } = response
    if (status >= 200) {
      this.#message = null
      this.stopRepeating()
      this.#repeat = null
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
    if (name === 'suspect') {
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
    if (this.#state === 'Calling' && state === 'Proceeding') this.#all.wheel.cancel(this.#life)
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
        this.#armRepeat(this.#interval, 'A')
        return
      case 'double E':
        this.#interval = Math.min(2 * this.#interval, times.t2)
        this.#armRepeat(this.#interval, 'E')
        return
      case 'E to T2':
        this.#armRepeat(times.t2, 'E')
        return
      case 'stop A':
        this.stopRepeating()
        return
      case 'start D':
        // §17.1.1.2, §17.1.2.2: nothing comes twice over a reliable transport.
        wheel.arm(this.#life, this.#reliable ? 0 : times.d, 'D')
        return
      case 'start M':
        wheel.arm(this.#life, times.transaction, 'M')
        return
      case 'start K':
        this.stopRepeating()
        wheel.arm(this.#life, this.#reliable ? 0 : times.t4, 'K')
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
    this.stopRepeating()
    this.#all.wheel.cancel(this.#life)
    this.#all.removeClient(this)
  }
}
