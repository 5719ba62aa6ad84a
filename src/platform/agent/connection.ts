import type { Id } from '#lib/index.ts'
import type { Link } from '#protocol/link/index.ts'
import type { GatewayTypes } from './gateway.ts'

/** A live link of an agent's process. */
export interface Connection {
  readonly subscriber: Id<'sub'>
  readonly fingerprint: string
  /** Which deployment it says to be; for people. */
  readonly version: string
  /** Ms since the epoch at which its process was started: the youngest takes new calls. */
  readonly startedAt: number
  readonly link: Link<GatewayTypes>
  /** Calls that were offered on this link and have not ended. */
  readonly calls: Set<Id<'call'>>
  /** Calls that it has asked to be placed and that have not ended, whoever has them. */
  readonly made: Set<Id<'call'>>
}

/** Which processes of which subscriber are connected, and who has which call. */
export class AgentConnections {
  /** Per subscriber, the youngest process last. */
  readonly #bySubscriber = new Map<Id<'sub'>, Connection[]>()
  readonly #byLink = new Map<Link<GatewayTypes>, Connection>()
  readonly #byCall = new Map<Id<'call'>, Connection>()
  readonly #makers = new Map<Id<'call'>, Connection>()
  readonly #onState: (subscriber: Id<'sub'>, state: 'connected' | 'disconnected') => void

  constructor(onState: (subscriber: Id<'sub'>, state: 'connected' | 'disconnected') => void) {
    this.#onState = onState
  }

  /**
   * Takes in a link. A process has one link: the same one connecting again has lost its former, whatever TCP thinks. An
   * older process keeps its own, for the calls that it has.
   */
  add(connection: Connection): void {
    const list = this.#bySubscriber.get(connection.subscriber) ?? []
    const wasConnected = list.length > 0
    for (const former of list.filter((c) => c.version === connection.version && c.startedAt <= connection.startedAt)) {
      this.#remove(former)
      former.link.close()
    }
    const rest = this.#bySubscriber.get(connection.subscriber) ?? []
    rest.push(connection)
    rest.sort((a, b) => a.startedAt - b.startedAt)
    this.#bySubscriber.set(connection.subscriber, rest)
    this.#byLink.set(connection.link, connection)
    if (!wasConnected) this.#onState(connection.subscriber, 'connected')
    void connection.link.closed.then(() => {
      if (this.#remove(connection) && !this.#bySubscriber.has(connection.subscriber)) {
        this.#onState(connection.subscriber, 'disconnected')
      }
    })
  }

  all(): IterableIterator<Connection> {
    return this.#byLink.values()
  }

  of(link: Link<GatewayTypes>): Connection | undefined {
    return this.#byLink.get(link)
  }

  /** The one that takes new calls. */
  newest(subscriber: Id<'sub'>): Connection | null {
    return this.#bySubscriber.get(subscriber)?.at(-1) ?? null
  }

  give(call: Id<'call'>, connection: Connection): void {
    this.#byCall.get(call)?.calls.delete(call)
    this.#byCall.set(call, connection)
    connection.calls.add(call)
  }

  /** Who has the call, when it is this subscriber's. */
  holder(subscriber: Id<'sub'>, call: Id<'call'>): Connection | null {
    const connection = this.#byCall.get(call)
    return connection?.subscriber === subscriber ? connection : null
  }

  /** Takes the call away from who has it. */
  take(subscriber: Id<'sub'>, call: Id<'call'>): Connection | null {
    const connection = this.holder(subscriber, call)
    connection?.calls.delete(call)
    if (connection) this.#byCall.delete(call)
    return connection
  }

  /** It asks for this call. Whoever asked first stays the one who is told of its end. */
  make(call: Id<'call'>, connection: Connection): void {
    if (this.#makers.has(call)) return
    this.#makers.set(call, connection)
    connection.made.add(call)
  }

  /** The call has ended, or there is none: whoever had asked for it waits no longer. */
  unmake(subscriber: Id<'sub'>, call: Id<'call'>): Connection | null {
    const maker = this.#makers.get(call)
    if (maker?.subscriber !== subscriber) return null
    this.#makers.delete(call)
    maker.made.delete(call)
    return maker
  }

  #remove(connection: Connection): boolean {
    if (!this.#byLink.delete(connection.link)) return false
    for (const call of connection.calls) this.#byCall.delete(call)
    for (const call of connection.made) this.#makers.delete(call)
    const left = (this.#bySubscriber.get(connection.subscriber) ?? []).filter((c) => c !== connection)
    if (left.length > 0) this.#bySubscriber.set(connection.subscriber, left)
    else this.#bySubscriber.delete(connection.subscriber)
    return true
  }
}
