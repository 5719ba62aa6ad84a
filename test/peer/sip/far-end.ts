import { Pacer } from '../audio/pacer.ts'
import { Stream } from '../audio/stream.ts'
import type { Call } from './call.ts'
import { IncomingCall } from './incoming.ts'
import { headerOf, type Message, tagOf, userOf } from './message.ts'
import { OutgoingCall } from './outgoing.ts'
import type { CallReport, PlaceOptions, Rule } from './rule.ts'
import { type Hop, SipSocket } from './socket.ts'

/** A carrier, a PBX or a telephone: places calls, and treats those that come in by its rules. */
export class FarEnd {
  readonly socket: SipSocket
  /** Told of each call that comes in. */
  onCall: (report: CallReport) => void = () => {}
  rules: Rule[] = []
  #calls = new Map<string, Call>()
  #pacer = new Pacer()
  #watched: readonly number[]
  #next = 1

  private constructor(socket: SipSocket, watched: readonly number[]) {
    this.socket = socket
    this.#watched = watched
    socket.onRequest = (request, from) => void this.#receive(request, from)
  }

  /** `watched` are the frequencies, in Hz, that its ears can tell apart. */
  static async open(options: { address: string; port: number; name: string; watched: readonly number[] }): Promise<FarEnd> {
    return new FarEnd(await SipSocket.open(options.address, options.port, options.name), options.watched)
  }

  get calls(): Call[] {
    return [...this.#calls.values()]
  }

  call(id: string): Call {
    const call = this.#calls.get(id)
    if (!call) throw new Error(`${this.socket.name} has no call ${id}`)
    return call
  }

  /** All that it is asked from now on by this method, oldest first; it treats that as before. */
  requests(method: string): Message[] {
    const asked: Message[] = []
    const receive = this.socket.onRequest
    this.socket.onRequest = (message, from) => {
      if (message.method === method) asked.push(message)
      receive(message, from)
    }
    return asked
  }

  async place(options: PlaceOptions): Promise<OutgoingCall> {
    const call = new OutgoingCall(this.#id(), this.socket, await this.#stream(), options)
    this.#calls.set(call.id, call)
    call.start()
    return call
  }

  close(): void {
    for (const call of this.#calls.values()) call.close()
    this.socket.close()
  }

  #id(): string {
    return `${this.socket.name}-${this.#next++}`
  }

  #stream(): Promise<Stream> {
    return Stream.open(this.socket.address, this.#pacer, this.#watched)
  }

  /** INVITEs whose stream is being opened: their retransmissions must not make a second call. */
  #opening = new Set<string>()

  async #receive(request: Message, from: Hop): Promise<void> {
    const callId = headerOf(request, 'call-id')
    const tag = tagOf(headerOf(request, 'to'))
    const known = this.calls.find((call) => call.callId === callId && (!tag || call.localTag === tag))
    if (known) return known.receive(request, from)
    if (request.method === 'INVITE' && !tag) {
      if (this.#opening.has(callId)) return
      this.#opening.add(callId)
      const rule = this.#rule(userOf(request.uri ?? ''))
      const call = new IncomingCall(this.#id(), this.socket, await this.#stream(), request, from, rule)
      this.#calls.set(call.id, call)
      this.#opening.delete(callId)
      call.start()
      this.onCall(call.report())
    } else if (request.method === 'OPTIONS') {
      this.socket.send(
        this.socket.response(request, 200, 'OK', 'options', [['Allow', 'INVITE, ACK, CANCEL, BYE, OPTIONS']]),
        from,
      )
    } else if (request.method !== 'ACK') {
      this.socket.send(this.socket.response(request, 481, 'Call/Transaction Does Not Exist', 'unknown'), from)
    }
  }

  #rule(user: string): Rule {
    return this.rules.find((rule) => rule.user === user) ?? this.rules.find((rule) => rule.user === '*') ?? { user, does: 404 }
  }
}
