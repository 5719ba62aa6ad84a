import type { Id } from '#lib/index.ts'
import type { AnsweredBy, ProgressTone } from '#protocol/audio/index.ts'
import type { CallCause, DialStrategy, Diversion, Party, Target, Via } from './call.ts'
import type { HeardByProgram, StreamRate, Understood } from './voice.ts'

/** A call as its agent first sees it. */
export interface OfferedCall {
  call: Id<'call'>
  from: Party
  to: Party
  /** Whether the caller withheld the number. */
  anonymous: boolean
  /** Who sent the call on before it came here, the last one first. */
  diversions?: Diversion[]
  /** Ms left to decide before the stored default route is taken. */
  deadlineMs: number
  /** The call that its caller, who is connected, was split from. */
  split?: Id<'call'>
}

export interface DialResult {
  status: 'answered' | 'busy' | 'no-answer' | 'failed' | 'cancelled'
  /** Seconds that the dialled leg was answered. */
  durationSeconds: number
  cause: CallCause
  /** What was recorded of both sides. */
  recording?: Id<'rec'>
  /** With `amd`: who has answered, as far as it was known at the end. */
  answeredBy?: AnsweredBy
}

/** How it is found out who has answered: a person, a machine, a fax. Times in ms. */
export interface AmdOptions {
  /** `message-end` goes on behind `machine`, until the machine listens; default `verdict`. */
  until?: 'verdict' | 'message-end'
  /** Whose network's tones may come behind an answer (ISO 3166-1, lower case); without one as most of Europe's. */
  country?: string
  /** After which it is `unknown`, or `machine-end`; default 30. */
  timeoutSeconds?: number
  /** A greeting of a person is shorter; default 2400. */
  greetingMs?: number
  /** Silence that ends a greeting; default 800. */
  greetingEndMs?: number
  /** Nothing said for so long is `unknown`; default 5000. */
  noSpeechMs?: number
  /** Silence after which a machine that doesn't beep listens; default 3000. */
  messageEndMs?: number
}

/** Which tones of a network are listened for while a leg that is called rings with sound of its own, and behind its answer. */
export interface ProgressOptions {
  /** Whose tones (ISO 3166-1, lower case); without one as most of Europe's. */
  country?: string
  /** Whether busy, congestion and the special information tones end the leg, as a status of SIP would; default true. */
  end?: boolean
  /** Seconds behind the answer for which they are listened for, too: some networks answer, and then say busy. Default 0. */
  afterAnswerSeconds?: number
}

/** Something to be heard: one of a file of the bundle, a text, a cadence, and a country's tone; cadence and tone for `totalMs`. */
export interface Heard {
  file?: string
  text?: string
  language?: string
  voice?: string
  rate?: number
  tone?: { frequencies: number[]; onMs: number; offMs: number }[]
  /** What a network says, as `country` (ISO 3166-1) does. */
  signal?: 'dial' | 'ringback' | 'busy' | 'congestion'
  country?: string
  totalMs?: number
}

