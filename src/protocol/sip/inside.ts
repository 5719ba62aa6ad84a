import type { RequestParts } from './build.ts'
import type { ClientTransaction, ClientUser } from './client-transaction.ts'
import type { Core, RequestMaker } from './core.ts'
import { type Dialog, requestInside } from './dialog.ts'
import type { SipResponse } from './message.ts'
import type { Hop } from './types.ts'

/** Ms that a server has for its first answer while another one is left (RFC 3263 §4.3). */
const PATIENCE_MS = 1500

export interface InsideRequest extends RequestMaker {
  /** `begun`, where it is there, has to start the transaction; `ms`: at most so long without any answer. */
  readonly user: ClientUser & { begun?(transaction: ClientTransaction, ms?: number): void }
  renumber(): void
}

/** What a request inside a dialog has beyond what all of them have. */
export type Extra = Partial<Pick<RequestParts, 'capable' | 'headers' | 'body' | 'contact'>>

/** A request inside a dialog, with the dialog's next number. */
export class DialogRequest implements InsideRequest {
  readonly user: InsideRequest['user']
  readonly #dialog: Dialog
  readonly #method: string
  readonly #extra: Extra | null
  #sequence: number

  constructor(dialog: Dialog, method: string, user: InsideRequest['user'], extra: Extra | null = null) {
    this.user = user
    this.#dialog = dialog
    this.#method = method
    this.#extra = extra
    this.#sequence = ++dialog.localSequence
  }

  renumber(): void {
    this.#sequence = ++this.#dialog.localSequence
  }

  make(via: string): RequestParts {
    const parts = requestInside(this.#dialog, this.#method, this.#sequence, via)
    if (!this.#extra) return parts
    const { capable = false, headers, body, contact } = this.#extra
    parts.capable = capable
    parts.headers = headers
    parts.body = body
    parts.contact = contact
    return parts
  }
}

/**
 * Sends a request inside a dialog to where it goes now (§12.2.1.1): an address, or the servers of a name one after the other
 * until one of them serves, at which the dialog is from then on.
 */
export function sendInside(core: Core, dialog: Dialog, request: InsideRequest): void {
  const place = core.placeOf(dialog)
  if (!(place instanceof Promise)) {
    begin(request.user, core.newClient(place, request.user, request))
    return
  }
  core.whenFound(place, (places) => {
    const [only] = places
    if (only && places.length === 1) begin(request.user, core.newClient(only, request.user, request))
    else new Tries(core, dialog, places, request).next()
  })
}

function begin(user: InsideRequest['user'], transaction: ClientTransaction, ms?: number): void {
  if (user.begun) user.begun(transaction, ms)
  else transaction.start(ms)
}

/** Stands between a request and its user while there are several servers. */
class Tries implements ClientUser {
  readonly #core: Core
  readonly #dialog: Dialog
  readonly #request: InsideRequest
  readonly #left: Hop[]
  #hop: Hop
  #transaction: ClientTransaction | null = null
  /** The server has said something, if only that it is at work. */
  #lives = false

  constructor(core: Core, dialog: Dialog, places: readonly Hop[], request: InsideRequest) {
    this.#core = core
    this.#dialog = dialog
    this.#request = request
    this.#left = [...places]
    this.#hop = dialog.hop
  }

  next(): void {
    const { user } = this.#request
    this.#hop = this.#left.shift() ?? this.#dialog.hop
    const ms = this.#left.length === 0 ? undefined : PATIENCE_MS
    this.#lives = false
    this.#transaction = this.#core.newClient(this.#hop, this, this.#request)
    begin(user, this.#transaction, ms)
  }

  onResponse(response: SipResponse): void {
    if (response.status === 503 && this.#left.length > 0) {
      this.next()
      return
    }
    // RFC 3263 §4.3: a server fails that has said nothing at all. From its first word on it has the time of any other.
    if (!this.#lives && this.#left.length > 0) this.#transaction?.uncut(PATIENCE_MS)
    this.#lives = true
    this.#dialog.hop = this.#hop
    this.#request.user.onResponse(response)
  }

  onTimeout(): void {
    if (!this.#lives) this.#core.options.silent?.(this.#hop)
    if (!this.#lives && this.#left.length > 0) this.next()
    else this.#request.user.onTimeout()
  }

  replace(send: () => ClientTransaction): boolean {
    const { user } = this.#request
    if (user.replace) return user.replace(send)
    send().start()
    return true
  }
}
