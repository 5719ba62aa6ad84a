import type { Id } from '#lib/index.ts'
import { type DialogSnapshot, type Leg, LegMedia, placesIn, type RealmPlaces } from '#platform/switch/index.ts'
import { causeOf } from '#platform/trunk/index.ts'
import { type Instant, instantOf, type Lease, type SubscriberConfig } from '#platform/words/index.ts'
import type { Hop } from '#protocol/sip/index.ts'
import { Answering } from './answering.ts'
import { attend } from './attend.ts'
import { Call } from './call.ts'
import { policyOf, sideOf } from './codecs.ts'
import { joinAudio } from './connect.ts'
import { converse } from './converse.ts'
import { decideWithoutAgent } from './default.ts'
import type { Exchange } from './exchange.ts'
import { liftAll } from './hold.ts'
import { keepMedia } from './media.ts'
import { OF_PAIR } from './pair.ts'
import { ProgressEar } from './progress.ts'
import { run } from './run.ts'
import { type CallSnapshot, type LegSnapshot, readSnapshot } from './snapshot.ts'
import { listenForTones } from './tones.ts'

/** What is listened to behind answers. */
type Heard = Pick<CallSnapshot, 'listening' | 'hearing'>

/** What a held leg may hear. */
const MUSIC: ReadonlySet<string> = new Set(['voice.prompt', 'voice.speech'])

/** What a former process has left in the journal. */
export interface Left {
  leases: readonly Lease[]
  calls: readonly { call: Id<'call'>; state: unknown }[]
  /** The last moment at which the process was proven to live that held this lease. */
  lastProven(lease: Lease): Instant
}

/**
 * Takes up what a former process has left: joined calls are carried on, calls in a verb go back to their agent or to the
 * default route, calls in set-up are ended cleanly. Leases that nobody holds any more end at the last proven moment.
 * Synchronous, so that it is done before the first datagram is read. Answers with the functions of the calls that go on:
 * each waits by itself for what it needs, so that nothing else waits for it.
 */
export function restore(x: Exchange, left: Left): (() => Promise<void>)[] {
  x.registry.restore(left.leases)
  const begun: (() => Promise<void>)[] = []
  const known = new Set<Id<'call'>>()
  for (const { call: id, state } of left.calls) {
    const snapshot = readSnapshot(state, x.sealer)
    const subscriber = snapshot && x.configuration.subscriber(snapshot.subscriber)
    if (!snapshot || !subscriber) {
      x.log.error({ call: id }, 'a call of the journal cannot be taken up')
      x.record({ type: 'call', at: instantOf(x.clock, x.boot), call: id, state: null })
      continue
    }
    known.add(id)
    begun.push(takeUp(x, subscriber, snapshot, left))
  }
  for (const lease of left.leases) {
    // What an agent holds is no call's: host says whether it does still.
    if (lease.call && !known.has(lease.call))
      x.registry.release([lease.id], 'crash', { at: left.lastProven(lease), review: true })
  }
  return begun
}

function takeUp(
  x: Exchange,
  subscriber: SubscriberConfig,
  snapshot: NonNullable<ReturnType<typeof readSnapshot>>,
  left: Left,
): () => Promise<void> {
  const call = new Call(x, subscriber, snapshot.facts)
  call.decided = snapshot.decided
  call.direct = snapshot.direct
  call.answeredAt = snapshot.answeredAt
  for (const leg of snapshot.legs) restoreLeg(call, leg)
  for (const { leg, cause } of snapshot.clearing ?? []) call.event('leg.cleared', { leg: { id: leg }, cause })
  const [a, b] = call.legs
  const joined = snapshot.phase === 'joined' && a?.isConnected && b?.isConnected
  call.phase = joined ? 'joined' : 'verb'
  if (joined) {
    call.pair = [a, b]
    // A transfer that was under way: the two go on as they were.
    for (const leg of call.legs.slice(2)) leg.end(causeOf('switch', 'switch-restart'))
    endVerbs(call, left, snapshot)
    call.event('call.resumed', { data: { phase: 'joined' } })
    call.save()
    return () =>
      run(call, async () => {
        listenAgain(call, snapshot)
        await claimed(call)
        if (call.pair) listenForTones(call, ...call.pair)
        const held = call.holds !== null
        await unheld(call, left)
        if (held) await joinAudio(call, a, b)
        call.end((await converse(call, b)).cause)
      })
  }
  const inVerb = snapshot.phase !== 'setup' && a?.isConnected
  if (inVerb) return () => run(call, () => goOn(call, left, snapshot))
  closeAtLastProven(call, left)
  return () => run(call, async () => call.end(causeOf('switch', 'switch-restart')))
}

/** Resolves when it is known of all its sound whether voice still has it; what voice has lost is moved, or ends its leg. @throws CallOver */
async function claimed(call: Call): Promise<void> {
  const all = [...call.media.values()].map(({ endpoint }) => call.x.voice.settled(endpoint))
  await call.whileUp(Promise.all(all))
}

