import type { Clock, Id } from '#lib/index.ts'
import type { HeaderList, Hop, IncomingRequest, IncomingSubscribe, SipRequest } from '#protocol/sip/index.ts'
import { DIALOG_INFO, type ShownDialog } from './dialog-info.ts'
import { Lamp } from './lamp.ts'

/** Seconds that a subscription lasts: no longer than a telephone may be left in the dark by a switch that has died. */
const LEAST_SECONDS = 30
const MOST_SECONDS = 300

/** Subscriptions of a telephone, as many as a console has keys, and of a site. */
const MOST_OF_TELEPHONE = 128
const MOST_OF_SITE = 2000

export interface LampsOptions {
  clock: Clock
  /** Whose request it is, or how it is refused. */
  recognise(subscriber: Id<'sub'>, request: SipRequest, source: Hop): { user: string } | { status: number; headers: HeaderList }
  /** Whether this telephone is registered from there. */
  isThere(subscriber: Id<'sub'>, telephone: string, source: Hop): boolean
  /** Whether the site has a user of this name. */
  isUser(subscriber: Id<'sub'>, name: string): boolean
  /** What there is to be seen of a user whom nobody has watched until now. */
  dialogs(subscriber: Id<'sub'>, user: string): Iterable<ShownDialog>
}

/** A user whom somebody watches. */
interface Watched {
  dialogs: Map<string, ShownDialog>
  lamps: Set<Lamp>
}

/**
 * The dialog event package (RFC 4235, RFC 6665) for the telephones of all sites: each is told of the users of its own. Every question
 * names its subscriber, and no map holds two of them.
 */
export class Lamps {
  readonly #options: LampsOptions
  readonly #sites = new Map<Id<'sub'>, Map<string, Watched>>()

  constructor(options: LampsOptions) {
    this.#options = options
  }

