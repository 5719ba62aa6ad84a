import { newId, TielineError } from '#lib/index.ts'
import { ResourceUnavailable } from '#platform/resource/index.ts'
import { type Leg, type LegFacts, type LegMedia, NotAcceptable } from '#platform/switch/index.ts'
import {
  type AttemptEnd,
  causeOf,
  causeOfStatus,
  retryAfterMs,
  type ShownCaller,
  serverUri,
  triesNext,
} from '#platform/trunk/index.ts'
import type { CallCause, CallOut, Demand, LeaseDetail, TrunkConfig } from '#platform/words/index.ts'
import {
  formatNameAddr,
  formatUri,
  type Hop,
  type OutgoingInvite,
  type Session,
  SipFailure,
  type SipResponse,
} from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import { blame } from './codecs.ts'
import { type Hops, hopsOf, type NextHop, silenceOf, tellAlive, tellSilent, untold } from './hops.ts'
import { callerHeaders, type SentOn, saidOn } from './identity.ts'
import { faceFamily } from './media.ts'
import { type Offer, ownOffer, passedOn, prepareMedia } from './offer.ts'
import type { Patience } from './patience.ts'
import { Redirects } from './redirect.ts'
import type { Road } from './road.ts'
import { causeOfError } from './run.ts'
import { Vain } from './vain.ts'

/** What a far end says to an offer that it can't take: RFC 3261 §21.4.26, §21.4.13, §21.6.4. */
const REFUSED_MEDIA: ReadonlySet<number> = new Set([488, 415, 606])

/**
 * What became of one road. `moveOn` says that it does not serve now, so that the next one is worth a try; `refused` is the lease
 * that it was not granted.
 */
export type Attempt =
  | { kind: 'answered'; leg: Leg; session: Session }
  | { kind: 'failed'; leg: Leg | null; cause: CallCause; moveOn: boolean; refused?: ResourceUnavailable }

export interface AttemptOptions {
  call: Call
  road: Road
  shown: ShownCaller
  /** The call out that it is a road of. */
  out: CallOut
  emergency: boolean
  /** The audio of both legs passes by us: the caller's own offer goes out. */
  direct: boolean
  /** Whom it is to talk to, where that is not the call's first leg. */
  listener?: Leg | undefined
  patience: Patience
  /** Nothing else is left where this road does not serve. */
  lastRoad: boolean
  /** The site's users for whose sake it is called. */
  users: readonly string[]
  /** The site's users that have sent the call on, the last one first. */
  sentOn: readonly SentOn[]
  onProvisional(leg: Leg, response: SipResponse): void
  /** Told of its leg, before anything is sent. */
  onLeg?(leg: Leg): void
}

/** Takes one road: leases first, then the leg, then audio, then the INVITE. @throws CallOver */
export async function attempt(options: AttemptOptions): Promise<Attempt> {
  const { call, road, direct, emergency, patience } = options
  const down = road.via === 'channel' && channelTrouble(call)
  if (down) return { kind: 'failed', leg: null, cause: causeOf('network', 'channel-down', down), moveOn: true }
  const resting = road.via === 'trunk' && !emergency ? trunkRests(call, road.trunk) : null
  if (resting) return { kind: 'failed', leg: null, cause: resting, moveOn: true }
  if (road.via === 'trunk' && !emergency && !call.x.pace.take(road.trunk, call.x.clock.now()))
    return { kind: 'failed', leg: null, cause: causeOf('switch', 'trunk-pace'), moveOn: true }
  const id = newId('leg')
  const refused = refusalOf(call, demands(options, id))
  // Another trunk may have a channel left.
  if (refused) return unleased(refused, { moveOn: refused.refusal.limitedBy === 'trunk' })
  const realm = road.via === 'channel' ? call.subscriber.id : 'node'
  const number = road.via === 'channel' ? road.user : road.number
  const facts: LegFacts = { id, direction: 'out', via: road.via, realm, party: { number } }
  if (road.via === 'trunk') facts.trunk = road.trunk.id
  else if (road.telephone) facts.telephone = true
  const leg = call.addLeg(facts)
  leg.users = options.users
  options.onLeg?.(leg)
  call.event('leg.originated', { leg, data: { via: road.via, number } })
  patience.add(leg)
  try {
    const found = hopsOf(call, road, leg, { emergency })
    const hops = found instanceof Promise ? await found : found
    if (!direct) await prepareMedia(call, leg, hops.hops[0]?.hop.address)
    if (leg.cause) return { kind: 'failed', leg, cause: leg.cause, moveOn: false }
    const offer = direct ? passedOn(call, leg) : ownOffer(call, leg, options.listener)
    return await tryHops(options, leg, hops, offer)
  } catch (error) {
    if (!(error instanceof TielineError)) throw error
    if (error instanceof ResourceUnavailable) {
      leg.failed(causeOfError(error))
      return unleased(error, { moveOn: false })
    }
    if (error instanceof NotAcceptable) return fail(leg, causeOf('switch', 'not-acceptable', error.message))
    const unnamed = error.verdict.code === 'name-not-resolved'
    const cause = causeOf('network', unnamed ? 'channel-down' : 'media-lost', error.message)
    leg.failed(cause)
    return { kind: 'failed', leg, cause, moveOn: unnamed }
  } finally {
    patience.remove(leg)
  }
}