/** Whoever commanded that a leg is held is not there any more: it is held no longer, and hears no music. */
async function unheld(call: Call, left: Left): Promise<void> {
  if (!call.holds?.size) return
  await claimed(call)
  for (const leg of call.holds.keys()) {
    for (const lease of call.leasesOf(leg)) {
      if (!MUSIC.has(lease.kind)) continue
      call.x.registry.release([lease.id], 'interrupted', { at: left.lastProven(lease) })
    }
  }
  await liftAll(call)
}

/** A call in a verb: what it had beside its caller's leg is over; its agent takes it from here, or the default route. */
async function goOn(call: Call, left: Left, heard: Heard): Promise<void> {
  const { a } = call
  for (const leg of call.legs) if (leg !== a) leg.end(causeOf('switch', 'switch-restart'))
  endVerbs(call, left, heard)
  call.event('call.resumed', { data: { phase: 'verb' } })
  listenAgain(call, heard)
  call.save()
  // Whom it was placed to reach is not being reached any more, and nobody else decides over it.
  if (call.facts.made && !call.decided) return call.end(causeOf('switch', 'switch-restart'))
  await unheld(call, left)
  const departure = await attend(call, 'resumed')
  await decideWithoutAgent(call, departure)
}

/**
 * What a verb had leased beside the sound itself: voice ended it with the process that had asked, but for what listens to a leg
 * that has answered.
 */
function endVerbs(call: Call, left: Left, { listening = [], hearing = [] }: Heard): void {
  const keeps = new Set(['voice.port', 'voice.relay', ...(call.pair ? OF_PAIR : [])])
  const heard = new Set([...listening, ...hearing].map(({ lease }) => lease))
  const verbs = call.x.registry
    .leasesOf(call.id)
    .filter(
      ({ id, leg, kind }) =>
        (leg === undefined || leg === call.a.id) && kind.startsWith('voice.') && !keeps.has(kind) && !heard.has(id),
    )
  for (const lease of verbs) call.x.registry.release([lease.id], 'interrupted', { at: left.lastProven(lease) })
}

/** What listens to who has answered goes on, and where that can't be, nobody will know, and that is told; so does what hears a network's tones. */
function listenAgain(call: Call, { listening = [], hearing = [] }: Heard): void {
  for (const snapshot of listening) Answering.resume(call, snapshot)
  for (const snapshot of hearing) ProgressEar.resume(call, snapshot)
}

/** What was in set-up had its leases until the process died, not until now. */
function closeAtLastProven(call: Call, left: Left): void {
  for (const lease of call.x.registry.leasesOf(call.id)) {
    call.x.registry.release([lease.id], 'switch-restart', { at: left.lastProven(lease) })
  }
}

function restoreLeg(call: Call, snapshot: LegSnapshot): Leg {
  const { facts, dialog } = snapshot
  const leg = call.addLeg(facts)
  leg.description = snapshot.description ?? null
  leg.named = snapshot.named === true
  if (facts.trunk) call.x.gateways.stays(facts.trunk, hopOf(dialog))
  const realm = call.x.realms.ensure(facts.realm, placesOf(call, leg))
  switch (dialog.kind) {
    case 'incoming':
      leg.arrive(realm.agent.restoreIncoming(dialog.incoming))
      break
    case 'outgoing': {
      const invite = realm.agent.restoreOutgoing(dialog.outgoing)
      invite.answered.then(
        (session) => leg.connect(session),
        () => {},
      )
      leg.originate(invite)
      break
    }
    case 'session': {
      const session = realm.agent.restoreSession(dialog.session)
      leg.connect(session)
      leg.listen()
      if (snapshot.held) leg.hold(true)
      if (snapshot.holding) {
        call.holds ??= new Map()
        call.holds.set(leg, { by: 'restart', music: null })
      }
      break
    }
  }
  if (snapshot.media) {
    const endpoint = call.x.voice.adopt(call.id, call.subscriber.id, snapshot.media.endpoint)
    const { codecs, preference, digits } = policyOf(sideOf(call, leg))
    keepMedia(call, leg, new LegMedia(endpoint, { codecs, preference, digits, snapshot: snapshot.media }))
  }
  return leg
}

function hopOf(dialog: DialogSnapshot): Hop {
  if (dialog.kind === 'session') return dialog.session.hop
  return dialog.kind === 'incoming' ? dialog.incoming.source : dialog.outgoing.hop
}

/** Where the switch stands in a realm by configuration; the socket itself may still be on its way. */
function placesOf(call: Call, leg: Leg): RealmPlaces {
  const { sip, siteSipPort } = call.x.config
  if (leg.facts.realm !== 'node') return placesIn(call.subscriber.channel, siteSipPort)
  const { address, port, tls } = sip
  return { local: { address, port, ...(tls ? { tlsPort: tls.port } : {}) } }
}
