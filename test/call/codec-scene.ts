import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { CodecName } from '#protocol/audio/index.ts'
import { Phone, until } from '../interop/voice-phone.ts'
import type { FarEnd } from '../peer/sip/far-end.ts'
import type { Message } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, type World } from './harness.ts'

/** What a far end may say of itself: its own numbers, and the name in rtpmap. */
const KNOWN: Record<CodecName | 'GSM', [type: number, name: string, eventRate: number]> = {
  PCMU: [0, 'PCMU/8000', 8000],
  PCMA: [8, 'PCMA/8000', 8000],
  G722: [9, 'G722/8000', 8000],
  GSM: [3, 'GSM/8000', 8000],
  opus: [111, 'opus/48000/2', 48_000],
  'L16/8000': [112, 'L16/8000', 8000],
  'L16/16000': [113, 'L16/16000', 16_000],
}

export type Spoken = CodecName | 'GSM'

/** The number of its telephone-events, another one at each end. */
const EVENTS = { a: 96, b: 121 }

/** What a description lists: codecs by their names in rtpmap, and the number of each. */
export function formatsOf(sdp: string): Map<string, number> {
  const numbers = /^m=audio \d+ \S+ ([\d ]+)/m.exec(sdp)?.[1]?.trim().split(' ').map(Number) ?? []
  const names = new Map([...sdp.matchAll(/^a=rtpmap:(\d+) (\S+)/gm)].map(([, number, name]) => [Number(number), name!]))
  return new Map(numbers.map((number) => [names.get(number) ?? `${number}`, number]))
}

/** The codecs that a description lists, in its order, without telephone-events. */
export function codecsIn(sdp: string): string[] {
  return [...formatsOf(sdp).keys()].filter((name) => !name.startsWith('telephone-event'))
}

/** One end of a call that the test plays: its dialog, and a telephone that speaks one codec. */
export class End {
  readonly leg: ScriptedLeg
  phone!: Phone
  readonly #side: 'a' | 'b'
  #version = 0
  /** What our telephone-events are numbered for the far end. */
  events = 101

  constructor(leg: ScriptedLeg, side: 'a' | 'b') {
    this.leg = leg
    this.#side = side
  }

