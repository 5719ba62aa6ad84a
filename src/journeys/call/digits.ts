import type { Leg } from '#platform/switch/index.ts'
import type { DigitPolicy, VerbMethods } from '#platform/words/index.ts'
import { EVENT_KEYS, type KeyWay, type Press } from '#protocol/rtp/index.ts'
import type { IncomingRequest } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import { keysOf, type LegKeys } from './keys.ts'
import { verbError } from './over.ts'

/** How long a digit of ours lasts, and the pause behind it, in ms. */
const TONE = { onMs: 160, offMs: 80 }

/** Presses that may wait for those before them, which is a quarter of a minute of keys. */
const MOST_WAITING = 64

/** A key in an INFO, by its name or, as some have it, by the number of its event (RFC 4733 §3.2). */
const KEY = '([0-9A-D*#]|1[0-5])'
/** Within its line: a body may be 64 kB of empty ones (PITFALLS F13). */
const RELAYED = new RegExp(`^[ \\t]*Signal[ \\t]*=[ \\t]*${KEY}[ \\t]*$`, 'im')
const BARE = new RegExp(`^\\s*${KEY}\\s*$`, 'i')

/** DTMF in INFO (PITFALLS S51): `Signal=5` of application/dtmf-relay, or the bare digit of application/dtmf. */
export function informed(call: Call, leg: Leg, incoming: IncomingRequest): void {
  const { request } = incoming
  const digit = keyOf(request.contentType, Buffer.from(request.body).toString('latin1'))
  if (digit) {
    incoming.respond(200)
    const key = digitPressed(call, leg, digit, 'info')
    call.media
      .get(leg.id)
      ?.endpoint.informed(digit)
      .catch((error: unknown) => call.log.info({ err: error, leg: leg.id }, 'voice does not learn of a key that an INFO told of'))
    if (key) passOn(call, leg, key)
  } else if (request.body.length === 0) incoming.respond(200)
  else incoming.respond(415, { headers: [['Accept', 'application/dtmf-relay, application/dtmf']] })
}

function keyOf(type: string, text: string): string | undefined {
  const found = type === 'application/dtmf-relay' ? RELAYED.exec(text) : type === 'application/dtmf' ? BARE.exec(text) : null
  const key = found?.[1]?.toUpperCase()
  return key && key.length > 1 ? EVENT_KEYS[Number(key)] : key
}

/**
 * A key of an INFO goes to the other leg. Where voice passes on by itself what the sound tells, that is waited for: the sound is the
 * source then, and the INFO its twin, whichever comes first.
 */
function passOn(call: Call, leg: Leg, key: Press): void {
  const other = joinedTo(call, leg)
  if (!other) return
  if (!soundPasses(call, leg, other)) {
    press(call, other, key.digit)
    return
  }
  const presses = keysOf(call, leg).presses
  const { clock } = call.x
  const now = clock.now()
  clock.after(presses.dueAt(now) - now, () => {
    const still = call.legs.includes(leg) ? joinedTo(call, leg) : undefined
    if (presses.settle(key) && still) press(call, still, key.digit)
  })
}

/** Whether voice passes on by itself what a leg's sound tells of keys: events as events or tones, tones as events, or as the sound that they are. */
function soundPasses(call: Call, leg: Leg, other: Leg): boolean {
  const from = call.media.get(leg.id)
  const to = call.media.get(other.id)?.keysBy
  if (!from || to === undefined || to === 'info') return false
  return from.keysBy === 'events' || from.endpoint.tonesAre === 'taken' || to === 'tones'
}

/** A digit was pressed on a leg, where it is not one that is known already. Its value is for the agent alone: a digit may be a secret. */
function digitPressed(call: Call, leg: Leg, digit: string, way: KeyWay): Press | null {
  const key = keysOf(call, leg).presses.take(way, digit, call.x.clock.now())
  if (!key) return null
  call.event('leg.digits', { leg, data: { count: 1 } })
  if (leg === call.legs[0]) call.x.agents.digit(call.subscriber.id, call.id, digit)
  return key
}

/** A digit heard in a leg's sound, which voice relays by itself, as telephone-event or as tones; by INFO it is told by us (S50). */
export function digitHeard(call: Call, leg: Leg, digit: string): void {
  if (!digitPressed(call, leg, digit, 'sound')) return
  const other = joinedTo(call, leg)
  const way = other && call.media.get(other.id)?.keysBy
  if (other && way === 'info') press(call, other, digit)
  else if (way === 'events' && call.media.get(leg.id)?.endpoint.tonesAre === 'taken') {
    call.log.info({ leg: leg.id }, 'a key that was a tone goes on as telephone-event')
  } else if (other && way === 'tones') note(call, other, way)
}

/** The agent presses keys: towards the leg that it has dialled, else towards the caller. */
export function pressKeys(call: Call, { digits }: VerbMethods['call.dtmf']['params']): null {
  const leg = joinedTo(call, call.a) ?? call.a
  if (!leg.isConnected) throw verbError('invalid-argument', 'nobody is there yet to hear it')
  if (!press(call, leg, digits)) throw verbError('verb-failed', 'so many keys are being pressed already that no more are taken')
  return null
}

/** In the way that the leg takes digits; where its sound passes by us, by INFO. @returns false where too many are on their way */
function press(call: Call, leg: Leg, digits: string): boolean {
  const keys = keysOf(call, leg)
  if (keys.waiting >= MOST_WAITING) {
    call.log.info({ leg: leg.id }, 'a key is not passed on: too many are being pressed')
    return false
  }
  const media = call.media.get(leg.id)
  const way = media?.keysBy ?? 'info'
  if (way !== 'events') note(call, leg, way)
  keys.waiting += 1
  const pressed = media && way !== 'info' ? media.endpoint.dtmf({ digits, ...TONE }) : inform(leg, keys, digits)
  pressed
    .catch((error: unknown) => call.log.warn({ err: error, leg: leg.id }, 'digits could not be sent'))
    .finally(() => {
      keys.waiting -= 1
    })
  return true
}

/** One INFO behind the answer to the one before it: two on their way at once could change places. */
function inform(leg: Leg, keys: LegKeys, digits: string): Promise<void> {
  keys.informed = keys.informed.then(async () => {
    for (const digit of digits) {
      const body = { type: 'application/dtmf-relay', content: `Signal=${digit}\r\nDuration=${TONE.onMs}\r\n` }
      await leg.session?.request('INFO', { body }).catch(() => {}) // the leg's end says it
    }
  })
  return keys.informed
}

function note(call: Call, leg: Leg, way: DigitPolicy): void {
  call.log.info({ leg: leg.id, way }, 'keys go to a far end that takes no telephone-events')
}

function joinedTo(call: Call, leg: Leg): Leg | undefined {
  if (call.phase !== 'joined') return undefined
  return call.legs.find((candidate) => candidate !== leg && candidate.isConnected)
}
