import type { TestContext } from 'node:test'
import { type Id, newId } from '#lib/index.ts'
import type { Realm } from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import { Phone } from './voice-phone.ts'
import { addressOf, VoiceProcess } from './voice-process.ts'

export const SUB: Id<'sub'> = 'sub_00000000000000000000000000000a01'

export interface Leg {
  endpoint: Id<'med'>
  phone: Phone
  /** Where voice listens. */
  port: number
}

export interface LegOptions {
  codec?: CodecName
  events?: number | null
  ptimeMs?: number
}

/** A voice process that is gone after the test. */
export async function startVoice(t: TestContext, ports?: { first: number; last: number }): Promise<VoiceProcess> {
  const process = await VoiceProcess.start(ports)
  t.after(() => process[Symbol.asyncDispose]())
  return process
}

/** An endpoint with a telephone at its far end. */
export async function openLeg(
  t: TestContext,
  voice: VoiceProcess,
  call: Id<'call'>,
  realm: Realm,
  options: LegOptions = {},
): Promise<Leg> {
  const phone = await Phone.open({ address: addressOf(realm), ...(options.codec ? { codec: options.codec } : {}) })
  t.after(() => phone[Symbol.asyncDispose]())
  const endpoint = newId('med')
  const local = await voice.call('endpoint.open', { call, endpoint, realm })
  phone.towards(local)
  await voice.call('endpoint.describe', { endpoint, description: phone.description(options) })
  return { endpoint, phone, port: local.port }
}

/** Two joined legs of one call: one in the node's realm, one in a subscriber's. */
export async function joinedLegs(t: TestContext, voice: VoiceProcess, options: { a?: LegOptions; b?: LegOptions } = {}) {
  const call = newId('call')
  const a = await openLeg(t, voice, call, 'node', options.a)
  const b = await openLeg(t, voice, call, SUB, options.b)
  await voice.call('endpoint.join', { a: a.endpoint, b: b.endpoint })
  return { call, a, b }
}
