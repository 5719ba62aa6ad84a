import type { RecognitionEngine, SpeechEngine } from './engine.ts'

/** One end of a call. */
export interface Party {
  /** E.164 with `+`, an extension, or `anonymous`. */
  number: string
  name?: string
  /** The SIP URI as it came. */
  uri?: string
  /** What the carrier says of the caller's right to the number: `TN-Validation-Passed`, `TN-Validation-Failed` or `No-TN-Validation`. */
  verstat?: string
}

/** Who sent a call on before it came, and why: `unconditional`, `user-busy`, `no-answer` … */
export interface Diversion {
  number: string
  reason: string
}

/**
 * Who has answered, as it sounds; `machine-end`: a machine has said its greeting, and listens; `network`: nobody has, and the
 * network says so by a tone behind an answer of its own.
 */
export type AnsweredBy = 'human' | 'machine' | 'machine-end' | 'fax' | 'network' | 'unknown'

/** How it is found out who has answered. Times in ms. */
export interface AmdOptions {
  /** `message-end` goes on behind `machine`, until the machine listens; default `verdict`. */
  until?: 'verdict' | 'message-end'
  /** Whose network's tones may come (ISO 3166-1, lower case); without one those of `progress`, or as most of Europe's. */
  country?: string
  /** Seconds after which it is `unknown`, or `machine-end`; default 30. */
  timeout?: number
  /** A greeting of a person is shorter; default 2400. */
  greetingMs?: number
  /** Silence that ends a greeting; default 800. */
  greetingEndMs?: number
  /** Nothing said for so long is `unknown`; default 5000. */
  noSpeechMs?: number
  /** Silence after which a machine that doesn't beep listens; default 3000. */
  messageEndMs?: number
}

/** What has become known of who has answered. */
export interface Amd {
  answeredBy: AnsweredBy
  /**
   * `short-greeting`, `long-greeting`, `beep`, `silence`, `fax-tone`, `busy-tone`, `congestion-tone`, `special-tone`, `no-speech`,
   * `timeout`, `hangup` or `failed`.
   */
  reason: string
  /** Since it was answered. */
  ms: number
}

/** Which tones of a network are listened for while whoever is called rings with sound of its own, and behind the answer. */
export interface ProgressOptions {
  /** Whose tones (ISO 3166-1, lower case); without one as most of Europe's. */
  country?: string
  /** Whether busy, congestion and the special information tones end it, as a refusal would; default true. */
  end?: boolean
  /** Seconds behind the answer for which they are listened for, too, up to 30: some networks answer, and then say busy. Default 0. */
  afterAnswer?: number
}

/**
 * A tone of the network; `sit` are the three rising tones before an announcement. `ms` since the leg had sound, or, where it is
 * `answered`, since then; such a leg is paid for.
 */
export interface Progress {
  tone: 'dial' | 'ringback' | 'busy' | 'congestion' | 'sit'
  ms: number
  answered?: true
}

/** What is listened for of whoever is called. */
export interface ListenOptions {
  /** Listens to who has answered; the call's `amd` tells. */
  amd?: true | AmdOptions
  /** Listens to the tones of networks that say busy by a tone; the call's `progress` tells. */
  progress?: true | ProgressOptions
}

/** Of a call that the program places itself. `amd` is about whom it is for: `to`, or `from` where the program talks to it. */
export interface MakeCallOptions extends ListenOptions {
  /** One of the office's own numbers, for whoever is called over a trunk. */
  callerId?: string
  /** Seconds that `from` may ring; 30 unless said. */
  timeout?: number
}

/** What became of a call that the program has placed. */
export interface MadeCall {
  /** What `makeCall` gave. */
  call: string
  cause: CallCause
}

/** What rings: at or for a user of the office, the longest of several; a call; one of its legs. */
export type Alerting = { user: string } | { call: string } | { leg: string }