/** The verbs that an agent may send for a call, with the meanings that TwiML and jambonz gave them. */
export interface VerbMethods {
  'call.answer': { params: { call: Id<'call'> }; result: null }
  'call.reject': { params: { call: Id<'call'>; status?: number; reason?: string }; result: null }
  'call.ring': { params: { call: Id<'call'> }; result: null }
  'call.play': {
    /** `list` is heard in its order; `loop` 0 is without end; the first `offsetMs` are left out. */
    params: { call: Id<'call'>; list?: Heard[]; loop?: number; offsetMs?: number; early?: boolean } & Heard
    result: { playedMs: number }
  }
  'call.say': {
    params: { call: Id<'call'>; text: string; language?: string; voice?: string; rate?: number; early?: boolean }
    result: { playedMs: number }
  }
  'call.gather': {
    params: {
      call: Id<'call'>
      say?: string
      play?: string
      language?: string
      minDigits?: number
      maxDigits?: number
      finishKey?: string
      timeoutSeconds?: number
      interDigitTimeoutSeconds?: number
      /** Default digits alone. */
      input?: ('digits' | 'speech')[]
      /** What may be said, and nothing else; without it anything. */
      grammar?: string[]
      speechTimeoutSeconds?: number
      maxSpeechSeconds?: number
      bargeIn?: boolean
      /** The program listens by itself, over a stream of the call, and tells `call.heard`. */
      byProgram?: boolean
    }
    result: { digits: string; reason: string; speech?: Understood }
  }
  /**
   * At once: what the program's own recogniser heard while `call.gather` waits for it. `speaking`: somebody has begun to; else
   * the text, empty where nothing was understood, or `failed`.
   */
  'call.heard': { params: { call: Id<'call'> } & HeardByProgram; result: null }
  'call.record': {
    params: { call: Id<'call'>; maxSeconds?: number; silenceSeconds?: number; finishKey?: string; beep?: boolean }
    result: { recording: Id<'rec'>; durationSeconds: number; reason: string }
  }
  /**
   * Opens a stream of sound between the call and its agent, which goes on beside the verbs that follow. Answers with what
   * opens the audio socket, once and within seconds.
   */
  'call.stream': {
    params: { call: Id<'call'>; rateHz?: StreamRate; hear?: boolean; live?: boolean }
    result: { socket: string; token: string; rateHz: StreamRate }
  }
  /** At once: what `play` or `say` plays stays where it is, or goes on. */
  'call.pausePlay': { params: { call: Id<'call'>; paused: boolean }; result: null }
  /** Carried out at once, also while another verb is: what is heard is left out of the call's recordings, or taken in again. */
  'call.pauseRecording': { params: { call: Id<'call'>; paused: boolean }; result: null }
  /** Answers when the dialled leg is over, or could not be had. `record` records both sides once it is answered. */
  'call.dial': {
    params: {
      call: Id<'call'>
      /** Several ring at once, or one after the other with the time for each; the first answer wins. */
      target: Target | Target[]
      strategy?: DialStrategy
      via?: Via
      timeoutSeconds?: number
      callerId?: string
      record?: 'mono' | 'stereo'
      /** Listens to the network's tones; `call.progress` tells. */
      progress?: ProgressOptions
      /** Listens to who has answered; `call.amd` tells. */
      amd?: AmdOptions
      /** What the caller hears while it rings, over and over: music, a country's ringback. */
      ring?: Heard
    }
    result: DialResult
  }
  /**
   * Takes a seat in one of the subscriber's conferences; answers when the seat is given up. A `coach` hears all and is
   * heard by the one call alone; when the seat of a `moderator` is given up, the conference ends for all.
   */
  'call.conference': {
    params: { call: Id<'call'>; room: string; muted?: boolean; coach?: Id<'call'>; moderator?: boolean }
    result: { reason: 'left' | 'ended'; durationSeconds: number }
  }
  /** At once, while the call is in a conference: how it takes part. `coach` `none` is heard by all again. */
  'call.seat': { params: { call: Id<'call'>; muted?: boolean; coach?: Id<'call'> | 'none' }; result: null }
  /** At once: gives the call's seat up. */
  'call.leave': { params: { call: Id<'call'> }; result: null }
  /** At once: everyone in the call's conference hears it. */
  'call.announce': {
    params: { call: Id<'call'> } & Heard
    result: { playedMs: number }
  }
  /**
   * What follows is for two joined legs, and is done at once. While a leg is being dialled it waits for up to 300 ms: a program
   * that its own telephone has told of the answer is ahead of it. Where none comes it is refused.
   *
   * At once, while a dialled leg is joined: the caller goes on with the target, and the dialled leg is let go when that
   * answers. Answers with whether it did; if not, the two are joined as they were.
   */
  'call.transfer': {
    params: { call: Id<'call'>; target: Target; amd?: AmdOptions; progress?: ProgressOptions }
    result: { transferred: boolean; cause?: CallCause }
  }
  /** At once, while a leg is joined to the caller: the party hears `music` or nothing, and a telephone is told. */
  'call.hold': { params: { call: Id<'call'>; party?: Held; music?: Heard }; result: null }
  /** At once: who is held talks again; whoever consults somebody goes back to the caller. */
  'call.retrieve': { params: { call: Id<'call'>; party?: Held }; result: null }
  /**
   * At once, while a dialled leg is joined: it talks to the target, while the caller is held. Answers when that one has
   * answered, or could not be had, and then the two talk again. Behind it, `complete` or `retrieve`.
   */
  'call.consult': {
    params: {
      call: Id<'call'>
      target: Target
      timeoutSeconds?: number
      callerId?: string
      music?: Heard
      amd?: AmdOptions
      progress?: ProgressOptions
    }
    result: { status: DialResult['status']; cause?: CallCause }
  }
  /** At once: the caller goes on with whoever was consulted, and the dialled leg is let go. */
  'call.complete': { params: { call: Id<'call'> }; result: null }
  /** The caller of the other call is joined to this one's, and that call is over. Answers as `dial` does. */
  'call.join': { params: { call: Id<'call'>; other: Id<'call'> }; result: DialResult }
  /** At once, while a leg is joined: it goes on as a call of its own, which the agent is offered. */
  'call.split': { params: { call: Id<'call'> }; result: { call: Id<'call'> } }
  /** The caller waits in a slot. Answers when nobody has come in time, or when the talk with who has come is over. */
  'call.park': {
    params: { call: Id<'call'>; slot: string; timeoutSeconds?: number; music?: Heard }
    result: { reason: 'picked-up' | 'timeout'; durationSeconds: number; cause?: CallCause }
  }
  /**
   * The caller goes over to the call that is parked in the slot, or that rings elsewhere, named by one of `user`, `other` and `leg`
   * (CSTA Directed Pickup Call); this one is over then. Rejects with `verb-failed` where somebody else was faster.
   */
  'call.pickUp': {
    params: { call: Id<'call'>; slot?: string; user?: string; other?: Id<'call'>; leg?: Id<'leg'> }
    result: null
  }
  /**
   * Of a call that was placed with `amd`: waits until it is known who has answered; with `message-end`, until a machine listens, too.
   * Answers with the newest of what is known, `unknown` included.
   */
  'call.answeredBy': {
    params: { call: Id<'call'>; until?: 'verdict' | 'message-end' }
    result: { answeredBy: AnsweredBy; reason: string; ms: number }
  }
  /** At once: presses keys towards the dialled leg while one is joined, else towards the caller. */
  'call.dtmf': { params: { call: Id<'call'>; digits: string }; result: null }
  /**
   * Third-party make call (ECMA-269 §17.1.4): `from` is called first, and when it has answered, `to`; `agent` offers the call to the
   * program as one that has been answered, and `pickUp` gives `from` what rings elsewhere. `call` is the id that it will have. Answers when `from` is being called. `amd`
   * listens to whom it is for: `to`, or `from` where the agent talks to it; `progress` to both.
   */
  'call.make': {
    params: {
      call: Id<'call'>
      from: Target
      to: Target | 'agent' | { pickUp: Alerting }
      callerId?: string
      timeoutSeconds?: number
      amd?: AmdOptions
      progress?: ProgressOptions
    }
    result: { call: Id<'call'> }
  }
  'call.hangup': { params: { call: Id<'call'>; reason?: string }; result: null }
}

