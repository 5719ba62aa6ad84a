import type { Id } from '#lib/index.ts'
import type { AnsweredBy, AnswerReason, AnswerSettings, CodecName, ProgressTone } from '#protocol/audio/index.ts'
import type { RecordingHeader } from './recording.ts'

/** Where a socket lives: the node's own network namespace, or that of a subscriber. */
export type Realm = 'node' | Id<'sub'>

/** Of IP. */
export type IpFamily = 4 | 6

/** How the audio of a leg travels. DTLS has its place here and comes later. */
export type MediaTransport = 'rtp' | 'srtp'

/** Keys of SRTP, by SDP (RFC 4568): master key and salt in base64, one for each direction. */
export interface MediaCrypto {
  suite: string
  send: string
  receive: string
}

/** How one stream is encoded towards its receiver. Payload type numbers are the receiver's (RFC 3264 §5.1). */
export interface StreamFormat {
  codec: CodecName
  payloadType: number
  ptimeMs: number
  /** RFC 4733, at the codec's clock rate; absent when it was not negotiated. */
  telephoneEvent?: number
  /** What may come beside it, where the answer has named more than one codec (RFC 3264 §7). Only of what we receive. */
  also?: { codec: CodecName; payloadType: number; telephoneEvent?: number }[]
}

/** What the signalling says of an endpoint's far end. */
export interface EndpointDescription {
  transport: MediaTransport
  /** With `srtp`, and only then. */
  crypto?: MediaCrypto
  /**
   * Where the far end says that it listens: the first place that we trust (RTPBleed: PITFALLS F03). RTCP goes to `controlPort`
   * (RFC 3605), else to the port after.
   */
  remote: { address: string; port: number; controlPort?: number }
  send: StreamFormat
  /** What we announced: payload types that may come in. */
  receive: StreamFormat
  /** From our side (RFC 3264): `sendonly` while the far end is held. */
  direction: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive'
  /** Where it takes no telephone-events: whether it hears the keys of its peer as tones, which is the default, or is told them by somebody else. */
  keys?: 'tones' | 'none'
}

/** What a prompt is made of. Paths are absolute and already checked by the switch. */
export type PromptSource =
  | { file: string } // WAV, MP3, Ogg Opus; raw sound at 8 kHz by its name: .ulaw, .alaw, .sln (16-bit PCM)
  | { tone: { frequencies: number[]; onMs: number; offMs: number }[]; totalMs: number }
  | { say: string; language?: string; voice?: string; rate?: number }
  | { list: PromptSource[] } // one after the other

/** How well one direction of a leg's sound has arrived. */
export interface StreamQuality {
  /** Packets that were sent and never came. */
  packetsLost: number
  /** Their part of all packets, 0–1. */
  lossRatio: number
  /** Interarrival jitter (RFC 3550 §6.4.1), ms. */
  jitterMs: number
  /** What listeners would think of it, estimated by the E-model (ITU-T G.107), 1–4.5. */
  mos: number
}

export interface MediaStats {
  packetsReceived: number
  packetsSent: number
  octetsReceived: number
  octetsSent: number
  /** Packets that were not RTP, or came from a stranger while the far end was silent: while it speaks, the kernel drops theirs unseen. */
  packetsRefused: number
  /** RTCP (RFC 3550 §6). */
  reportsSent: number
  reportsReceived: number
  /** Between us and the far end, by the newest report; null before the first. */
  roundTripMs: number | null
  /** What came from the far end, by our own count; null when nothing came. */
  received: StreamQuality | null
  /** What the far end has told of our stream; null when it told nothing. */
  sent: StreamQuality | null
}

export type VerbEnd = 'done' | 'stopped' | 'interrupted' | 'gone'

/** What may be said to a gather. */
export interface SpeechExpected {
  /** These phrases and nothing else; without them anything. */
  phrases?: string[]
  /** BCP 47. */
  language: string
  /** Ms of silence that end what is said; ms after which it ends in any case. */
  silenceMs: number
  maxMs: number
  /** Whether a voice ends the prompt. */
  bargeIn: boolean
  /** The program listens by itself: `gather.heard` tells what it hears. */
  byProgram?: boolean
}

/** What was said. */
export interface Understood {
  text: string
  /** 0–1, where the recogniser has a measure. */
  confidence?: number
}

/** What a program's own recogniser tells: that somebody speaks, what was understood, or that it has failed. */
export interface HeardByProgram {
  speaking?: boolean
  text?: string
  confidence?: number
  failed?: boolean
}