/** Whom a call is for that `makeCall` places: somebody, `call` of the program, or nobody but who takes what rings elsewhere. */
export type Destination = Target | 'agent' | { pickUp: Alerting }

/** Where `dial` may send a call. */
export type Target =
  | { pbx: string } // an extension of the office's PBX
  | { user: string } // a registered telephone or computer of the office
  | { number: string } // an E.164 number, over a trunk
  | { trunk: string; number: string } // over this trunk
  | { sip: string } // a SIP URI in the office's network

/** Which road a leg takes: the private channel to the office, or the carrier's trunk. */
export type Via = 'channel' | 'trunk'

/** Why a call or a leg ended. */
export interface CallCause {
  by: 'caller' | 'callee' | 'agent' | 'operator' | 'switch' | 'network'
  /** `hangup`, `busy`, `no-answer` …; docs/protocols/causes.md of the platform lists them. */
  reason: string
  /** The SIP status, as it came. */
  sip?: number
  /** The cause of Q.850, as it came. */
  q850?: number
  /** For people. */
  text?: string
  /** Until when it holds, where that is known: seconds from then. */
  retryAfterSeconds?: number
}

export interface Tone {
  tone: { frequencies: number[]; onMs: number; offMs: number }[]
  /** Ms in all. */
  totalMs?: number
}

/** What a network says to a caller, as a country's does (ISO 3166-1, lower case); without one as most of Europe's. */
export interface Signal {
  signal: 'dial' | 'ringback' | 'busy' | 'congestion'
  country?: string
  /** Ms in all; one round unless said. */
  totalMs?: number
}

/** Something to be heard. Files are of the bundle: WAV, MP3, Ogg Opus, or raw at 8 kHz (.ulaw, .alaw, .sln). */
export type Heard = { file: string } | ({ text: string } & SpeechOptions) | Tone | Signal

export interface PlayOptions {
  /** Ms of the beginning that are left out. */
  offsetMs?: number
  /** How often; default 1, 0 without end. */
  loop?: number
  /** As early media: the call is not answered by it. */
  early?: boolean
}

export interface SpeechOptions {
  /** `en` (default), `fr`, `nl-BE` … */
  language?: string
  /** One of the platform's voices (espeak-ng), or of the engine's. */
  voice?: string
  /** Words a minute. */
  rate?: number
}

export interface ConferenceOptions {
  /** Hears all and is heard by none. */
  muted?: boolean
  /** Hears all, and is heard by this call alone. */
  coach?: { id: string }
  /** When this call leaves, the conference ends for all. */
  moderator?: boolean
}

export interface SeatOptions {
  muted?: boolean
  coach?: { id: string } | null
}

export interface SayOptions extends SpeechOptions {
  /** Speaks instead of the platform's own, by a stream of the call: the call can have no other meanwhile. It answers the call. */
  engine?: SpeechEngine
  /** As early media: the call is not answered by it. */
  early?: boolean
}

export interface GatherOptions {
  /** What is said, or played from a file, until the first digit. */
  say?: string
  play?: string
  language?: string
  /** Fewer are answered with the reason `too-few`, when the time or the finish key ends the input. */
  minDigits?: number
  maxDigits?: number
  /** Ends the input and is not part of it: one of 0-9, A-D, * and #. None unless said. */
  finishKey?: string
  /** Seconds to wait for the first digit after the prompt; default 5. */
  timeout?: number
  /** Seconds to wait between digits; default what `timeout` is. */
  interDigitTimeout?: number
  /** What is said counts, too; with an engine of your own instead of the platform's. */
  speech?: { engine?: RecognitionEngine }
  /** What counts; default digits alone, and with `speech` both. */
  input?: ('digits' | 'speech')[]
  /** Phrases of which one may be said; for the platform's own recogniser English words and digits. Without it anything may be said, and less is understood. */
  grammar?: string[]
  /** Seconds of silence that end what is said; default 0.8. */
  speechTimeout?: number
  /** Seconds that it may take; default 30. */
  maxSpeech?: number
  /** Whether a voice ends the prompt; default true. A key always does. */
  bargeIn?: boolean
}

