import type { Clock, Log } from '#lib/index.ts'
import type { Credentials } from './digest.ts'
import type { SipRequest, SipResponse } from './message.ts'
import type { OutgoingMessage } from './outgoing-message.ts'
import type { Replaces } from './replaces.ts'
import type { SessionInterval } from './session-interval.ts'

/** WSS has its place here. */
export type Transport = 'udp' | 'tcp' | 'tls'

/** A next or previous hop. */
export interface Hop {
  transport: Transport
  address: string
  port: number
  /** The connection that a message came by: responses go back on it while it lives (RFC 3261 §18.2.2, PITFALLS S42). */
  flow?: string
  /**
   * Only whoever opened the flow can be reached by it, and by nothing else (RFC 5626 §5.3): requests are lost with it, and no
   * connection is opened to the port that it came from.
   */
  bound?: true
  /** Whose credentials a connection to there is made with: connections of different profiles are never shared (S43). */
  profile?: string
  /** The name that led there: by TLS the certificate has to be for it, and not for what it led to (RFC 5922). */
  name?: string
  /** For a hop of UDP: requests that a datagram should not carry (RFC 3261 §18.1.1) may go there by this transport. */
  large?: 'tcp'
}

/** A next hop as a URI names it: what is not said, DNS says. */
export interface HopName {
  name: string
  port?: number
  transport?: Transport
}

/** Where sockets are bound: UDP and TCP share `port`; `tlsPort` is there where TLS is listened for. */
export interface LocalPlace {
  readonly address: string
  readonly port: number
  readonly tlsPort?: number
}

/** The bound sockets of one place as the SIP layers see them. */
export interface SipTransport {
  readonly local: LocalPlace
  /** Where the other family of IP is spoken beside it; absent, or undefined for now, where it is not. */
  readonly other?: LocalPlace | undefined
  /** Queues a message; whoever wires it may hold it back until the journal is written. Connections are opened as needed. */
  send(message: OutgoingMessage, to: Hop): void
  /** A request over a connection has had no answer for 2*T1: the connection may be dead without having said so (S41). */
  suspect?(hop: Hop): void
}

/** A new request, before anything is kept of it. */
export interface RequestLoad {
  method: string
  /** Whether it is of a dialog, or cancels an INVITE, that is known here. */
  inside: boolean
  /** Server transactions that its source has already. */
  held: number
}

export interface RequestRefusal {
  status: number
  headers: HeaderList
}

export interface UserAgentOptions {
  clock: Clock
  log: Log
  transport: SipTransport
  /** RFC 3261 §17 and table 4, in ms; defaults T1 500, T2 4000, T4 5000. Timer B may be cut per request. */
  timers?: { t1?: number; t2?: number; t4?: number }
  /** Asked before a datagram is parsed: a stranger gets no answer at all (PITFALLS F01). */
  accepts?(from: Hop, bytes: Uint8Array): boolean
  /**
   * Whether `source`, which is neither the address where a dialog came about (`hop`) nor its next hop, may send requests
   * inside it all the same: another gateway of the same trunk. Default: no; such requests get 481 (PITFALLS F04).
   */
  belongs?(source: Hop, hop: Hop): boolean
  /**
   * Whether what a far end has said of itself inside a dialog, by Contact or Record-Route, may lead our requests there: `like`
   * is where the dialog came about, and where they go instead. Default: anywhere.
   */
  reaches?(to: Hop, like: Hop): boolean
  /**
   * Finds the servers of a name (RFC 3263), the one to be tried first in front. Rejects where none is known; without it names lead
   * to where the dialog came about.
   */
  locate?(name: HopName, like: Hop): Promise<readonly Pick<Hop, 'transport' | 'address' | 'port'>[]>
  /** A server of a name had a request and said nothing, while another one was left. */
  silent?(hop: Hop): void
  /**
   * Asked before a transaction is made for a new request: one that is refused leaves no state here (RFC 3261 §8.2.7), and
   * of one that gets `silence` nobody hears (PITFALLS F06).
   */
  refuses?(request: SipRequest, source: Hop, load: RequestLoad): RequestRefusal | 'silence' | null
  /** Shown each message that could be read, before it is handled. */
  observe?(message: SipRequest | SipResponse, bytes: Uint8Array, from: Hop): void
  /**
   * With what a challenge of this hop is answered (RFC 3261 §22); nothing is ever answered to a hop without (PITFALLS F05).
   */
  credentials?(hop: Hop): Credentials | undefined
  onInvite(invite: IncomingInvite): void
  /** Requests outside dialogs other than INVITE, CANCEL and ACK. */
  onRequest(request: IncomingRequest): void
  /** A SUBSCRIBE outside a dialog; without it such is a request like any other. */
  onSubscribe?: ((subscribe: IncomingSubscribe) => void) | undefined
}