/** What is listened for: who has answered, or the tones of a country's network (ISO 3166-1, lower case) before the answer. */
export type Detection = { amd: Partial<AnswerSettings> } | { progress: string }

/** Samples a second on the audio socket. */
export type StreamRate = 8000 | 16_000 | 24_000 | 48_000

export interface StreamResult {
  /**
   * `closed` by the program; `unclaimed`: it never came; `agent-gone`: its socket broke; `protocol`: it said what it may not;
   * `stopped`: given up, or the switch is gone; `gone`: the endpoint is closed.
   */
  reason: 'closed' | 'unclaimed' | 'agent-gone' | 'protocol' | 'stopped' | 'gone'
  /** What the program heard, and what was heard of it. */
  heardMs: number
  playedMs: number
  /** What a live stream has left out of what the program said, so as not to be late. */
  skippedMs: number
  /** Frames that it was too slow to take. */
  droppedFrames: number
}

export type ToneWay = 'heard' | 'taken' | 'sound'

/** What the switch may ask of voice. One JSON-RPC method each; `play`, `say`, `gather` and `record` answer at their end. */
export interface VoiceMethods {
  /** Opens an endpoint of a call: binds an RTP/RTCP port pair in the realm, at its address of this family or else its first one. */
  'endpoint.open': {
    params: { call: Id<'call'>; endpoint: Id<'med'>; realm: Realm; family?: IpFamily }
    result: { address: string; port: number }
  }
  /** Says where the far end is and what it speaks; again at every change. Without it an endpoint sends nothing. */
  'endpoint.describe': { params: { endpoint: Id<'med'>; description: EndpointDescription }; result: null }
  /** Relays each endpoint's sound to the other. Both belong to one call. Ends what was playing on either. */
  'endpoint.join': { params: { a: Id<'med'>; b: Id<'med'> }; result: null }
  /** It belongs to another call from now on. */
  'endpoint.move': { params: { endpoint: Id<'med'>; call: Id<'call'> }; result: null }
  'endpoint.part': { params: { endpoint: Id<'med'> }; result: null }
  'endpoint.close': { params: { endpoint: Id<'med'> }; result: MediaStats }
  /** Watches for silence: no packet for `timeoutMs` while sound is expected gives one `media` notification. 0 turns it off. */
  'endpoint.watch': { params: { endpoint: Id<'med'>; timeoutMs: number }; result: null }
  /**
   * What becomes of tones by which a far end tells of keys that has agreed on no telephone-events. `heard`, at first: they are told, and are
   * part of its sound. `taken`: while it is joined, its peer has telephone-events in their place, where it takes them, and hears nothing of them.
   * `sound`: while it is joined nobody listens to them.
   */
  'endpoint.tones': { params: { endpoint: Id<'med'>; tones: ToneWay }; result: null }
  /** Its far end has told of a key beside its sound (INFO): whoever waits for keys has it, once, though the sound may tell of it, too. */
  'endpoint.informed': { params: { endpoint: Id<'med'>; digit: string }; result: null }
  play: {
    /** Begins `offsetMs` into the sound, once. `toAll`: everyone in the endpoint's conference hears it. */
    params: { endpoint: Id<'med'>; verb: Id<'verb'>; source: PromptSource; loop?: number; offsetMs?: number; toAll?: boolean }
    result: { reason: VerbEnd; playedMs: number }
  }
  /** Collects digits, or hears what is said, playing a prompt meanwhile, which the first digit or word ends. */
  gather: {
    params: {
      endpoint: Id<'med'>
      verb: Id<'verb'>
      prompt?: PromptSource
      /** Fewer are `too-few`, when the time or the finish key ends it. */
      minDigits?: number
      maxDigits?: number
      finishKey?: string
      /** Ms to wait for the first digit after the prompt has ended, and between digits. */
      timeoutMs: number
      interDigitTimeoutMs: number
      /** What is said counts, too. */
      speech?: SpeechExpected
      /** Whether keys are left alone; only with `speech`. */
      deafToDigits?: boolean
    }
    result: {
      digits: string
      reason: 'max-digits' | 'finish-key' | 'timeout' | 'too-few' | 'speech' | 'no-match' | 'stopped' | 'gone'
      speech?: Understood
    }
  }
  /** Nothing where the gather is over. */
  'gather.heard': { params: { verb: Id<'verb'> } & HeardByProgram; result: null }
  record: {
    params: {
      endpoint: Id<'med'>
      verb: Id<'verb'>
      /** The other side of the call, when both are recorded. The header says whether each has a channel of its own. */
      other?: Id<'med'>
      file: string
      /** The recording's own key, 32 bytes in base64. */
      key: string
      header: RecordingHeader
      maxMs: number
      /** Ms of silence that ends it; 0 for never. */
      silenceMs: number
      finishKey?: string
      beep: boolean
    }
    result: { file: string; durationMs: number; bytes: number; reason: 'max' | 'silence' | 'finish-key' | 'stopped' | 'gone' }
  }
  /**
   * Takes a seat in a conference, which is there while anybody sits in it, and whose name begins with its subscriber's id.
   * Each hears all but itself. Answers when the seat is given up.
   */
  'conference.sit': {
    params: { endpoint: Id<'med'>; verb: Id<'verb'>; conference: string; muted: boolean; coached?: Id<'med'> }
    result: { reason: VerbEnd }
  }
  /**
   * Listens to the far end beside whatever else it does, for one thing at a time, and notifies of who has answered (`answered`), or of
   * tones (`progress`). Answers at its end: when there is nothing more to be told; tones are listened for until it is stopped.
   * It goes on without the switch: asked again by the same verb, it notifies of what was found, too, and of what comes.
   */
  detect: {
    params: { endpoint: Id<'med'>; verb: Id<'verb'> } & Detection
    result: { reason: VerbEnd }
  }
  /**
   * Sound between the call and its subscriber's program, on the audio socket (src/protocol/stream): 20 ms frames of what the
   * far end says, and what the program says to it. Answers at its end.
   */
  stream: {
    params: {
      endpoint: Id<'med'>
      verb: Id<'verb'>
      rateHz: StreamRate
      /** Whether the program hears the far end. */
      hear: boolean
      /** Whether the program talks live: what a stall has left in the queue is then cut out again. */
      live: boolean
      /** The only account whose process may open it. */
      uid: number
    }
    result: StreamResult
  }
  /** With what a stream's sound is opened, once and within seconds: the socket's name and a token. */
  'stream.ticket': { params: { verb: Id<'verb'> }; result: { socket: string; token: string } }
  /** How a seat takes part: muted, or heard by nobody but the one that is coached. */
  'conference.change': { params: { endpoint: Id<'med'>; muted: boolean; coached?: Id<'med'> }; result: null }
  /** Stops what is played where it is, or goes on. Nothing when it has ended. */
  'play.pause': { params: { verb: Id<'verb'>; paused: boolean }; result: null }
  /** Leaves out what is heard from now on, or takes it in again. Nothing when there is no such recording any more. */
  'record.pause': { params: { verb: Id<'verb'>; paused: boolean }; result: null }
  /** Sends telephone-events to the far end. */
  dtmf: { params: { endpoint: Id<'med'>; digits: string; onMs: number; offMs: number }; result: null }
  stop: { params: { verb: Id<'verb'> }; result: null }
  /**
   * After the switch (re)connects: these calls are mine. Endpoints of other calls are closed after 15 s without a claim.
   * Answers with the endpoints that are there.
   */
  claim: { params: { calls: Id<'call'>[] }; result: { endpoints: { call: Id<'call'>; endpoint: Id<'med'> }[] } }
  status: {
    params: Record<string, never>
    result: { endpoints: number; calls: number; portsInUse: number; portsQuarantined: number }
  }
}

