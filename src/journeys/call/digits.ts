import type { Leg } from '#platform/switch/index.ts'
import type { VerbMethods } from '#platform/words/index.ts'
import type { IncomingRequest } from '#protocol/sip/index.ts'
import type { Call } from './call.ts'
import { verbError } from './over.ts'

/** How long a digit of ours lasts, and the pause behind it, in ms. */
const TONE = { onMs: 160, offMs: 80 }

/** DTMF in INFO (PITFALLS S51): `Signal=5` of application/dtmf-relay, or the bare digit of application/dtmf. */
export function informed(call: Call, leg: Leg, incoming: IncomingRequest): void {
  const { request } = incoming
  const text = Buffer.from(request.body).toString('latin1')
  const relay = request.contentType === 'application/dtmf-relay' && /^\s*Signal\s*=\s*([0-9A-D*#])\s*$/im.exec(text)
  const bare = request.contentType === 'application/dtmf' && /^\s*([0-9A-D*#])\s*$/i.exec(text)
  const digit = (relay || bare || null)?.[1]?.toUpperCase()
  if (digit) {
    incoming.respond(200)
    digitPressed(call, leg, digit)
    sendDigit(call, leg, digit)
  } else if (request.body.length === 0) incoming.respond(200)
  else incoming.respond(415, { headers: [['Accept', 'application/dtmf-relay, application/dtmf']] })
}

/** A digit was pressed on a leg. Its value is for the agent alone: a digit may be a secret. */
export function digitPressed(call: Call, leg: Leg, digit: string): void {
  call.event('leg.digits', { leg, data: { count: 1 } })
  if (leg === call.legs[0]) call.x.agents.digit(call.subscriber.id, call.id, digit)
}

/** A digit heard as a telephone-event, which voice relays by itself to a leg that has negotiated them; others get INFO (S50). */
export function digitHeard(call: Call, leg: Leg, digit: string): void {
  digitPressed(call, leg, digit)
  const other = joinedTo(call, leg)
  if (other && !call.media.get(other.id)?.takesDigits) sendDigit(call, leg, digit)
}

/** The agent presses keys: towards the leg that it has dialled, else towards the caller. */
export function pressKeys(call: Call, { digits }: VerbMethods['call.dtmf']['params']): null {
  const leg = joinedTo(call, call.a) ?? call.a
  if (!leg.isConnected) throw verbError('invalid-argument', 'nobody is there yet to hear it')
  press(call, leg, digits)
  return null
}

function sendDigit(call: Call, leg: Leg, digit: string): void {
  const other = joinedTo(call, leg)
  if (other) press(call, other, digit)
}

/** In the way that the leg takes digits. */
function press(call: Call, leg: Leg, digits: string): void {
  const media = call.media.get(leg.id)
  if (media?.takesDigits) {
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

function joinedTo(call: Call, leg: Leg): Leg | undefined {
  if (call.phase !== 'joined') return undefined
  return call.legs.find((candidate) => candidate !== leg && candidate.isConnected)
}
