import type { Id } from '#lib/index.ts'
import type { CallCause } from './call.ts'

/**
 * One thing that happened to a subscriber. `number` is given when the journal is appended: per subscriber, from 1, with
 * no gap, and it survives a restart.
 */
export interface PlatformEvent {
  id: Id<'evt'>
  subscriber: Id<'sub'>
  number: number
  /** RFC 3339, UTC, with milliseconds. */
  at: string
  type: EventType
  call?: Id<'call'>
  leg?: Id<'leg'>
  cause?: CallCause
  /** Facts by type; JSON, no secret. */
  data: Record<string, unknown>
}

/**
 * Types of events. `call.*` and `leg.*` follow CSTA (ECMA-269 §15): offered, originated, delivered, established, held,
 * retrieved, transferred, diverted, connection cleared, call cleared, failed.
 */
export type EventType =
  | 'call.offered' // a call has come in and has been admitted
  | 'call.originated' // we place it for somebody (makeCall); data: from, to, by
  | 'call.refused' // admission said no; data.refusal explains
  | 'call.routed' // decided; data: by (agent | default | emergency), why, target
  | 'call.resumed' // carried on after a restart of the switch
  | 'call.cleared' // the last event of a call
  | 'leg.originated' // we sent an INVITE; data: via, target
  | 'leg.delivered' // it rings
  | 'leg.established'
  | 'call.joined' // the leg has come from another call; data: call
  | 'call.split' // the leg has become a call of its own; data: call
  | 'call.parked' // data: slot, timeoutMs
  | 'call.unparked' // data: slot, why (picked-up | timeout | interrupted | hangup)
  | 'leg.held' // data: by (far-end | agent | consult | park | operator | subscriber)
  | 'leg.retrieved'
  | 'leg.transferred' // the leg talks to another far end; data: by (leg), to (leg), target or call. Where it has left this call: call, why
  | 'leg.diverted' // another road was taken, or somebody picks it up (why: pick-up); data: from, to, why
  | 'leg.failed' // a leg that was never answered is over
  | 'leg.cleared' // an answered leg is over
  | 'leg.digits' // DTMFDigitsDetected
  | 'media.silent'
  | 'media.flowing'
  | 'media.moved' // its voice process died, and another one has taken over
  | 'verb.started'
  | 'verb.ended'
  | 'call.amd' // who has answered; data: answeredBy (human | machine | machine-end | fax | network | unknown), reason, ms since it was answered
  | 'call.progress' // a tone of the network; data: tone (dial | ringback | busy | congestion | sit), ms; answered: behind the answer, which is billed
  | 'conference.joined' // data: room, seats
  | 'conference.left' // data: room, reason, seats
  | 'conference.speaker' // data: room, speaking
  | 'recording.started' // data: recording
  | 'recording.ended' // it is there to be heard; data: recording, durationSeconds, reason
  | 'recording.failed' // it could not be written, or was cut off; data: recording, why
  | 'stream.started' // data: stream, rateHz
  | 'stream.ended' // data: stream, reason, heardSeconds, playedSeconds, skippedSeconds, droppedFrames
  | 'resource.refused' // a verb's lease was refused; data.refusal explains
  | 'toll.near' // a limit of calls out is used up by four fifths; data: rule, class, limit, used
  | 'toll.met' // it is used up: no call out begins, and what runs on it is cut
  | 'balance.low' // what was paid in is below its threshold; data: leftMicros
  | 'balance.empty' // it is used up: what costs is refused, and what runs is cut
  | 'leg.warned' // it will be cut, since a limit is met or a balance used up
  | 'channel.state' // data: state, reason
  | 'agent.state' // data: state, reason, version
  | 'agent.active' // another version takes the new calls; data: version
  | 'agent.failed' // a version was tried and has not proven itself, the one before serves on; data: version, reason