function unleased(refused: ResourceUnavailable, { moveOn }: { moveOn: boolean }): Attempt {
  return { kind: 'failed', leg: null, cause: causeOfError(refused), moveOn, refused }
}

/** Leases them, or says why not. */
function refusalOf(call: Call, wanted: readonly Demand[]): ResourceUnavailable | null {
  try {
    call.admit(wanted)
    return null
  } catch (error) {
    if (error instanceof ResourceUnavailable) return error
    throw error
  }
}

/** RFC 3261 §21.5.4: all servers of the trunk have said for how long they can't serve, and are left alone until then. */
function trunkRests(call: Call, trunk: TrunkConfig): CallCause | null {
  const ms = call.x.gateways.restsMs(trunk)
  return ms === 0 ? null : { ...causeOf('network', 'trunk-resting'), retryAfterSeconds: Math.ceil(ms / 1000) }
}

/** Why the channel is not worth an INVITE; false when it is, or when nobody has said anything of it yet. */
function channelTrouble(call: Call): string | false {
  const state = call.x.channelState(call.subscriber.id)
  if (!call.x.realms.get(call.subscriber.id)) return 'The site has no namespace here'
  return state === undefined || state === 'up' ? false : `The channel is ${state}`
}

function demands({ call, road, emergency, direct, out }: AttemptOptions, leg: Leg['id']): Demand[] {
  const kinds: Demand[] = []
  if (road.via === 'trunk') {
    const detail: LeaseDetail = emergency ? { number: road.number, emergency } : { number: road.number }
    kinds.push({ kind: 'trunk.out', count: 1, leg, trunk: road.trunk.id, detail, out })
  } else kinds.push({ kind: 'channel.leg', count: 1, leg })
  if (direct) return kinds
  const mark: LeaseDetail = emergency ? { emergency } : {}
  if (call.originating) return [...kinds, { kind: 'voice.port', count: 1, leg, detail: mark }]
  kinds.push({ kind: 'voice.port', count: 1, leg, detail: mark }, { kind: 'voice.relay', count: 1, leg, detail: mark })
  const { a } = call
  const aHasPort = call.leasesOf(a).some((lease) => lease.kind === 'voice.port')
  if (!aHasPort) kinds.push({ kind: 'voice.port', count: 1, leg: a.id, detail: mark })
  return kinds
}

function fail(leg: Leg, cause: CallCause): Attempt {
  leg.failed(cause)
  return { kind: 'failed', leg, cause, moveOn: false }
}

/**
 * A carrier has sent the call on to this number, and the subscriber pays for where its call goes: the channel is leased anew, past
 * all gates, as if the number had been dialled, and the event tells (PITFALLS F14). Says why it is not granted.
 */