/** The user agent core of one socket: RFC 3261 §8, §12–§15, §17 as objects that await. */
export interface UserAgent {
  /** A datagram from the socket, or one message of a connection. Never throws. */
  receive(bytes: Uint8Array, from: Hop): void
  /**
   * The connection that served `hop` is lost. `again`: requests on it without any answer are sent once more, by a new one
   * (PITFALLS S41). Otherwise, and where that was so already, they fail as if timed out (RFC 3261 §8.1.3.1).
   */
  lost(hop: Hop, how: { again: boolean }): void
  /** Sends an INVITE. */
  invite(options: InviteOptions): OutgoingInvite
  /** Sends a request outside a dialog and awaits its final answer; rejects with SipFailure when none comes. */
  request(options: RequestOptions): Promise<SipResponse>
  /** Takes up a session that a former process had confirmed. */
  restoreSession(snapshot: SessionSnapshot): Session
  /** Takes up an INVITE that a former process had received and not finally answered. */
  restoreIncoming(snapshot: IncomingSnapshot): IncomingInvite
  /** Takes up an INVITE that a former process had sent: it can be cancelled, and a late 2xx gets ACK and BYE. */
  restoreOutgoing(snapshot: OutgoingSnapshot): OutgoingInvite
  /** Transactions, sessions and subscriptions that are alive: zero of all when nothing is left. */
  readonly counts: { transactions: number; sessions: number; subscriptions: number }
  /** Requests that came again since the start. */
  readonly repeats: number
  /** Cancels all timers and forgets all state; sends nothing. What is awaited of it stays unsettled. */
  close(): void
}

export type HeaderList = readonly (readonly [name: string, value: string])[]

export interface InviteOptions {
  uri: string
  to: Hop
  /** Complete header values without tags: `"Alice" <sip:+322…@host>`. */
  from: string
  toHeader: string
  /** Default: `<sip:local address:port>`. */
  contact?: string
  callId?: string
  /** Default 70. */
  maxForwards?: number
  /** Further headers: P-Asserted-Identity, Allow, Supported … */
  headers?: HeaderList
  body?: { type: string; content: Uint8Array | string }
  /** Ms until the first response of any kind, after which the invite fails with `timeout`; default timer B (64*T1). */
  firstResponseMs?: number
  onProvisional?(response: SipResponse): void
  /** It was challenged and has been sent again: its snapshot is another. */
  onResent?(): void
}

export interface RequestOptions extends Omit<InviteOptions, 'onProvisional' | 'onResent' | 'firstResponseMs'> {
  method: string
  /** Of the CSeq, which goes up by one where it is challenged; default 1. */
  sequence?: number
  /** Ms until its final answer; at most, and by default, timer F. */
  timeoutMs?: number
  /**
   * Ms until the first answer of any kind, instead: whoever has said that it is at work lives, and has what is left of timer F (RFC 3261
   * §17.1.2.2, RFC 3263 §4.3).
   */
  silenceMs?: number
}

