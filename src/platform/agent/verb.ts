import { isId, TielineError } from '#lib/index.ts'
import type { VerbMethods } from '#platform/words/index.ts'
import { TONE_COUNTRIES, TONE_NAMES, type ToneName } from '#protocol/audio/index.ts'

export type VerbName = keyof VerbMethods

/** What a field may be. A check answers the sentence that says what is wrong, or null. */
type Check = (value: unknown) => string | null

const text =
  (max: number): Check =>
  (v) =>
    typeof v === 'string' && v.length > 0 && v.length <= max ? null : `is text of 1 to ${max} characters`
const count =
  (min: number, max: number): Check =>
  (v) =>
    Number.isInteger(v) && (v as number) >= min && (v as number) <= max ? null : `is a whole number from ${min} to ${max}`
const seconds =
  (max: number): Check =>
  (v) =>
    typeof v === 'number' && v >= 0 && v <= max ? null : `is a number of seconds from 0 to ${max}`
const share: Check = (v) => (typeof v === 'number' && v >= 0 && v <= 1 ? null : 'is a number from 0 to 1')
const transcript: Check = (v) => (v === '' ? null : text(20_000)(v))
const flag: Check = (v) => (typeof v === 'boolean' ? null : 'is true or false')
const key: Check = (v) => (typeof v === 'string' && /^[0-9A-D*#]$/.test(v) ? null : 'is one of 0-9, A-D, * and #')
const shownNumber: Check = (v) =>
  typeof v === 'string' && /^[+\d*# ().-]{1,32}$/.test(v) ? null : 'is a telephone number of up to 32 characters'
const recordSides: Check = (v) => (v === 'mono' || v === 'stereo' ? null : 'is mono or stereo')
const callId: Check = (v) => (isId('call', v) ? null : 'is the id of a call')
const coachId: Check = (v) => (v === 'none' ? null : callId(v))
const keys: Check = (v) => (typeof v === 'string' && /^[0-9A-D*#]{1,64}$/.test(v) ? null : 'is 1 to 64 of 0-9, A-D, * and #')
const held: Check = (v) => (v === 'caller' || v === 'dialled' ? null : 'is caller or dialled')
const slot: Check = (v) =>
  typeof v === 'string' && /^\*?\d{1,6}$/.test(v) ? null : 'is 1 to 6 digits, with or without a star before them'
const streamRate: Check = (v) => ([8000, 16_000, 24_000, 48_000].includes(v as number) ? null : 'is 8000, 16000, 24000 or 48000')
const via: Check = (v) => (v === 'channel' || v === 'trunk' ? null : 'is channel or trunk')

const tone: Check = (v) => {
  const wrong = 'is a list of 1 to 16 of { frequencies, onMs, offMs }'
  if (!Array.isArray(v) || v.length === 0 || v.length > 16) return wrong
  const ms = count(0, 60_000)
  for (const part of v) {
    const { frequencies, onMs, offMs } = part ?? {}
    if (!Array.isArray(frequencies) || frequencies.length > 4 || ms(onMs) || ms(offMs)) return wrong
    if (!frequencies.every((f) => typeof f === 'number' && f >= 20 && f < 4000)) return 'has frequencies from 20 to 4000 Hz'
  }
  return null
}

const TARGETS: Record<string, Record<string, number>> = {
  pbx: { pbx: 64 },
  user: { user: 64 },
  number: { number: 32 },
  'number trunk': { number: 32, trunk: 64 },
  sip: { sip: 512 },
}

const target: Check = (v) => {
  const wrong = 'is one of { pbx }, { user }, { number }, { trunk, number } and { sip }'
  if (typeof v !== 'object' || v === null) return wrong
  const fields = TARGETS[Object.keys(v).sort().join(' ')]
  if (!fields) return wrong
  // A line break in a target would write headers of its own into the INVITE.
  const wrongOne = Object.entries(v).find(
    ([k, s]) => !(typeof s === 'string' && s !== '' && s.length <= fields[k]! && !/[\s<>\x00-\x1f]/.test(s)),
  )
  return wrongOne ? `has as ${wrongOne[0]} text of 1 to ${fields[wrongOne[0]]} characters, without spaces, < and >` : null
}
const legId: Check = (v) => (isId('leg', v) ? null : 'is the id of a leg')

/** What rings, named by one thing. */
const ALERTING: Record<string, Check> = { user: text(64), call: callId, leg: legId }
const alerting: Check = (v) => {
  const wrong = 'is one of { user }, { call } and { leg }'
  if (typeof v !== 'object' || v === null || Object.keys(v).length !== 1) return wrong
  return Object.entries(v).every(([name, value]) => ALERTING[name]?.(value) === null) ? null : wrong
}

/** Whom a call is for that is placed: somebody, the agent, or what `from` picks up. */
const destination: Check = (v) => {
  if (v === 'agent') return null
  const { pickUp } = (v ?? {}) as { pickUp?: unknown }
  if (pickUp === undefined) return target(v)
  const wrong = Object.keys(v as object).length === 1 ? alerting(pickUp) : 'has nothing beside it'
  return wrong === null ? null : `has a pickUp that ${wrong}`
}

/** One target, or some that are dialled at once or in turn. */
const targets: Check = (v) => {
  if (!Array.isArray(v)) return target(v)
  if (v.length === 0 || v.length > 10) return 'is a list of 1 to 10 targets'
  return v.map(target).find((wrong) => wrong !== null) ?? null
}
const strategy: Check = (v) => (v === 'parallel' || v === 'serial' ? null : 'is parallel or serial')

type Fields = Record<string, Check>

const say: Fields = { language: text(16), voice: text(64), rate: count(50, 400) }

/** What may be heard: one of `file`, `text`, `tone` and `signal`, and what belongs to it. */
const heard: Fields = {
  ...say,
  file: text(256),
  text: text(4096),
  tone,
  signal: (v) => (TONE_NAMES.includes(v as ToneName) ? null : `is one of ${TONE_NAMES.join(', ')}`),
  country: (v) => country(v),
  totalMs: count(1, 3_600_000),
}

const item: Check = (v) => {
  const wrong = 'is one of { file }, { text }, { tone } and { signal }, with what belongs to it'
  if (typeof v !== 'object' || v === null || sourcesOf(v as Record<string, unknown>) !== 1) return wrong
  return Object.entries(v).every(([name, value]) => heard[name]?.(value) === null) ? null : wrong
}

const list: Check = (v) =>
  Array.isArray(v) && v.length > 0 && v.length <= 50 && v.every((one) => item(one) === null)
    ? null
    : 'is a list of 1 to 50 of { file }, { text }, { tone } and { signal }'

const input: Check = (v) =>
  Array.isArray(v) && v.length > 0 && v.length <= 2 && v.every((one) => one === 'digits' || one === 'speech')
    ? null
    : 'is a list of digits, speech or both'

const grammar: Check = (v) =>
  Array.isArray(v) && v.length > 0 && v.length <= 500 && v.every((one) => text(64)(one) === null)
    ? null
    : 'is a list of 1 to 500 phrases of 1 to 64 characters'

const country: Check = (v) => (TONE_COUNTRIES.includes(v as string) ? null : `is one of ${TONE_COUNTRIES.join(', ')}`)

const untilWhen: Check = (v) => (v === 'verdict' || v === 'message-end' ? null : 'is verdict or message-end')

const AMD: Fields = {
  until: untilWhen,
  country,
  timeoutSeconds: seconds(60),
  greetingMs: count(500, 10_000),
  greetingEndMs: count(300, 5000),
  noSpeechMs: count(1000, 30_000),
  messageEndMs: count(500, 10_000),
}

const PROGRESS: Fields = { country, end: flag, afterAnswerSeconds: seconds(30) }

/** An object that has some of these fields, and no others. */
const options =
  (fields: Fields): Check =>
  (v) => {
    if (typeof v !== 'object' || v === null || Array.isArray(v)) return `has some of ${Object.keys(fields).join(', ')}`
    for (const [name, value] of Object.entries(v)) {
      const wrong = fields[name] ? fields[name](value) : 'is not known'
      if (wrong) return `has a ${name} that ${wrong}`
    }
    return null
  }

/** What may be listened for of whoever is called. */
const listened: Fields = { amd: options(AMD), progress: options(PROGRESS) }

/** The fields of each verb beside `call`; those in `required` may not be left out. */
const VERBS: { [V in VerbName]: { required: string[]; fields: Fields } } = {
  'call.answer': { required: [], fields: {} },
  'call.reject': { required: [], fields: { status: count(300, 699), reason: text(128) } },
  'call.ring': { required: [], fields: {} },
  'call.play': {
    required: [],
    fields: { ...heard, list, loop: count(0, 10_000), offsetMs: count(0, 3_600_000), early: flag },
  },
  'call.say': { required: ['text'], fields: { ...say, text: text(4096), early: flag } },
  'call.gather': {
    required: [],
    fields: {
      say: text(4096),
      play: text(256),
      language: text(16),
      minDigits: count(1, 64),
      maxDigits: count(1, 64),
      finishKey: key,
      timeoutSeconds: seconds(600),
      interDigitTimeoutSeconds: seconds(600),
      input,
      grammar,
      speechTimeoutSeconds: seconds(10),
      maxSpeechSeconds: seconds(60),
      bargeIn: flag,
      byProgram: flag,
    },
  },
  'call.heard': { required: [], fields: { speaking: flag, text: transcript, confidence: share, failed: flag } },
  'call.record': {
    required: [],
    fields: { maxSeconds: seconds(14_400), silenceSeconds: seconds(600), finishKey: key, beep: flag },
  },
  'call.dial': {
    required: ['target'],
    fields: {
      target: targets,
      strategy,
      via,
      timeoutSeconds: seconds(600),
      callerId: shownNumber,
      record: recordSides,
      ...listened,
      ring: item,
    },
  },
  'call.stream': { required: [], fields: { rateHz: streamRate, hear: flag, live: flag } },
  'call.pauseRecording': { required: ['paused'], fields: { paused: flag } },
  'call.conference': { required: ['room'], fields: { room: text(64), muted: flag, coach: callId, moderator: flag } },
  'call.seat': { required: [], fields: { muted: flag, coach: coachId } },
  'call.leave': { required: [], fields: {} },
  'call.announce': { required: [], fields: heard },
  'call.pausePlay': { required: ['paused'], fields: { paused: flag } },
  'call.transfer': { required: ['target'], fields: { target, ...listened } },
  'call.hold': { required: [], fields: { party: held, music: item } },
  'call.retrieve': { required: [], fields: { party: held } },
  'call.consult': {
    required: ['target'],
    fields: { target, timeoutSeconds: seconds(600), callerId: shownNumber, music: item, ...listened },
  },
  'call.complete': { required: [], fields: {} },
  'call.join': { required: ['other'], fields: { other: callId } },
  'call.split': { required: [], fields: {} },
  'call.park': { required: ['slot'], fields: { slot, timeoutSeconds: seconds(3600), music: item } },
  'call.pickUp': { required: [], fields: { slot, user: text(64), other: callId, leg: legId } },
  'call.answeredBy': { required: [], fields: { until: untilWhen } },
  'call.dtmf': { required: ['digits'], fields: { digits: keys } },
  'call.make': {
    required: ['from', 'to'],
    fields: { from: target, to: destination, callerId: shownNumber, timeoutSeconds: seconds(300), ...listened },
  },
  'call.hangup': { required: [], fields: { reason: text(128) } },
}

export const VERB_NAMES = Object.keys(VERBS) as VerbName[]

function invalid(verb: VerbName, field: string, wrong: string): TielineError {
  const verdict = { code: 'invalid-argument', fault: 'subscriber', retry: false, http: 422 } as const
  return new TielineError(`${verb}: ${field} ${wrong}`, verdict, { verb, field })
}

/**
 * Checks what an agent sent: a program that may be broken or bent on harm. Answers the parameters with nothing in them
 * that the verb doesn't know; rejects with `invalid-argument`. Whether the call is the agent's own is checked elsewhere.
 */
export function checkVerb<V extends VerbName>(verb: V, params: unknown): VerbMethods[V]['params'] {
  const { required, fields } = VERBS[verb]
  const given = (typeof params === 'object' && params !== null ? params : {}) as Record<string, unknown>
  const checked: Record<string, unknown> = { call: given.call }
  for (const name in fields) {
    const value = given[name]
    if (value === undefined || value === null) {
      if (required.includes(name)) throw invalid(verb, name, 'is missing')
      continue
    }
    const wrong = fields[name]!(value)
    if (wrong) throw invalid(verb, name, wrong)
    checked[name] = value
  }
  if (verb === 'call.play' && sourcesOf(checked) !== 1)
    throw invalid(verb, 'file', 'or text, tone, signal or list, one of them, must be given')
  if (verb === 'call.announce' && sourcesOf(checked) !== 1)
    throw invalid(verb, 'text', 'or file, tone or signal, one of them, must be given')
  // Beside the call itself.
  if (verb === 'call.pickUp' && Object.keys(checked).length !== 2)
    throw invalid(verb, 'slot', 'or user, other or leg, one of them, must be given')
  return checked as VerbMethods[V]['params']
}

function sourcesOf({ file, tone, text, signal, list }: Record<string, unknown>): number {
  return [file, tone, text, signal, list].filter((source) => source !== undefined).length
}