/** What rings: whatever does at a user of the site, or for it; a call; one of its legs. */
export type Alerting = { user: string } | { call: string } | { leg: string }

/** Which of two joined legs is held. */
export type Held = 'caller' | 'dialled'

/** What the switch asks of an agent. `call.offered` answers when the agent's function for the call has returned. */
export interface AgentMethods {
  'call.offered': { params: OfferedCall; result: { outcome: 'returned' | 'threw'; message?: string } }
  /** The switch has restarted while the call was in a verb: the agent takes it from here. */
  'call.resumed': { params: OfferedCall; result: { outcome: 'returned' | 'threw'; message?: string } }
}

export interface AgentNotifications {
  /** The call is over: `call.signal` aborts. Always the last that is said of a call. */
  'call.ended': { call: Id<'call'>; cause: CallCause }
  'call.digit': { call: Id<'call'>; digit: string }
  /** Who has answered a call that was placed with `amd`: behind `machine` may come `machine-end`. */
  'call.amd': { call: Id<'call'>; answeredBy: AnsweredBy; reason: string; ms: number }
  /** A tone of the network, from a leg that is called with `progress`; `answered`: behind its answer. */
  'call.progress': { call: Id<'call'>; tone: ProgressTone; ms: number; answered?: true }
  /** What `gather` has understood so far; it may still change. */
  'call.partial': { call: Id<'call'>; text: string }
}