export interface OutgoingInvite {
  readonly callId: string
  /** Whether one of its early dialogs is meant (RFC 3891 §3). */
  is(replaced: Replaces): boolean
  /**
   * A callee that has answered our offer reliably makes one of its own by UPDATE (RFC 3311): answer it once. Without a handler it
   * gets 488.
   */
  onUpdate?: ((request: IncomingRequest) => void) | undefined
  /** An offer of ours by UPDATE to the fork that has answered the INVITE's reliably last. Rejects as that of an {@link IncomingInvite}. */
  update(body: NonNullable<ResponseOptions['body']>): Promise<SipResponse>
  /** Its newest early dialog; null where there is none, or none any more. */
  readonly early: { callId: string; localTag: string; remoteTag: string } | null
  /**
   * Resolves with the session of the first 2xx; the ACK has been sent. Rejects with SipFailure on any other end. Later
   * 2xx of other forks get ACK and BYE by themselves (S17).
   */
  readonly answered: Promise<Session>
  /**
   * CANCEL, as soon as the RFC allows. A 2xx that crosses it gets ACK and BYE, and `answered` rejects all the same (S18).
   */
  cancel(headers?: HeaderList): void
  /** Null once it has its final answer: nothing is left to go on with. */
  snapshot(): OutgoingSnapshot | null
}

export interface IncomingRequest {
  readonly request: SipRequest
  readonly source: Hop
  respond(status: number, options?: ResponseOptions): void
}

/** A SUBSCRIBE that has come in outside a dialog. */
export interface IncomingSubscribe {
  readonly request: SipRequest
  readonly source: Hop
  refuse(status: number, options?: ResponseOptions): void
  /** 200, with Expires among its headers (RFC 6665 §4.2.1.1): a dialog in which a NOTIFY has to follow. */
  accept(headers: HeaderList): Subscription
}

/** The notifier's side of a subscription (RFC 6665 §4.2). */
export interface Subscription {
  /** A SUBSCRIBE inside the dialog: a refresh, or its end. A handler has to be there. */
  onRefresh?: ((request: IncomingRequest) => void) | undefined
  /** Sends NOTIFY, with the headers that say of what; rejects with SipFailure when there is no answer. */
  notify(options: ResponseOptions): Promise<SipResponse>
  /** Forgets the dialog; sends nothing. */
  close(): void
}

export interface ResponseOptions {
  reason?: string
  headers?: HeaderList
  body?: { type: string; content: Uint8Array | string }
}

/** An INVITE that has come in; 100 Trying has been sent. */
export interface IncomingInvite {
  readonly request: SipRequest
  readonly source: Hop
  /** Whether the caller has cancelled; 487 has then been sent already. */
  readonly cancelled: boolean
  /** Told when the caller cancels. */
  onCancel?: (() => void) | undefined
  /**
   * The caller, which has acknowledged a reliable answer to its offer, makes another one by UPDATE (RFC 3311): answer it once.
   * Without a handler it gets 488.
   */
  onUpdate?: ((request: IncomingRequest) => void) | undefined
  /**
   * An offer of ours by UPDATE before the answer. Rejects with SipFailure: `glare` while an offer is open, `refused` (488) where the far
   * end does not take it or has not acknowledged an answer yet.
   */
  update(body: NonNullable<ResponseOptions['body']>): Promise<SipResponse>
  /** Whether a final answer has been given by either side. */
  readonly finished: boolean
  /** Whether it counts as cancelled for a missing PRACK, which got 500 (RFC 3262 §3). */
  readonly unacknowledged: boolean
  /** Resolves when the caller has acknowledged what was sent reliably; null where nothing waits for a PRACK. */
  readonly settled: Promise<void> | null
  /**
   * 180, 183 …; does nothing once finished. Sent reliably to a caller that supports it (RFC 3262), except where its INVITE
   * has no offer, for ours would have to go with it.
   */
  provisional(status: number, options?: ResponseOptions): void
  /** A final answer from 300 up; does nothing once finished. */
  refuse(status: number, options?: ResponseOptions): void
  /** 200, sent again until the ACK comes. Returns null when the caller has cancelled first. */
  accept(options: ResponseOptions & { contact?: string }): Session | null
  snapshot(): IncomingSnapshot
}

/** A re-INVITE inside a session: answer it once. Unanswered it gets 488 after 30 s. */
export interface IncomingReinvite {
  readonly request: SipRequest
  /** Resolves with the body of the ACK; stays unsettled where none comes. */
  accept(options: ResponseOptions): Promise<Uint8Array>
  refuse(status: number, options?: ResponseOptions): void
}

