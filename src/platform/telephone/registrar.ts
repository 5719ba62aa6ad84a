import type { Clock, Id } from '#lib/index.ts'
import type { Binding, TelephoneState } from '#platform/words/index.ts'
import {
  type DigestAlgorithm,
  DigestGuard,
  type HeaderList,
  type Hop,
  type IncomingInvite,
  type IncomingRequest,
  type SipRequest,
} from '#protocol/sip/index.ts'
import { boundContacts, register } from './binding.ts'

const REALM = 'tieline'

/** What a telephone that comes in the clear is told where that is not allowed (RFC 3261 §20.43: for people). */
const TLS_ONLY: HeaderList = [['Warning', '399 tieline "Telephones of this site connect by TLS"']]

export interface RegistrarOptions {
  clock: Clock
  /** The password of a subscriber's telephone; undefined where there is none of this name. */
  password(subscriber: Id<'sub'>, user: string): string | undefined
  /** The bindings of a telephone have changed, none left when empty: for the journal, before the answer leaves. */
  record(subscriber: Id<'sub'>, user: string, bindings: Binding[]): void
  /** By what telephones of this subscriber are asked to show who they are. */
  algorithm(subscriber: Id<'sub'>): DigestAlgorithm
  /** The telephone as which the site's PBX registers; `asked`: it has to prove it to call. */
  pbx(subscriber: Id<'sub'>): { account: string; asked: boolean } | undefined
  /** Whether telephones of this subscriber speak by TLS alone. */
  tlsOnly(subscriber: Id<'sub'>): boolean
  /** Where a telephone is has changed. */
  moved(subscriber: Id<'sub'>): void
  /** A telephone has registered by this connection: it is called by it, and by no other. */
  bind(subscriber: Id<'sub'>, flow: string): void
}

/**
 * The registrar of all sites (RFC 3261 §10.3): telephones show who they are by digest, and say where they are. Tenants
 * share nothing of it: every question names its subscriber.
 */
export class Registrar {
  readonly #options: RegistrarOptions
  readonly #guard: DigestGuard
  readonly #bindings = new Map<Id<'sub'>, Map<string, Binding[]>>()

  constructor(options: RegistrarOptions) {
    this.#options = options
    this.#guard = new DigestGuard({ realm: REALM, clock: options.clock })
  }

