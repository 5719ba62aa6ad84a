import type { Stream } from '../audio/stream.ts'
import { Call } from './call.ts'
import { headerOf, hostText, type Message } from './message.ts'
import type { PlaceOptions } from './rule.ts'
import { newBranch, newTag, type Retry, type SipSocket } from './socket.ts'

/** A call that the far end places. */
export class OutgoingCall extends Call {
  #options: PlaceOptions
  #branch = newBranch()
  #retry: Retry | null = null
  #invite: Message
  #provisional = false
  #wantsCancel = false

  constructor(id: string, socket: SipSocket, stream: Stream, options: PlaceOptions) {
    super(id, 'out', `${newTag()}@${hostText(socket.address)}`, socket, stream, options.to)
    this.#options = options
    this.tone = options.tone ?? 0
    this.ignoreBye = options.ignoreBye ?? false
    stream.payload = options.payload ?? 0
    const display = options.displayName ? `"${options.displayName}" ` : ''
    this.target = `sip:${options.number}@${hostText(options.to.address)}:${options.to.port}`
    this.local = `${display}<sip:${options.from}@${hostText(socket.address)}>;tag=${newTag()}`
    this.remote = `<sip:${options.number}@${hostText(options.to.address)}>`
    this.#invite = this.inDialog('INVITE', this.#branch, this.sequence)
    this.#invite.headers.push(this.contact(), ['Content-Type', 'application/sdp'], ...(options.headers ?? []))
    this.#invite.body = this.describe()
  }

  start(): void {
    this.socket.expect(this.#branch, 'INVITE', (response) => this.#respond(response))
    this.#retry = this.send(this.#invite, true)
    if (this.#options.cancelAfterMs !== undefined) setTimeout(() => this.cancel(), this.#options.cancelAfterMs)
  }

  /** CANCEL, once there has been a provisional response (RFC 3261 §9.1). */
  cancel(): void {
    if (this.phase !== 'setup') return
    this.#wantsCancel = true
    if (!this.#provisional) return
    const cancel = this.inDialog('CANCEL', this.#branch, 1)
    cancel.uri = this.#invite.uri!
    const retry = this.send(cancel, true)
    this.socket.expect(this.#branch, 'CANCEL', () => retry?.stop())
  }

  #respond(response: Message): void {
    const status = response.status!
    this.note(`< ${status}`)
    this.#retry?.stop()
    if (status < 200) this.#early(response)
    else if (status < 300) this.#answered(response)
    else this.#refused(response)
  }

  #refused(response: Message): void {
    const ack = this.inDialog('ACK', this.#branch, 1)
    ack.uri = this.#invite.uri!
    ack.headers = ack.headers.map(([name, value]) => (name === 'To' ? [name, headerOf(response, 'to')] : [name, value]))
    this.send(ack, false)
    if (this.final) return
    this.#finish(response)
    this.ended('remote', String(response.status), headerOf(response, 'reason'))
  }

  #early(response: Message): void {
    const first = !this.#provisional
    this.#provisional = true
    if (response.body) this.hear(response.body)
    if (first && this.#wantsCancel) this.cancel()
  }

  #answered(response: Message): void {
    if (!this.final) {
      this.#finish(response)
      this.remote = headerOf(response, 'to')
      this.routes = this.recorded(response).reverse()
      this.retarget(response)
      this.hear(response.body)
      this.answered()
      this.up()
      const { hangUpAfterMs } = this.#options
      if (hangUpAfterMs !== undefined) setTimeout(() => this.hangup(), hangUpAfterMs)
      // The CANCEL came too late: what was answered must be hung up (RFC 3261 §9.1).
      if (this.#wantsCancel) setImmediate(() => this.hangup())
    }
    if (!this.#options.neverAck) this.send(this.inDialog('ACK', newBranch(), 1), false)
  }

  #finish(response: Message): void {
    this.final = { status: response.status!, reason: response.reason!, headers: Object.fromEntries(response.headers) }
  }
}