export interface StreamOptions {
  /** Samples a second, both ways; default 8000. */
  rate?: 8000 | 16000 | 24000 | 48000
  /** Whether the program hears the caller; default true. */
  hear?: boolean
  /**
   * The program talks live: for sound that is late, up to 60 ms are made up, and what a stall has left in the queue is cut out again,
   * instead of making all that follows late.
   * Default false: all that is written is heard.
   */
  live?: boolean
}

export interface GatherResult {
  digits: string
  /** `no-match`: something was said that was not understood; `too-few`: fewer than `minDigits` when the input ended. */
  reason: 'max-digits' | 'finish-key' | 'timeout' | 'too-few' | 'speech' | 'no-match'
  /** What was said: a phrase as the grammar has it, or words. `confidence` is 0–1, where the engine has a measure. */
  speech?: { text: string; confidence?: number }
}

export interface RecordOptions {
  /** Default 3600. */
  maxSeconds?: number
  /** Seconds of silence that end it; silence does not unless said. */
  silenceSeconds?: number
  /** A key that ends it: one of 0-9, A-D, * and #. */
  finishKey?: string
  /** Whether the caller hears a beep before it begins; default false. */
  beep?: boolean
}

export interface DialOptions extends ListenOptions {
  /** How several targets are called: at once (the default), or one after the other, each with the whole `timeout`. */
  strategy?: 'parallel' | 'serial'
  /** Forces a road; unless said the channel is tried, and the trunk where that is down. */
  via?: Via
  /** Seconds to ring; default 30. */
  timeout?: number
  /** One of the subscriber's own numbers. */
  callerId?: string
  /** Records both sides while they talk; `stereo` has the caller left and the other right. */
  record?: 'mono' | 'stereo'
  /** What the caller hears while it rings, over and over: a file of music, a country's ringback. */
  ring?: string | Heard
}

export interface HoldOptions {
  /** Default: the caller. */
  party?: 'caller' | 'dialled'
  /** What it hears meanwhile, over and over; silence unless said. */
  music?: string | Heard
}

export interface ConsultOptions extends ListenOptions {
  /** Seconds to ring; default 30. */
  timeout?: number
  /** One of the subscriber's own numbers. */
  callerId?: string
  /** What the caller hears meanwhile; silence unless said. */
  music?: string | Heard
}

export interface ParkOptions {
  /** Seconds; default 120. */
  timeout?: number
  /** What the caller hears meanwhile; silence unless said. */
  music?: string | Heard
}

export interface ParkResult {
  reason: 'picked-up' | 'timeout' | 'parked'
  durationSeconds: number
  cause?: CallCause
}

export interface DialResult {
  /** `busy` or `failed` also where a network has answered and said so by a tone (`progress.afterAnswer`). */
  status: 'answered' | 'busy' | 'no-answer' | 'failed' | 'cancelled'
  /** Seconds that the dialled leg was answered. */
  durationSeconds: number
  cause: CallCause
  /** The id of what was recorded. */
  recording?: string
  /** With `amd`: as far as it was known at the end. */
  answeredBy?: AnsweredBy
}

/** Why a resource was refused. */
export interface Refusal {
  kind: string
  /** `class`: the operator denies calls out to numbers of this class; `velocity`, `spend`: they were as many, or cost as much, as `rule` allows; `balance`: what was paid in does not pay for it. */
  limitedBy: 'ceiling' | 'pool' | 'trunk' | 'class' | 'velocity' | 'spend' | 'balance'
  rule?: 'callsPerMinute' | 'callsPerHour' | 'minutesPerDay' | 'spendPerDay' | 'spendPerMonth'
  /** Of the number that was to be called, such as `premium`. */
  class?: string
  limit: number
  inUse: number
  requested: number
  fault: 'subscriber' | 'system'
}