  /** What a former process has left. Its connections ended with it, and whoever was there by one has to come again. */
  restore(left: readonly { subscriber: Id<'sub'>; user: string; bindings: Binding[] }[]): void {
    for (const { subscriber, user, bindings } of left)
      this.#set(
        subscriber,
        user,
        bindings.filter(({ hop }) => !hop.bound),
      )
  }

  /** A connection is no more: whoever has registered by it is not there any longer. */
  unbound(subscriber: Id<'sub'>, flow: string): void {
    for (const [user, bindings] of this.#bindings.get(subscriber) ?? []) {
      const left = bindings.filter(({ hop }) => hop.flow !== flow)
      if (left.length === bindings.length) continue
      this.#set(subscriber, user, left)
      this.#options.record(subscriber, user, left)
    }
  }

  /** Answers a REGISTER that came from this subscriber's site. */
  onRegister(subscriber: Id<'sub'>, incoming: IncomingRequest): void {
    const { status, headers } = this.#judge(subscriber, incoming)
    incoming.respond(status, { headers })
  }

  #judge(subscriber: Id<'sub'>, { request, source }: IncomingRequest): { status: number; headers: HeaderList } {
    const verdict = this.recognise(subscriber, request, source)
    if ('status' in verdict) return verdict
    // §10.3 step 4: a telephone says where it is, and not where another one is.
    if (request.to.uri.user !== verdict.user) return { status: 403, headers: [] }
    const wall = this.#options.clock.wall()
    const result = register(this.#live(subscriber, verdict.user), request, source, wall)
    if ('refused' in result) return { status: result.refused, headers: result.headers }
    if (request.list('contact').length > 0) {
      this.#set(subscriber, verdict.user, result.bindings)
      this.#options.record(subscriber, verdict.user, result.bindings)
      const { flow } = source
      if (flow !== undefined && result.bindings.some(({ hop }) => hop.flow === flow)) this.#options.bind(subscriber, flow)
    }
    return { status: 200, headers: boundContacts(result.bindings, wall) }
  }

  /** Which telephone a request is from, or the answer that asks for more, or refuses it. */
  recognise(subscriber: Id<'sub'>, request: SipRequest, source: Hop): { user: string } | { status: number; headers: HeaderList } {
    if (this.#inTheClear(subscriber, source)) return { status: 403, headers: TLS_ONLY }
    const verdict = this.#check(subscriber, request)
    return 'challenge' in verdict ? { status: 401, headers: verdict.challenge } : verdict
  }

  /** Whether the telephone is registered from this address, and by this connection where it came by one. */
  isThere(subscriber: Id<'sub'>, user: string, source: Hop): boolean {
    return this.contacts(subscriber, user).some(({ hop }) => hop.address === source.address && hop.flow === source.flow)
  }

  /**
   * Whether an INVITE may come in under the name that it shows. Who shows the name of a telephone has to prove it; what
   * shows none is the site's PBX, which is asked too where that is so. Refused ones have been answered.
   */
  admits(subscriber: Id<'sub'>, invite: IncomingInvite): boolean {
    const { user } = invite.request.from.uri
    const pbx = this.#options.pbx(subscriber)
    const named = user !== undefined && this.#options.password(subscriber, user) !== undefined
    if (!named && !pbx?.asked) return true
    if (this.#inTheClear(subscriber, invite.source)) {
      invite.refuse(403, { headers: TLS_ONLY })
      return false
    }
    const verdict = this.#check(subscriber, invite.request)
    if ('challenge' in verdict) invite.refuse(401, { headers: verdict.challenge })
    // A PBX vouches for its extensions, also where a telephone of ours has the name of one.
    else if (verdict.user !== user && verdict.user !== pbx?.account) invite.refuse(403)
    else return true
    return false
  }

  /** Whether the subscriber has a telephone of this name, registered or not. */
  knows(subscriber: Id<'sub'>, user: string): boolean {
    return this.#options.password(subscriber, user) !== undefined
  }

  /** Where a telephone is just now, in the order in which it said so. A name that was taken away is nowhere. */
  contacts(subscriber: Id<'sub'>, user: string): { uri: string; hop: Hop; expiresAt: number }[] {
    if (!this.knows(subscriber, user)) return []
    return this.#live(subscriber, user).filter(({ hop }) => !this.#inTheClear(subscriber, hop))
  }

  /** Nothing is asked of it then, not even who it is: an answer to a challenge is what should not be heard. */
  #inTheClear(subscriber: Id<'sub'>, { transport }: Pick<Hop, 'transport'>): boolean {
    return transport !== 'tls' && this.#options.tlsOnly(subscriber)
  }

  /** Those that are registered. */
  list(subscriber: Id<'sub'>): TelephoneState[] {
    const users = [...(this.#bindings.get(subscriber)?.keys() ?? [])]
    return users.flatMap((name) => {
      const told = this.contacts(subscriber, name).map(({ uri, hop, expiresAt }) => ({
        uri,
        source: `${hop.address.includes(':') ? `[${hop.address}]` : hop.address}:${hop.port}`,
        expiresAt: new Date(expiresAt).toISOString(),
      }))
      return told.length > 0 ? [{ name, contacts: told }] : []
    })
  }

  /** Forgets what nobody is told of any more: subscribers that are gone, telephones whose name was taken away. */
  forget(isThere: (subscriber: Id<'sub'>, user: string) => boolean): void {
    for (const [subscriber, users] of this.#bindings) {
      for (const user of users.keys()) {
        if (isThere(subscriber, user)) continue
        this.#set(subscriber, user, [])
        this.#options.record(subscriber, user, [])
      }
    }
  }

  #check(subscriber: Id<'sub'>, request: SipRequest) {
    // One alone: telephones in use fail altogether when they are offered SHA-256 beside MD5 (libre before 2.5, which is baresip of
    // Debian 12). Passwords are 120 random bits and travel inside the tunnel, so that MD5 gives nothing away.
    const algorithms = [this.#options.algorithm(subscriber)]
    return this.#guard.check(request, (user) => this.#options.password(subscriber, user), algorithms)
  }

  #live(subscriber: Id<'sub'>, user: string): Binding[] {
    const wall = this.#options.clock.wall()
    return (
      this.#bindings
        .get(subscriber)
        ?.get(user)
        ?.filter(({ expiresAt }) => expiresAt > wall) ?? []
    )
  }

  #set(subscriber: Id<'sub'>, user: string, bindings: Binding[]): void {
    const users = this.#bindings.get(subscriber) ?? new Map<string, Binding[]>()
    if (bindings.length > 0) users.set(user, bindings)
    else users.delete(user)
    if (users.size > 0) this.#bindings.set(subscriber, users)
    else this.#bindings.delete(subscriber)
    this.#options.moved(subscriber)
  }
}