function leaseFor({ call, road, out }: AttemptOptions, leg: Leg, number: string): ResourceUnavailable | null {
  const held = call.leasesOf(leg).find(({ kind }) => kind === 'trunk.out')
  if (road.via !== 'trunk' || held?.detail?.number === number) return null
  if (held) call.x.registry.release([held.id], 'redirected')
  const refused = refusalOf(call, [{ kind: 'trunk.out', count: 1, leg: leg.id, trunk: road.trunk.id, detail: { number }, out }])
  const from = { number: held?.detail?.number ?? road.number }
  if (!refused) call.event('leg.diverted', { leg, data: { from, to: { number }, why: 'redirected' } })
  return refused
}

/**
 * @throws ResourceUnavailable where a far end refuses an offer that was narrow for want of a transcoder, and where none of the numbers
 * that a carrier has sent the call on to may be called
 */
async function tryHops(options: AttemptOptions, leg: Leg, hops: Hops, first: Offer): Promise<Attempt> {
  const { call, road } = options
  let offer = first
  let cause: CallCause | null = null
  let vain: Vain | null = null
  let redirects: Redirects | null = null
  const left = hops.hops
  const count = left.length
  // Of the places that a carrier has named: the first that may not be called, as long as none has been asked.
  let refused: ResourceUnavailable | null = null
  let asked = false
  for (let next = left.shift(); next; next = left.shift()) {
    const why = next.number !== undefined && !options.emergency ? leaseFor(options, leg, next.number) : null
    refused ??= why
    if (why) continue
    asked = true
    if (!options.direct && (await faceFamily(call, leg, next.hop.address))) offer = ownOffer(call, leg, options.listener)
    if (options.direct && call.a.offered !== null) offer = passedOn(call, leg)
    const silenceMs = silenceOf(call, road, { count, isLast: options.lastRoad && left.length === 0 })
    const media = call.media.get(leg.id)
    const said = await ask(options, leg, next, silenceMs, media?.offerAnew() ?? offer.sdp)
    const clear = inClear(media, leg, said)
    const end = clear === null ? said : await ask(options, leg, next, silenceMs, clear)
    const isAnswer = !(end instanceof Error)
    // Where the leg has ended since the answer came, the session ends at once.
    if (isAnswer) leg.connect(end)
    if (leg.cause) return { kind: 'failed', leg, cause: leg.cause, moveOn: false }
    if (isAnswer) {
      tellAlive(call, next)
      return { kind: 'answered', leg, session: end }
    }
    cause = causeOfFailure(end, call.x.realms.get(leg.facts.realm)?.trouble(next.hop))
    const narrow = cause.reason === 'not-acceptable' ? blame(call, offer.choice, new NotAcceptable('refused')) : null
    if (narrow instanceof ResourceUnavailable) throw narrow
    const how = attemptEnd(end)
    tellFailed(call, next, end, how)
    vain ??= new Vain()
    if (triesNext(how)) vain.add(next.hop, { status: how.kind === 'status' ? how.status : null })
    redirects ??= new Redirects(call, road)
    const elsewhere = redirects.follow(end)
    if (elsewhere) {
      // RFC 3261 §8.1.3.4: what it names takes the place of what was left.
      left.splice(0, left.length, ...elsewhere)
      asked = false
      refused = null
    } else if (!triesNext(how) || left.length === 0) {
      if (triesNext(how)) cause = vain.explain(cause, untold(call, road, hops))
      leg.failed(cause)
      return { kind: 'failed', leg, cause, moveOn: movesOn(options, how, cause) }
    }
    call.log.warn({ leg: leg.id, status: cause.sip, left: left.length }, 'a server does not serve: the next one is tried')
  }
  if (refused && !asked) throw refused
  cause ??= causeOf('network', 'no-trunk', ['No address of its gateways is known', ...untold(call, road, hops)].join('; '))
  leg.failed(cause)
  return { kind: 'failed', leg, cause, moveOn: road.via === 'trunk' }
}

