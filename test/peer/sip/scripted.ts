import { until } from '../clock.ts'
import type { FarEnd } from './far-end.ts'
import { cseqOf, headerOf, headersOf, hostOf, type Message, uriOf } from './message.ts'
import { writeSdp } from './sdp.ts'
import { type Hop, newBranch, newTag, type SipSocket } from './socket.ts'

export interface SdpOptions {
  direction?: 'sendrecv' | 'sendonly' | 'inactive'
  port?: number
  address?: string
  version?: number
  payloads?: number[]
}

export interface Said {
  headers?: [string, string][]
  body?: string
  /** A description of this end as the body. */
  sdp?: SdpOptions
  /** Who calls, in an INVITE that begins a dialog. */
  from?: string
  /** The answer is another fork's, which speaks for this end from now on. */
  tag?: string
}

const SDP: [string, string] = ['Content-Type', 'application/sdp']

/** The dialogs that are played over one socket: each hears what is its own. */
const legs = new WeakMap<SipSocket, ScriptedLeg[]>()

/** One dialog that a test plays message by message, over the socket of a far end, which then does nothing by itself. */
export class ScriptedLeg {
  readonly socket: SipSocket
  /** All that has come, requests and responses, oldest first. */
  readonly heard: Message[] = []
  readonly #taken = new Set<Message>()
  #callId = ''
  #local = ''
  #remote = ''
  #target = ''
  #hop: Hop
  #sequence = 0
  #inviteBranch = ''
  /** The number of its last INVITE. */
  invited = 0
  /** What its Contact says instead of where it is. */
  shown: string | null = null

