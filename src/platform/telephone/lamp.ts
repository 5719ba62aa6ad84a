import type { Clock, Timer } from '#lib/index.ts'
import type { Hop, Subscription } from '#protocol/sip/index.ts'
import { DIALOG_INFO, dialogInfo, type ShownDialog } from './dialog-info.ts'

/** RFC 4235 §3.10: no subscription is told faster than this, ms. */
const PACE_MS = 1000

/** Why a telephone is told nothing more (RFC 6665 §4.1.3). */
export type LampEnd = 'timeout' | 'deactivated' | 'rejected' | 'noresource'

export interface LampOptions {
  clock: Clock
  subscription: Subscription
  /** Whose subscription it is, and where that one was. */
  telephone: string
  source: Hop
  entity: { user: string; host: string }
  /** Of the Event header: which of several of the same dialog. */
  event: string
  /** The dialogs of the user, as they are now. */
  dialogs: ReadonlyMap<string, ShownDialog>
  /** Whether the telephone is still registered where it was. */
  isThere(): boolean
  /** It is over: told once. */
  ended(): void
}

/**
 * One subscription of a telephone to a user of its site: the busy lamp beside a key. Whoever watches is told the newest state, all of
 * it, and no state in between where it changes faster than {@link PACE_MS}; one NOTIFY at a time waits for its answer.
 */
export class Lamp {
  readonly options: LampOptions
  #version = 0
  /** What has been told of and is not known to be over: its direction by its id. */
  #told = new Map<string, ShownDialog['direction']>()
  #sentAt = Number.NEGATIVE_INFINITY
  #waiting = false
  #changed = false
  #pace: Timer | null = null
  #expiry: Timer | null = null
  #expiresAt = 0
  #over = false

  constructor(options: LampOptions) {
    this.options = options
  }

  /** It lasts for so many seconds from now, and the state is told again (RFC 6665 §4.2.1.2). */
  last(seconds: number): void {
    const { clock } = this.options
    this.#expiry?.cancel()
    this.#expiresAt = clock.now() + seconds * 1000
    this.#expiry = clock.after(seconds * 1000, () => this.end('timeout'))
    this.changed()
  }

  /** There is something new, which is told as soon as it may be. */
  changed(): void {
    if (this.#over) return
    this.#changed = true
    if (this.#waiting || this.#pace) return
    const { clock } = this.options
    const early = this.#sentAt + PACE_MS - clock.now()
    if (early <= 0) return void this.#tell()
    this.#pace = clock.after(early, () => {
      this.#pace = null
      if (!this.#waiting) this.#tell()
    })
  }

  /** The last NOTIFY says why; the state goes with it where nothing forbids that. */
  end(reason: LampEnd): void {
    if (this.#over) return
    const told = reason === 'timeout' && this.options.isThere()
    void this.#send(`terminated;reason=${reason}`, told).catch(() => {})
    this.close()
  }

  /** Forgets it; nobody is told. */
  close(): void {
    if (this.#over) return
    this.#over = true
    this.#pace?.cancel()
    this.#expiry?.cancel()
    this.options.subscription.close()
    this.options.ended()
  }

  #tell(): void {
    if (!this.options.isThere()) return void this.close()
    const { clock } = this.options
    this.#changed = false
    this.#waiting = true
    this.#sentAt = clock.now()
    const seconds = Math.max(0, Math.round((this.#expiresAt - clock.now()) / 1000))
    this.#send(`active;expires=${seconds}`, true).then(
      ({ status }) => {
        this.#waiting = false
        // RFC 6665 §4.2.2: whoever refuses to be told is told nothing more.
        if (status >= 300) this.close()
        else if (this.#changed) this.changed()
      },
      () => this.close(),
    )
  }

  #send(state: string, told: boolean) {
    const { subscription, entity, dialogs, event } = this.options
    const headers: [string, string][] = [
      ['Event', event],
      ['Subscription-State', state],
    ]
    if (!told) return subscription.notify({ headers })
    const over = [...this.#told].flatMap(([id, direction]) => (dialogs.has(id) ? [] : [{ id, direction }]))
    const content = dialogInfo({ entity, version: this.#version++, dialogs: dialogs.values(), over })
    this.#told = new Map([...dialogs.values()].map(({ id, direction }) => [id, direction]))
    return subscription.notify({ headers, body: { type: DIALOG_INFO, content } })
  }
}
