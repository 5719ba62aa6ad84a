import type { Leg } from '#platform/switch/index.ts'
import type { DigitPolicy, VerbMethods } from '#platform/words/index.ts'
import type { IncomingRequest } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import { verbError } from './over.ts'
import { type KeyWay, type Press, Presses } from './presses.ts'

/** How long a digit of ours lasts, and the pause behind it, in ms. */
const TONE = { onMs: 160, offMs: 80 }

/** Ms within which a telephone-event begins, and is known here, of which an INFO of the same key has come. */
const EVENT_MS = 150

/** Within its line: a body may be 64 kB of empty ones (PITFALLS F13). */
const SIGNAL = /^[ \t]*Signal[ \t]*=[ \t]*([0-9A-D*#])[ \t]*$/im

/** DTMF in INFO (PITFALLS S51): `Signal=5` of application/dtmf-relay, or the bare digit of application/dtmf. */
export function informed(call: Call, leg: Leg, incoming: IncomingRequest): void {
  const { request } = incoming
  const text = Buffer.from(request.body).toString('latin1')
  const relay = request.contentType === 'application/dtmf-relay' && SIGNAL.exec(text)
  const bare = request.contentType === 'application/dtmf' && /^\s*([0-9A-D*#])\s*$/i.exec(text)
  const digit = (relay || bare || null)?.[1]?.toUpperCase()
  if (digit) {
    incoming.respond(200)
    const key = digitPressed(call, leg, digit, 'info')
    // One that has agreed on telephone-events may be telling of the same key by one, which voice relays by itself.
    if (key && call.media.get(leg.id)?.keysBy === 'events') call.x.clock.after(EVENT_MS, () => passOn(call, leg, key))
    else if (key) passOn(call, leg, key)
  } else if (request.body.length === 0) incoming.respond(200)
  else incoming.respond(415, { headers: [['Accept', 'application/dtmf-relay, application/dtmf']] })
}

/** A key of an INFO goes to the other leg, where voice does not relay it, since the sound tells of it too. */
function passOn(call: Call, leg: Leg, { alone, digit }: Press): void {
  const other = joinedTo(call, leg)
  if (!other || !call.legs.includes(leg)) return
  if (alone || call.media.get(other.id)?.keysBy === 'info') press(call, other, digit)
}

export function pressesOf(call: Call, leg: Leg): Presses {
  let presses = call.presses.get(leg)
  if (!presses) {
    presses = new Presses()
    call.presses.set(leg, presses)
  }
  return presses
}

/** A digit was pressed on a leg, where it is not one that is known already. Its value is for the agent alone: a digit may be a secret. */
function digitPressed(call: Call, leg: Leg, digit: string, way: KeyWay): Press | null {
  const key = pressesOf(call, leg).take(way, digit, call.x.clock.now())
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
  else if (other && way === 'tones') note(call, other, way)
}

/** The agent presses keys: towards the leg that it has dialled, else towards the caller. */
export function pressKeys(call: Call, { digits }: VerbMethods['call.dtmf']['params']): null {
  const leg = joinedTo(call, call.a) ?? call.a
  if (!leg.isConnected) throw verbError('invalid-argument', 'nobody is there yet to hear it')
  press(call, leg, digits)
  return null
}

/** In the way that the leg takes digits; where its sound passes by us, by INFO. */
function press(call: Call, leg: Leg, digits: string): void {
  const media = call.media.get(leg.id)
  const way = media?.keysBy ?? 'info'
  if (way !== 'events') note(call, leg, way)
  if (media && way !== 'info') {
    media.endpoint.dtmf({ digits, ...TONE }).catch((error: unknown) => {
      call.log.warn({ err: error, leg: leg.id }, 'digits could not be sent')
    })
    return
  }
  for (const digit of digits) {
    const body = { type: 'application/dtmf-relay', content: `Signal=${digit}\r\nDuration=${TONE.onMs}\r\n` }
    leg.session?.request('INFO', { body }).catch(() => {}) // the leg's end says it
  }
}

function note(call: Call, leg: Leg, way: DigitPolicy): void {
  call.log.info({ leg: leg.id, way }, 'keys go to a far end that takes no telephone-events')
}

function joinedTo(call: Call, leg: Leg): Leg | undefined {
  if (call.phase !== 'joined') return undefined
  return call.legs.find((candidate) => candidate !== leg && candidate.isConnected)
}