export interface SessionEnd {
  /** `no-ack`: our 2xx was never acknowledged and BYE has been sent (RFC 3261 §13.3.1.4). `gone`: 481 or 408 to a request.
   * `expired`: nothing has refreshed it within its interval (RFC 4028 §10).
   */
  by: 'local' | 'remote' | 'no-ack' | 'gone' | 'expired'
  request?: SipRequest
}

/** A confirmed dialog that an INVITE made, with its usage. */
export interface Session {
  readonly callId: string
  /** Whether we sent the INVITE that made it. */
  readonly ownsCallId: boolean
  /** Whether it is the dialog that is meant (RFC 3891 §3). */
  is(replaced: Replaces): boolean
  /** The remote body of the INVITE or 2xx that made it. */
  readonly remoteBody: Uint8Array
  /**
   * Resolves when the ACK of our 2xx has come (at once for sessions that we invited). Rejects with SipFailure when the
   * session ends first; need not be awaited.
   */
  readonly acknowledged: Promise<{ body: Uint8Array }>
  readonly ended: Promise<SessionEnd>
  /** Whether it has ended, which its user may not have been told yet. */
  readonly isOver: boolean
  /** Whom it is for, from now on: it is told of all that comes, and, where that was before, of the ACK and the end. */
  serve(user: SessionUser): void
  /** When the far end last said something inside it that shows that it has it, too: ms of the clock's `now`. */
  readonly heardAt: number
  /** Sends BYE; does nothing when it is over. Resolves when answered or timed out. */
  bye(headers?: HeaderList): Promise<void>
  /**
   * Asks for another description. Null asks the far end for an offer: `acknowledge` has to follow then. Rejects with
   * SipFailure `glare` while another INVITE is open; {@link glareDelayMs} says when to ask again.
   */
  reinvite(body: ResponseOptions['body'] | null): Promise<SipResponse>
  /** The ACK, with our answer, of a re-INVITE without an offer. */
  acknowledge(body: ResponseOptions['body']): void
  request(method: string, options?: ResponseOptions): Promise<SipResponse>
  snapshot(): SessionSnapshot
}

/** Whom a session is for. One object, and no promise or callback for each of these as long as the session is up. */
export interface SessionUser {
  /** Without it a re-INVITE gets 488. */
  onReinvite?(invite: IncomingReinvite): void
  /** Without it INFO, UPDATE … get 405 or 200 as the RFC says. */
  onRequest?(request: IncomingRequest): void
  /** What we last described, for a refresh by re-INVITE (RFC 4028) where the far end does not take UPDATE. */
  describe?(): ResponseOptions['body']
  /** The ACK of our 2xx has come, with this body; of a session that we invited at once. Never within a call of the session's own. */
  onAcknowledged?(body: Uint8Array): void
  /** It has ended. Never within a call of the session's own. */
  onEnded?(end: SessionEnd): void
}

/** An ACK is told by its branch, as the dialog tells the rest. Its text stands where it has a body; older releases kept that alone. */
export type AckSnapshot = { branch: string } | { message: string }

/** Plain JSON: all of a dialog that must outlive the process (RFC 3261 §12). */
export interface SessionSnapshot {
  callId: string
  localTag: string
  remoteTag: string
  /** Complete From/To values without tag, from our side. */
  local: string
  remote: string
  localSequence: number
  remoteSequence: number | null
  /** Already in the order in which our requests carry it. */
  routeSet: string[]
  remoteTarget: string
  contact: string
  /** Whether we sent the INVITE that made it. */
  ownsCallId?: boolean
  /** Whether the far end takes UPDATE. */
  updates?: boolean
  /** The session timer of RFC 4028. */
  interval?: SessionInterval | null
  /** Where requests go when no route or target says it better. */
  hop: Hop
  /** Our 2xx awaits its ACK, or the ACK that answers a repeated 2xx of theirs. */
  pending?: { kind: 'awaiting-ack'; sequence: number; message: string } | ({ kind: 'ack'; sequence: number } & AckSnapshot)
}

export interface IncomingSnapshot {
  /** The head of the INVITE as it came. */
  message: string
  source: Hop
  localTag: string
}

export interface OutgoingSnapshot {
  /** The head of the INVITE as it was sent, to its Contact. Older releases kept all of it. */
  message: string
  hop: Hop
}
