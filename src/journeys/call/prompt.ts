import { realpathSync } from 'node:fs'
import path from 'node:path'
import { type Id, newId, TielineError } from '#lib/index.ts'
import type { Leg, LegMedia } from '#platform/switch/index.ts'
import type { Demand, Heard, Lease, PromptSource, VerbMethods } from '#platform/words/index.ts'
import { countryTone } from '#protocol/audio/index.ts'
import { LinkLost } from '#protocol/link/index.ts'
import type { Call } from './call.ts'
import { answerCaller, callerSettled } from './connect.ts'
import { answerBody } from './dialog.ts'
import { openMedia } from './media.ts'
import { orAbort, verbError } from './over.ts'
import { CallRecording } from './recording.ts'

type Params<V extends keyof VerbMethods> = VerbMethods[V]['params']
type Result<V extends keyof VerbMethods> = VerbMethods[V]['result']

/** Ms within which a verb that has been stopped must come back from voice (PITFALLS C10). */
const STOPPED_MS = 1000

/** Codes of errors that a program is told as voice has them. */
const OWN = new Set([
  'recording-failed',
  'recognition-failed',
  'speech-failed',
  'sound-failed',
  'invalid-sound',
  'invalid-argument',
])

/**
 * Answers the caller, with audio of ours, in the codec of another call's first leg where it is about to join that. Does nothing when it
 * is answered. @throws ResourceUnavailable, CallOver
 */
export async function answer(call: Call, joins: Call | null = null): Promise<LegMedia> {
  const media = await audio(call)
  await callerSettled(call)
  if (call.a.incoming) {
    answerCaller(call, answerBody(call, call.a, joins?.legs[0] ?? null, joins ?? call))
    call.phase = 'verb'
    call.answered(call.a)
    call.save()
  }
  return media
}

export async function play(call: Call, params: Params<'call.play'>, signal: AbortSignal): Promise<Result<'call.play'>> {
  return prompt(call, promptOf(call, params), params, signal)
}

export function say(call: Call, params: Params<'call.say'>, signal: AbortSignal): Promise<Result<'call.say'>> {
  return prompt(call, speech(params.text, params), params, signal)
}

export async function record(call: Call, params: Params<'call.record'>, signal: AbortSignal): Promise<Result<'call.record'>> {
  using _held = lease(call, ['voice.record'])
  const media = await answer(call)
  _held.begin()
  const { maxSeconds, silenceSeconds, finishKey, beep = true } = params
  const recording = new CallRecording(call, { media, channels: 1, maxSeconds, silenceSeconds, finishKey, beep })
  return await stoppable(call, media, recording.verb, recording.done, signal)
}

/** What a verb names to be heard. */
export function promptOf(call: Call, what: Heard & { list?: Heard[] }): PromptSource {
  const { list, signal, text, file = '' } = what
  if (list) return { list: list.map((item) => promptOf(call, item)) }
  const tone = signal ? countryTone(signal, what.country ?? '') : what.tone
  if (tone) return { tone, totalMs: what.totalMs ?? tone.reduce((sum, { onMs, offMs }) => sum + onMs + offMs, 0) }
  return text === undefined ? { file: fileOf(call, file) } : speech(text, what)
}

/** What has to be leased to make it heard. */
export function kindsOf(source: PromptSource): string[] {
  const speaks = 'say' in source || ('list' in source && source.list.some((item) => 'say' in item))
  return speaks ? ['voice.prompt', 'voice.speech'] : ['voice.prompt']
}

/** What is played stays where it is, or goes on. */
export async function pausePlay(call: Call, { paused }: Params<'call.pausePlay'>): Promise<null> {
  await call.playing?.endpoint.pausePlay(call.playing.verb, paused)
  return null
}

async function prompt(
  call: Call,
  source: PromptSource,
  { loop, offsetMs, early }: { loop?: number; offsetMs?: number; early?: boolean },
  signal: AbortSignal,
): Promise<{ playedMs: number }> {
  using _held = lease(call, kindsOf(source))
  const media = early && call.a.incoming ? await earlyAudio(call) : await answer(call)
  if (!call.a.incoming) _held.begin()
  const verb = newId('verb')
  const more = { ...(loop === undefined ? {} : { loop }), ...(offsetMs === undefined ? {} : { offsetMs }) }
  call.playing = { endpoint: media.endpoint, verb }
  try {
    const { playedMs } = await stoppable(call, media, verb, media.endpoint.play({ verb, source, ...more }), signal)
    return { playedMs }
  } catch (error) {
    unbill(_held, error)
    throw error
  } finally {
    call.playing = null
  }
}