  private constructor(far: FarEnd, hop: Hop) {
    this.socket = far.socket
    this.#hop = hop
    far.socket.onRequest = (request) => {
      const of = legs.get(far.socket)?.find((leg) => leg.#callId === headerOf(request, 'call-id'))
      const waiting = legs.get(far.socket)?.find((leg) => leg.#callId === '')
      const mine = of ?? (request.method === 'INVITE' ? waiting : undefined)
      void (mine ?? this).heard.push(request)
    }
    legs.set(far.socket, [...(legs.get(far.socket) ?? []), this])
  }

  /** Sends an INVITE. */
  static place(far: FarEnd, to: Hop, number: string, said: Said = {}): ScriptedLeg {
    const leg = new ScriptedLeg(far, to)
    leg.#callId = newTag()
    leg.#local = `<sip:${said.from ?? '+32470123456'}@${far.socket.address}>;tag=${newTag()}`
    leg.#remote = `<sip:${number}@${to.address}>`
    leg.#target = `sip:${number}@${to.address}:${to.port}`
    leg.ask('INVITE', said)
    return leg
  }

  /** Waits for a call that comes in. */
  static await(far: FarEnd): ScriptedLeg {
    return new ScriptedLeg(far, { address: '', port: 0 })
  }

  /** The next message that has not been taken yet and is one of these: `PRACK`, `183`, `200 INVITE`. */
  async next(what: string, ms = 6000): Promise<Message> {
    const [first = '', method] = what.split(' ')
    const repeats = (message: Message) =>
      [...this.#taken].some((t) => t.method && t.method === message.method && headerOf(t, 'via') === headerOf(message, 'via'))
    const fits = (message: Message) =>
      !this.#taken.has(message) &&
      !repeats(message) &&
      (message.method === first || (String(message.status) === first && (!method || cseqOf(message).method === method)))
    const found = await until(what, () => this.heard.find(fits), ms)
    this.#taken.add(found)
    if (found.method === 'INVITE' && this.#callId === '') this.#begin(found)
    if (found.status && found.status > 100 && cseqOf(found).method === 'INVITE') this.#learn(found)
    return found
  }

  /** Its dialog as a Replaces for the one at the other end names it (RFC 3891): the tag of that one, then ours. */
  get replaces(): string {
    const tag = (value: string) => /tag=([^;]+)/.exec(value)?.[1] ?? ''
    return `${this.#callId};to-tag=${tag(this.#remote)};from-tag=${tag(this.#local)}`
  }

  /** How many messages of this kind came, repeats among them. */
  count(what: string | number): number {
    return this.heard.filter((message) => message.method === what || message.status === what).length
  }

  reply(request: Message, status: number, said: Said = {}): void {
    if (said.tag) this.#local = this.#local.replace(/tag=[^;]+/, `tag=${said.tag}`)
    const tag = /tag=([^;]+)/.exec(this.#local)?.[1] ?? ''
    const headers = [...(status > 100 ? [this.contact] : []), ...(said.headers ?? [])]
    const message = this.socket.response(request, status, 'X', tag, headers, this.#bodyOf(said))
    const via = headersOf(request, 'via')[0]!
    this.socket.send(message, hostOf(`sip:${/UDP ([^;]+)/.exec(via)![1]}`))
  }

  /** A request inside the dialog, or the one that begins it. Its answers are among what is heard. */
  ask(method: string, said: Said = {}, sequence = ++this.#sequence): void {
    const branch = newBranch()
    if (method === 'INVITE') {
      this.#inviteBranch = branch
      this.invited = sequence
    }
    this.socket.expect(branch, method, (response) => void this.heard.push(response))
    this.socket.send(this.#request(method, branch, sequence, said), this.#hop)
  }

  /** Acknowledges an answer to an INVITE. */
  ack(answer: Message, said: Said = {}): void {
    const branch = answer.status! < 300 ? newBranch() : this.#inviteBranch
    this.socket.send(this.#request('ACK', branch, cseqOf(answer).number, said), this.#hop)
  }

  /** PRACK for a reliable response. */
  prack(response: Message): void {
    const { number } = cseqOf(response)
    this.ask('PRACK', { headers: [['RAck', `${headerOf(response, 'rseq')} ${number} INVITE`]] })
  }

  /** Takes the NOTIFYs of a REFER of ours until the last (RFC 3515 §2.4.4); gives what they said. */
  async progress(): Promise<string[]> {
    const said: string[] = []
    for (;;) {
      const notify = await this.next('NOTIFY', 4000)
      this.reply(notify, 200)
      said.push(notify.body.trim())
      if (headerOf(notify, 'subscription-state').startsWith('terminated')) return said
    }
  }

  /** A description of ours. */
  sdp(options: SdpOptions = {}): string {
    const { direction = 'sendrecv', port = 30_000, address = this.socket.address, version = 1, payloads = [0] } = options
    return writeSdp({ address, port, payloads, telephoneEvent: 101, direction }, version)
  }

  get contact(): [string, string] {
    return ['Contact', `<${this.shown ?? `sip:x@${this.socket.address}:${this.socket.port}`}>`]
  }

  #bodyOf({ body, sdp }: Said): string {
    return body ?? (sdp ? this.sdp(sdp) : '')
  }

  #request(method: string, branch: string, sequence: number, said: Said): Message {
    const body = this.#bodyOf(said)
    const headers: [string, string][] = [
      this.socket.via(branch),
      ['Max-Forwards', '70'],
      ['From', this.#local],
      ['To', this.#remote],
      ['Call-ID', this.#callId],
      ['CSeq', `${sequence} ${method}`],
      ...(method === 'INVITE' || method === 'UPDATE' ? [this.contact] : []),
      ...(said.headers ?? []),
      ...(body && !said.headers?.some(([name]) => name === 'Content-Type') ? [SDP] : []),
    ]
    return { method, uri: this.#target, headers, body }
  }

  #begin(invite: Message): void {
    this.#callId = headerOf(invite, 'call-id')
    this.#local = `${headerOf(invite, 'to')};tag=${newTag()}`
    this.#remote = headerOf(invite, 'from')
    this.#target = uriOf(headerOf(invite, 'contact'))
    this.#hop = hostOf(this.#target)
  }

  #learn(response: Message): void {
    this.#remote = headerOf(response, 'to')
    const contact = headerOf(response, 'contact')
    if (!contact) return
    this.#target = uriOf(contact)
    this.#hop = hostOf(this.#target)
  }
}
