import { headerOf, type Message } from '../peer/sip/message.ts'
import { type Said, ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, type World } from './harness.ts'

/** A call that rings at the other carrier; both ends are played by the test, message by message. */
export interface ScriptedCall {
  a: ScriptedLeg
  b: ScriptedLeg
  /** What the callee was sent. */
  invite: Message
}

/** `said`: by the caller, in its INVITE. */
export async function ringing(world: World, said: Said = {}): Promise<ScriptedCall> {
  const b = ScriptedLeg.await(world.second)
  const a = ScriptedLeg.place(world.carrier, world.node, DID, { sdp: {}, ...said })
  return { a, b, invite: await b.next('INVITE') }
}

/** What makes a provisional answer a reliable one (RFC 3262), with its number. */
export function reliable(number: number): [string, string][] {
  return [
    ['Require', '100rel'],
    ['RSeq', String(number)],
  ]
}

/** Whoever says this takes UPDATE, too. */
export const TAKES_UPDATE: [string, string] = ['Allow', 'INVITE, ACK, CANCEL, BYE, PRACK, UPDATE']

/**
 * The callee answers reliably before its 200, and so does the caller hear it, where that knows 100rel: the offer of the INVITE is
 * answered then. @returns what the caller was told
 */
export async function answeredEarly({ a, b, invite }: ScriptedCall, said: Said): Promise<Message> {
  b.reply(invite, 183, { ...said, headers: [...reliable(10), ...(said.headers ?? [])] })
  b.reply(await b.next('PRACK'), 200)
  const told = await a.next('183')
  if (headerOf(told, 'rseq') === '') return told
  a.prack(told)
  await a.next('200 PRACK')
  return told
}