/** 183 with our SDP: heard before the call is answered, and not billed as answered. */
export async function earlyAudio(call: Call): Promise<LegMedia> {
  const media = await audio(call)
  const invite = call.a.incoming
  if (invite && invite.request.description.length > 0) {
    invite.provisional(183, { body: { type: 'application/sdp', content: media.answer(invite.request.description) } })
  }
  return media
}

/** The caller's audio, its port leased first. */
async function audio(call: Call): Promise<LegMedia> {
  const { a } = call
  if (!call.leasesOf(a).some((l) => l.kind === 'voice.port')) call.admit([{ kind: 'voice.port', count: 1, leg: a.id }])
  const media = await openMedia(call, a)
  call.throwIfOver()
  return media
}

export type VerbLease = Disposable & {
  readonly ids: readonly Id<'lse'>[]
  begin(): void
  /** What was leased did not do what it was leased for: it is given back, and nobody pays for it (PITFALLS B14). */
  failed(kinds: readonly string[]): void
}

/** The kind that is in vain where its engine fails, by the error's code. */
const IN_VAIN = new Map([
  ['speech-failed', 'voice.speech'],
  ['recognition-failed', 'voice.recognition'],
])

/** What an engine did not do is paid by nobody. */
export function unbill(held: VerbLease, error: unknown): void {
  const kind = error instanceof TielineError ? IN_VAIN.get(error.verdict.code) : undefined
  if (kind) held.failed([kind])
}

/** Leases for the length of one verb; billable from `begin`. `leg` is null where the call has none yet. */
export function lease(call: Call, kinds: readonly string[], leg: Leg | null = call.a): VerbLease {
  const demands: Demand[] = kinds.map((kind) => ({ kind, count: 1, ...(leg ? { leg: leg.id } : {}) }))
  return held(call, call.admit(demands))
}

/** What a former process has leased for something that goes on. Null where it does not hold any more. */
export function heldAgain(call: Call, ids: readonly Id<'lse'>[]): VerbLease | null {
  const leases = call.x.registry.leasesOf(call.id).filter(({ id }) => ids.includes(id))
  return leases.length === ids.length ? held(call, leases) : null
}

function held(call: Call, leases: readonly Lease[]): VerbLease {
  const ids = leases.map((l) => l.id)
  return {
    ids,
    begin: () => call.x.registry.answered(ids),
    failed: (kinds) => {
      const useless = leases.filter((l) => kinds.includes(l.kind)).map((l) => l.id)
      call.x.registry.release(useless, 'failed', { unbilled: true })
    },
    [Symbol.dispose]: () => call.x.registry.release(ids, call.cause?.reason ?? 'done'),
  }
}

/** Awaits voice; when the verb is given up, voice is told to stop, and gets a moment to say what it had. */
export async function stoppable<T>(
  call: Call,
  media: LegMedia,
  verb: `verb_${string}`,
  work: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await orAbort(work, signal)
  } catch (error) {
    if (error instanceof TielineError && OWN.has(error.verdict.code)) throw error
    if (!signal.aborted && error instanceof LinkLost) throw verbError('interrupted', 'voice was lost meanwhile', error)
    if (!signal.aborted) throw verbError('verb-failed', 'voice could not do it', error)
    // A caller who has gone over to another call would hear it still.
    if (!call.cause || !call.a.cause) media.endpoint.stop(verb)
    call.throwIfOver()
    const patience = AbortSignal.timeout(STOPPED_MS)
    await orAbort(work, AbortSignal.any([call.signal, patience])).catch(() => {})
    call.throwIfOver()
    throw verbError('interrupted', 'the verb was given up')
  }
}

export function speech(
  text: string,
  { language, voice, rate }: { language?: string; voice?: string; rate?: number },
): PromptSource {
  return { say: text, ...(language ? { language } : {}), ...(voice ? { voice } : {}), ...(rate ? { rate } : {}) }
}

/** A file of the agent's own bundle. Nothing outside of it can be named, by no `..` and by no symbolic link. */
export function fileOf(call: Call, name: string): string {
  const root = call.subscriber.agent.version?.path
  if (!root) throw verbError('invalid-argument', 'no agent is deployed whose files could be played')
  try {
    const real = realpathSync(path.resolve(root, name))
    if (real.startsWith(`${realpathSync(root)}${path.sep}`)) return real
  } catch (error) {
    throw verbError('invalid-argument', `there is no file ${name.slice(0, 200)} in the bundle`, error)
  }
  throw verbError('invalid-argument', `the file ${name.slice(0, 200)} is outside of the bundle`)
}