  /** Answers a SUBSCRIBE that came from this subscriber's site. */
  onSubscribe(subscriber: Id<'sub'>, incoming: IncomingSubscribe): void {
    const { request, source } = incoming
    const judged = this.#judge(subscriber, request, source)
    if ('status' in judged) return void incoming.refuse(judged.status, { headers: judged.headers ?? [] })
    const { telephone, event, seconds } = judged
    const { user = '', host } = request.target
    if (!this.#options.isUser(subscriber, user)) return void incoming.refuse(404)
    const own = [...this.#lampsOf(subscriber)]
    const full =
      own.length >= MOST_OF_SITE || own.filter(({ options }) => options.telephone === telephone).length >= MOST_OF_TELEPHONE
    if (full) return void incoming.refuse(403, { headers: [['Warning', '399 tieline "Too many subscriptions"']] })
    const watched = this.#watch(subscriber, user)
    const subscription = incoming.accept([['Expires', String(seconds)]])
    const lamp = new Lamp({
      ...{ clock: this.#options.clock, subscription, telephone, source, event },
      ...{ entity: { user, host }, dialogs: watched.dialogs },
      isThere: () => this.#options.isThere(subscriber, telephone, source),
      ended: () => this.#forget(subscriber, user, lamp),
    })
    watched.lamps.add(lamp)
    const onRefresh = (refresh: IncomingRequest) => this.#onRefresh(subscriber, lamp, refresh)
    subscription.onRefresh = onRefresh
    // RFC 6665 §4.4.3: whoever asks for no time is told once.
    if (seconds === 0) lamp.end('timeout')
    else lamp.last(seconds)
  }

  /** Whether anybody watches this user of a subscriber's. */
  watched(subscriber: Id<'sub'>, user: string): boolean {
    return this.#sites.get(subscriber)?.has(user) === true
  }

  /** A dialog of a user is so now; null where there is nothing to be seen of it any more. */
  show(subscriber: Id<'sub'>, user: string, id: string, dialog: ShownDialog | null): void {
    const watched = this.#sites.get(subscriber)?.get(user)
    if (!watched) return
    const known = watched.dialogs.get(id)
    if (dialog ? known && same(known, dialog) : !known) return
    if (dialog) watched.dialogs.set(id, dialog)
    else watched.dialogs.delete(id)
    for (const lamp of watched.lamps) lamp.changed()
  }

  /** Registrations or users have changed: whoever is not there any more is told nothing more, and nobody of who is not. */
  check(subscriber: Id<'sub'>): void {
    for (const [user, { lamps }] of [...(this.#sites.get(subscriber) ?? [])]) {
      const known = this.#options.isUser(subscriber, user)
      for (const lamp of [...lamps]) {
        const { isThere, telephone } = lamp.options
        if (!this.#options.isUser(subscriber, telephone)) lamp.end('rejected')
        else if (!known) lamp.end('noresource')
        else if (!isThere()) lamp.end('timeout')
      }
    }
  }

  checkAll(): void {
    for (const subscriber of [...this.#sites.keys()]) this.check(subscriber)
  }

  /** The site's namespace is gone, and with it whoever could be told. */
  gone(subscriber: Id<'sub'>): void {
    for (const lamp of [...this.#lampsOf(subscriber)]) lamp.close()
  }

  /** This switch stops: all are told to subscribe anew at once, which the next one answers. */
  close(): void {
    for (const subscriber of [...this.#sites.keys()]) for (const lamp of [...this.#lampsOf(subscriber)]) lamp.end('deactivated')
  }

  #onRefresh(subscriber: Id<'sub'>, lamp: Lamp, incoming: IncomingRequest): void {
    const { request, source } = incoming
    const judged = this.#judge(subscriber, request, source)
    if ('status' in judged) return void incoming.respond(judged.status, { headers: judged.headers ?? [] })
    if (judged.telephone !== lamp.options.telephone) return void incoming.respond(403)
    if (judged.event !== lamp.options.event) return void incoming.respond(489, { headers: ALLOWED })
    incoming.respond(200, { headers: [['Expires', String(judged.seconds)]] })
    if (judged.seconds === 0) lamp.end('timeout')
    else lamp.last(judged.seconds)
  }

  /** Who asks for how long, or the answer that refuses it. */
  #judge(
    subscriber: Id<'sub'>,
    request: SipRequest,
    source: Hop,
  ): { telephone: string; event: string; seconds: number } | { status: number; headers?: HeaderList } {
    const who = this.#options.recognise(subscriber, request, source)
    if ('status' in who) return who
    if (request.from.uri.user !== who.user || !this.#options.isThere(subscriber, who.user, source)) return { status: 403 }
    const event = eventOf(request.header('event') ?? '')
    if (!event) return { status: 489, headers: ALLOWED }
    const accepts = request.list('accept').map((type) => type.replace(/;.*/, '').trim().toLowerCase())
    if (accepts.length > 0 && !accepts.some((type) => TAKEN.has(type))) return { status: 406 }
    const text = request.header('expires')
    const asked = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : MOST_SECONDS
    if (asked > 0 && asked < LEAST_SECONDS) return { status: 423, headers: [['Min-Expires', String(LEAST_SECONDS)]] }
    return { telephone: who.user, event, seconds: Math.min(asked, MOST_SECONDS) }
  }

  #watch(subscriber: Id<'sub'>, user: string): Watched {
    const site = this.#sites.get(subscriber) ?? new Map<string, Watched>()
    this.#sites.set(subscriber, site)
    const known = site.get(user)
    if (known) return known
    const dialogs = new Map([...this.#options.dialogs(subscriber, user)].map((dialog) => [dialog.id, dialog]))
    const watched = { dialogs, lamps: new Set<Lamp>() }
    site.set(user, watched)
    return watched
  }

  #forget(subscriber: Id<'sub'>, user: string, lamp: Lamp): void {
    const site = this.#sites.get(subscriber)
    const watched = site?.get(user)
    watched?.lamps.delete(lamp)
    if (watched?.lamps.size === 0) site?.delete(user)
    if (site?.size === 0) this.#sites.delete(subscriber)
  }

  *#lampsOf(subscriber: Id<'sub'>): Generator<Lamp> {
    for (const { lamps } of this.#sites.get(subscriber)?.values() ?? []) yield* lamps
  }
}

const ALLOWED: HeaderList = [['Allow-Events', 'dialog']]

const TAKEN: ReadonlySet<string> = new Set([DIALOG_INFO, 'application/*', '*/*'])

/** The Event of our NOTIFY (RFC 6665 §8.2.1: with the `id` that it came with); null for another package. */
function eventOf(header: string): string | null {
  const [name = '', ...params] = header.split(';').map((part) => part.trim())
  if (name.toLowerCase() !== 'dialog') return null
  const id = params.find((param) => /^id=[\w.!%*+`'~-]{1,64}$/i.test(param))
  return id ? `dialog;${id}` : 'dialog'
}

function same(one: ShownDialog, other: ShownDialog): boolean {
  return (
    one.state === other.state &&
    one.dialog?.remoteTag === other.dialog?.remoteTag &&
    one.dialog?.localTag === other.dialog?.localTag
  )
}
