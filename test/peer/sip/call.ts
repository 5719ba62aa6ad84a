import type { Stream } from '../audio/stream.ts'
import { now } from '../clock.ts'
import { cseqOf, headerOf, headersOf, hostOf, hostText, type Message, tagOf, uriOf, userOf } from './message.ts'
import type { CallPhase, CallReport } from './rule.ts'
import { readSdp, writeSdp } from './sdp.ts'
import { type Hop, newBranch, type SipSocket } from './socket.ts'

/** A call as one end of it sees it: what is common to those that we place and those that come in. */
export class Call {
  readonly id: string
  readonly direction: 'in' | 'out'
  readonly callId: string
  protected readonly socket: SipSocket
  readonly stream: Stream
  phase: CallPhase = 'setup'
  protected timeline: { at: number; what: string }[] = []
  protected final: CallReport['final'] = null
  protected ending: CallReport['ending'] = null
  protected invitedAt = now()
  protected answeredAt: number | null = null
  /** From our side: complete header values with tags, once known. */
  protected local = ''
  protected remote = ''
  protected target = ''
  protected hop: Hop
  /** What requests inside the dialog carry, the next hop first (RFC 3261 §12.1). */
  protected routes: string[] = []
  protected sequence = 1
  protected ignoreBye = false
  protected tone = 0

  constructor(id: string, direction: 'in' | 'out', callId: string, socket: SipSocket, stream: Stream, hop: Hop) {
    this.id = id
    this.direction = direction
    this.callId = callId
    this.socket = socket
    this.stream = stream
    this.hop = hop
  }

  get localTag(): string {
    return tagOf(this.local)
  }

  /** Who was called: a search of the whole URI would find short numbers in addresses, too. */
  get called(): string {
    return userOf(uriOf(this.direction === 'out' ? this.remote : this.local))
  }

  report(): CallReport {
    return {
      call: this.id,
      direction: this.direction,
      callId: this.callId,
      from: uriOf(this.direction === 'out' ? this.local : this.remote),
      to: uriOf(this.direction === 'out' ? this.remote : this.local),
      phase: this.phase,
      timeline: this.timeline,
      final: this.final,
      ending: this.ending,
      invitedAt: this.invitedAt,
      answeredAt: this.answeredAt,
      media: this.stream.report(),
    }
  }

  /** Changes what is sent from now on; 0 is silence. */
  sing(frequency: number): void {
    this.stream.tone.frequency = frequency
  }

  /** Ends an answered call. */
  hangup(): void {
    if (this.phase !== 'up') return
    this.ended('local', 'BYE', '')
    const branch = newBranch()
    const retry = this.send(this.inDialog('BYE', branch), true)
    this.socket.expect(branch, 'BYE', (response) => {
      this.note(`< ${response.status} (BYE)`)
      if (response.status! >= 200) retry?.stop()
    })
  }

  /** A request inside the dialog, from the far end's other side. */
  receive(request: Message, from: Hop): void {
    this.note(`< ${request.method}`)
    if (request.method === 'BYE') {
      if (this.ignoreBye) return
      this.socket.send(this.socket.response(request, 200, 'OK', this.localTag), from)
      this.note('> 200 (BYE)')
      if (this.phase !== 'ended') this.ended('remote', 'BYE', headerOf(request, 'reason'))
    } else if (request.method === 'INVITE') {
      this.hear(request.body)
      const answer = this.socket.response(request, 200, 'OK', this.localTag, [this.contact()], this.describe())
      this.socket.send(answer, from)
    } else if (request.method !== 'ACK') {
      this.socket.send(this.socket.response(request, 200, 'OK', this.localTag), from)
    }
  }

  close(): void {
    this.stream.close()
  }

  protected note(what: string): void {
    this.timeline.push({ at: now(), what })
  }

  protected contact(): [string, string] {
    return ['Contact', `<sip:${this.socket.name}@${hostText(this.socket.address)}:${this.socket.port}>`]
  }

  protected describe(): string {
    const { payload, telephoneEvent } = this.stream
    return writeSdp(
      {
        address: this.socket.address,
        port: this.stream.port,
        payloads: payload === 0 ? [0, 8] : [8, 0],
        telephoneEvent,
        direction: 'sendrecv',
      },
      1,
    )
  }

  /** Takes what the far side's SDP says: where it listens and what it wants to hear. */
  protected hear(body: string): void {
    const audio = readSdp(body)
    if (!audio) return
    this.stream.remote = { address: audio.address, port: audio.port }
    const first = audio.payloads[0]
    if (first === 0 || first === 8) this.stream.payload = first
    if (audio.telephoneEvent !== undefined) this.stream.telephoneEvent = audio.telephoneEvent
  }

  /** The dialog is confirmed: both sides know of the answer. */
  protected up(): void {
    this.phase = 'up'
  }

  /** It is heard from now on. */
  protected answered(): void {
    this.answeredAt = now()
    this.stream.tone.frequency = this.tone
    this.stream.start()
  }

  protected ended(by: 'local' | 'remote', what: string, reason: string): void {
    this.phase = 'ended'
    this.ending = { by, what, reason, at: now() }
    this.stream.close()
  }

  protected inDialog(method: string, branch: string, sequence = ++this.sequence): Message {
    return {
      method,
      uri: this.target,
      headers: [
        this.socket.via(branch),
        ...this.routes.map((route): [string, string] => ['Route', route]),
        ['Max-Forwards', '70'],
        ['From', this.local],
        ['To', this.remote],
        ['Call-ID', this.callId],
        ['CSeq', `${sequence} ${method}`],
        ['User-Agent', this.socket.name],
      ],
      body: '',
    }
  }

  /** Sends a request of this call; with `repeat` until the returned retry is stopped. */
  protected send(message: Message, repeat: boolean) {
    this.note(`> ${message.method}`)
    if (!repeat) {
      this.socket.send(message, this.hop)
      return null
    }
    return this.socket.repeat(message, this.hop, () => this.note(`no answer to ${message.method}`))
  }

  /** The far side's Contact is where requests go from now on (RFC 3261 §12.2.1.1). */
  protected retarget(message: Message): void {
    const contact = headerOf(message, 'contact')
    if (!contact) return
    this.target = uriOf(contact)
    this.hop = hostOf(this.routes[0] === undefined ? this.target : uriOf(this.routes[0]))
  }

  /** The proxies that want to see what follows, as they stand in the message. */
  protected recorded(message: Message): string[] {
    return headersOf(message, 'record-route').flatMap((value) => value.split(/,\s*(?=<)/))
  }

  /** Asks for the same description again; resolves with the status, after its ACK. */
  async reinvite(): Promise<number> {
    const branch = newBranch()
    const request = this.inDialog('INVITE', branch)
    const { sequence } = this
    request.headers.push(this.contact(), ['Content-Type', 'application/sdp'])
    request.body = this.describe()
    this.note('> INVITE')
    const response = await this.socket.ask(request, this.hop, branch)
    const accepted = response.status! < 300
    // §17.1.1.3, §13.2.2.4: to a refusal by the branch of the INVITE, to an answer by one of its own.
    this.send(this.inDialog('ACK', accepted ? newBranch() : branch, sequence), false)
    return response.status!
  }

  protected isAck(message: Message): boolean {
    return message.method === 'ACK' || cseqOf(message).method === 'ACK'
  }
}