/** What voice tells the switch unasked. */
export interface VoiceNotifications {
  /** A key is down, by telephone-event or as a tone; `digit` follows when it is up again. */
  pressed: { endpoint: Id<'med'>; digit: string }
  /** A digit has ended (RFC 4733), once for each key press. */
  digit: { endpoint: Id<'med'>; digit: string; durationMs: number }
  /** Its far end speaks another codec than the first of those that were agreed on; once for each. */
  codec: { endpoint: Id<'med'>; codec: CodecName }
  /** What a gather has understood so far. */
  partial: { endpoint: Id<'med'>; text: string }
  /** Who has answered, `ms` after that was asked; behind `machine` may come `machine-end`. */
  answered: { endpoint: Id<'med'>; verb: Id<'verb'>; answeredBy: AnsweredBy; reason: AnswerReason; ms: number }
  /** A tone of the network, `ms` after that was asked. */
  progress: { endpoint: Id<'med'>; verb: Id<'verb'>; tone: ProgressTone; ms: number }
  /** Somebody in a conference begins to speak, or has stopped. */
  speaking: { endpoint: Id<'med'>; speaking: boolean }
  /** No packet came for the watched time, or packets come again. */
  media: { endpoint: Id<'med'>; state: 'silent' | 'flowing'; silentMs: number }
}