  get ownEvents(): number {
    return EVENTS[this.#side]
  }

  /** It speaks this codec from now on, from a port of its own. */
  async take(t: TestContext, codec: CodecName): Promise<void> {
    const phone = await Phone.open({ address: this.leg.socket.address, codec })
    t.after(() => phone[Symbol.asyncDispose]())
    this.phone = phone
  }

  sdp(codecs: readonly Spoken[], lines: readonly string[] = []): string {
    const { address, port } = this.phone.local
    const rate = KNOWN[codecs[0]!][2]
    const types = [...codecs.map((name) => KNOWN[name][0]), this.ownEvents]
    this.#version++
    return [
      ...['v=0', `o=- 1 ${this.#version} IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0'],
      `m=audio ${port} RTP/AVP ${types.join(' ')}`,
      ...codecs.map((name) => `a=rtpmap:${KNOWN[name][0]} ${KNOWN[name][1]}`),
      `a=rtpmap:${this.ownEvents} telephone-event/${rate}`,
      ...lines,
      '',
    ].join('\r\n')
  }

  /** What the switch has said: where its sound is wanted, and by which numbers. */
  hears(sdp: string): void {
    const address = /^c=IN IP4 (\S+)/m.exec(sdp)![1]!
    const port = Number(/^m=audio (\d+)/m.exec(sdp)![1])
    const formats = formatsOf(sdp)
    const [, name, rate] = KNOWN[this.phone.codec]
    const type = formats.get(name)
    assert.ok(type !== undefined, `${name} is in ${[...formats.keys()]}`)
    this.phone.sendType = type
    this.events = formats.get(`telephone-event/${rate}`) ?? -1
    this.phone.towards({ address, port })
  }

  /** The keys that were pressed at the other end, by the telephone-events that came: one for each beginning. */
  keys(): number[] {
    const events = this.phone.heard.filter(({ payloadType }) => payloadType === this.ownEvents)
    return [...new Map(events.map(({ timestamp, payload }) => [timestamp, payload[0]!])).values()]
  }
}

/** A call from the carrier is offered to the site's PBX: what it is asked, before it has said anything. */
export async function placed(
  t: TestContext,
  world: World,
  {
    a,
    far = world.pbx,
    number = DID,
    said = (end) => end.sdp(a!),
  }: { a: readonly Spoken[] | null; far?: FarEnd; number?: string; said?: (end: End) => string },
): Promise<{ a: End; b: End; invite: Message }> {
  const waiting = ScriptedLeg.await(far)
  const port = await Phone.open({ address: world.carrier.socket.address, codec: (a?.[0] ?? 'PCMU') as CodecName })
  t.after(() => port[Symbol.asyncDispose]())
  const first = new End({ socket: world.carrier.socket } as ScriptedLeg, 'a')
  first.phone = port
  const caller = new End(ScriptedLeg.place(world.carrier, world.node, number, a ? { body: said(first) } : {}), 'a')
  caller.phone = port
  return { a: caller, b: new End(waiting, 'b'), invite: await waiting.next('INVITE') }
}

/** It answers in this codec; the caller, which must speak `a`, has its answer. */
export async function answered(
  t: TestContext,
  { a, b, invite }: { a: End; b: End; invite: Message },
  codecs: { a: CodecName; b: CodecName },
): Promise<string> {
  await b.take(t, codecs.b)
  b.hears(invite.body)
  b.leg.reply(invite, 200, { body: b.sdp([codecs.b]) })
  await b.leg.next('ACK')
  const answer = await a.leg.next('200 INVITE')
  a.leg.ack(answer)
  if (a.phone.codec !== codecs.a) await retuned(t, a, codecs.a)
  a.hears(answer.body)
  return answer.body
}

/** Another telephone of the site, which offers these. */
export async function telephone(
  t: TestContext,
  world: World,
  spoken: readonly Spoken[],
  to: string,
  headers: [string, string][] = [],
): Promise<End> {
  const at = new End({ socket: world.pbx.socket } as ScriptedLeg, 'b')
  await at.take(t, spoken[0] as CodecName)
  const end = new End(ScriptedLeg.place(world.pbx, world.siteSwitch, to, { body: at.sdp(spoken), headers }), 'b')
  end.phone = at.phone
  return end
}

/** The same telephone, at the same port, in another codec. */
export async function retuned(t: TestContext, end: End, codec: CodecName): Promise<void> {
  const { port } = end.phone.local
  await end.phone[Symbol.asyncDispose]()
  end.phone = await Phone.open({ address: end.leg.socket.address, codec, port })
  const { phone } = end
  t.after(() => phone[Symbol.asyncDispose]())
}

const TONES = [440, 700, 1000]

/** Both hear each other's tone now. */
export async function hearEachOther(a: End, b: End, what: string): Promise<void> {
  a.phone.speak(440)
  b.phone.speak(700)
  const [fromA, fromB] = [a.phone.heard.length, b.phone.heard.length]
  await until(`${what}: b hears a`, () => b.phone.heard.length > fromB + 12 && b.phone.tone(TONES) === 440)
  await until(`${what}: a hears b`, () => a.phone.heard.length > fromA + 12 && a.phone.tone(TONES) === 700)
}

export async function hangUp(world: World, a: End, b: End): Promise<void> {
  a.phone.quiet()
  b.phone.quiet()
  a.leg.ask('BYE')
  b.leg.reply(await b.leg.next('BYE'), 200)
  await a.leg.next('200 BYE')
  await world.quiet()
}

/** How many transcodings the subscriber may have at once. */
export async function ceiling(world: World, count: number): Promise<void> {
  const { allocations } = world.snapshot.subscribers[0]!
  const set = { kind: 'voice.transcode', guaranteed: 0, ceiling: count }
  await world.change({ allocations: [...allocations.filter(({ kind }) => kind !== set.kind), set] })
}

/** What became of the leases of transcoding since record `from`. */
export async function transcoded(world: World, from = 0): Promise<{ answered: boolean; released: string | null }[]> {
  const ids = new Map<string, { answered: boolean; released: string | null }>()
  for (const record of (await world.records()).slice(from)) {
    if (record.type === 'lease.taken' && record.lease.kind === 'voice.transcode')
      ids.set(record.lease.id, { answered: false, released: null })
    if (record.type === 'lease.answered' && ids.has(record.lease)) ids.get(record.lease)!.answered = true
    if (record.type === 'lease.released' && ids.has(record.lease.id))
      ids.get(record.lease.id)!.released = record.lease.reason ?? ''
  }
  return [...ids.values()]
}