/** Tells whoever orders the places of the next call what this one was like. */
function tellFailed(call: Call, next: NextHop, end: Error, how: AttemptEnd): void {
  if (how.kind === 'timeout') tellSilent(call, next)
  const pauseMs = end instanceof SipFailure && end.status === 503 ? retryAfterMs(end.response) : 0
  if (next.server && pauseMs > 0) call.x.gateways.unavailable(next.server, pauseMs)
}

/** A site that says 503 has been reached; a trunk that does so has not, and an emergency call takes no trunk's word for it. */
function movesOn({ road, emergency }: AttemptOptions, how: AttemptEnd, { reason }: CallCause): boolean {
  if (road.via === 'channel') return how.kind !== 'status'
  return triesNext(how) || (emergency && !FINAL_TO_EMERGENCIES.has(reason))
}

/** Said by whoever was called, and not by the network on the way there. */
const FINAL_TO_EMERGENCIES: ReadonlySet<string> = new Set(['busy', 'busy-everywhere', 'declined', 'cancelled'])

/** Sends an offer, and resolves with what that comes to. A leg that ends meanwhile cancels it. */
function ask(options: AttemptOptions, leg: Leg, next: NextHop, silenceMs: number, offer: string): Promise<Session | Error> {
  const invite = sendInvite(options, leg, next, silenceMs, offer)
  leg.originate(invite)
  return invite.answered.catch(asValue)
}

function asValue(error: Error): Error {
  return error
}

/** An offer that can do without the protection that it has asked for, and was refused for it; else null. */
function inClear(media: LegMedia | undefined, leg: Leg, end: Session | Error): string | null {
  const refused = !leg.cause && end instanceof SipFailure && REFUSED_MEDIA.has(end.status)
  return refused ? (media?.offerInClear() ?? null) : null
}

function sendInvite(
  { call, road, shown, sentOn, onProvisional }: AttemptOptions,
  leg: Leg,
  { hop, server, uri: given }: NextHop,
  silenceMs: number,
  offer: string,
): OutgoingInvite {
  const realm = call.x.realms.get(leg.facts.realm)!
  const user = road.via === 'channel' ? road.user : saidOn(road, road.number)
  const uri = given ?? (server ? serverUri(server, user) : uriOf(road, user, hop))
  const host = realm.localFor(hop.address).address
  const caller = formatUri({ user: saidOn(road, shown.number), host })
  return realm.agent.invite({
    uri,
    to: hop,
    from: shown.anonymous ? ANONYMOUS : formatNameAddr({ displayName: shown.name, uri: caller }),
    toHeader: `<${uri}>`,
    maxForwards: call.facts.maxForwards - 1,
    headers: callerHeaders({ call, road, shown, caller, sentOn, host, uri }),
    body: { type: 'application/sdp', content: offer },
    firstResponseMs: silenceMs,
    onResent: () => leg.touch(),
    onProvisional: (response) => {
      if (!leg.cause) onProvisional(leg, response)
    },
  })
}

const ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'

/** Where nobody else says what is asked for. */
function uriOf(road: Road, user: string, { address: host, port, transport }: Hop): string {
  const contact = road.via === 'channel' ? road.contact?.uri : undefined
  return contact ?? formatUri({ user, host, port, ...(transport === 'udp' ? {} : { params: { transport } }) })
}

function attemptEnd(error: Error): AttemptEnd {
  if (!(error instanceof SipFailure)) return { kind: 'transport' }
  return error.reason === 'timeout' ? { kind: 'timeout' } : { kind: 'status', status: error.status }
}

/** `trouble`: why there is no connection to where it was sent. */
function causeOfFailure(error: Error, trouble?: string): CallCause {
  if (!(error instanceof SipFailure)) return causeOf('switch', 'fault')
  if (error.reason === 'timeout') return causeOf('network', 'no-response', trouble && `No answer: ${trouble}`)
  return causeOfStatus(error.status, 'callee', {
    ...(error.response ? { phrase: error.response.reason } : {}),
    reason: error.response?.header('reason'),
  })
}
