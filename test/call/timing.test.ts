import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import type { MediaStats } from '#platform/words/index.ts'
import type { CodecName } from '#protocol/audio/index.ts'
import { timestampDelta } from '#protocol/rtp/index.ts'
import type { Heard } from '../interop/voice-phone.ts'
import { until } from '../peer/clock.ts'
import { answered, type End, hangUp, hearEachOther, placed, retuned } from './codec-scene.ts'
import { World } from './harness.ts'

let world: World
before(async () => {
  world = await World.open({ voice: true, subscriber: { defaultRoute: { pbx: '101' } } })
})
after(() => world[Symbol.asyncDispose]())

/** What a compound packet holds: the type of each packet in it, and of which sources it is (RFC 3550 §6). */
function compound(bytes: Buffer): { type: number; sources: number[]; packets?: number }[] {
  const parts = []
  for (let at = 0; at + 8 <= bytes.length; ) {
    const type = bytes[at + 1]!
    const count = bytes[at]! & 0x1f
    const end = at + 4 * (bytes.readUInt16BE(at + 2) + 1)
    const sources: number[] = []
    if (type === 200 || type === 201) sources.push(bytes.readUInt32BE(at + 4))
    if (type === 203) for (let i = 0; i < count; i++) sources.push(bytes.readUInt32BE(at + 4 + 4 * i))
    for (let chunk = at + 4, i = 0; type === 202 && i < count; i++) {
      sources.push(bytes.readUInt32BE(chunk))
      chunk = (chunk + 6 + bytes[chunk + 5]! + 4) & ~3
    }
    parts.push({ type, sources, ...(type === 200 ? { packets: bytes.readUInt32BE(at + 20) } : {}) })
    at = end
  }
  return parts
}

/** One stream: one source, a marker where it begins, times that only grow. */
function streamOf(heard: readonly Heard[]): number {
  const [first] = heard
  assert.ok(first?.marker, 'it begins with a marker')
  assert.deepEqual([...new Set(heard.map(({ ssrc }) => ssrc))], [first.ssrc])
  for (const [i, { timestamp }] of heard.entries()) {
    if (i > 0) assert.ok(timestampDelta(timestamp, heard[i - 1]!.timestamp) > 0, `M06 packet ${i}`)
  }
  return first.ssrc
}

test('M06 each clock rate of a leg is a source of its own, of which the old one takes leave (RFC 7160)', async (t) => {
  const call = await placed(t, world, { a: ['PCMU'] })
  const { a, b } = call
  const control = dgram.createSocket('udp4').bind(0, world.pbx.socket.address)
  t.after(() => control.close())
  await once(control, 'listening')
  const reports: ReturnType<typeof compound>[] = []
  control.on('message', (bytes) => void reports.push(compound(bytes)))
  await answered(t, call, { a: 'PCMU', b: 'PCMU' })
  const change = async (codec: CodecName) => {
    await retuned(t, b, codec)
    b.leg.ask('INVITE', { body: b.sdp([codec], [`a=rtcp:${control.address().port}`]) })
    const answer = await b.leg.next('200 INVITE')
    b.leg.ack(answer)
    b.hears(answer.body)
    await hearEachOther(a, b, codec)
    return streamOf(b.phone.heard.filter(({ payloadType }) => payloadType === b.phone.payloadType))
  }
  await hearEachOther(a, b, 'before')
  const first = streamOf(b.phone.heard)
  const before = b.phone.heard.length
  const toA = new Set(a.phone.heard.map(({ ssrc }) => ssrc))
  const second = await change('opus')
  assert.notEqual(second, first)
  const told = () => reports.find((parts) => parts[0]?.sources[0] === second)
  const leave = await until('the first report of the new source', told, 5000)
  const [current, old, names, goodbye] = leave
  assert.deepEqual([current?.type, current?.sources], [200, [second]], 'first the mapping of the clock that counts now')
  assert.deepEqual([old?.type, old?.sources], [200, [first]], 'then that of the one before')
  assert.ok(current!.packets! >= 1 && current!.packets! < before && old!.packets! >= before, 'each counts its own')
  assert.deepEqual([names?.type, names?.sources], [202, [second, first]])
  assert.deepEqual([goodbye?.type, goodbye?.sources], [203, [first]])
  const third = await change('PCMA')
  assert.ok(third !== first && third !== second, 'a clock rate that comes back is another source again')
  const gone = (parts: ReturnType<typeof compound>) => parts.some(({ type, sources }) => type === 203 && sources[0] === second)
  await until('leave of the second', () => reports.some(gone), 5000)
  a.phone.heard.forEach(({ ssrc }) => void toA.add(ssrc))
  assert.equal(toA.size, 1, 'the other leg has one clock, and one source')
  await hangUp(world, a, b)
  const sent = await siteMedia()
  assert.ok(sent.packetsSent > before, 'the figures are of all sources')
})

/** The figures of the newest call's leg at the site, in its last event. */
async function siteMedia(): Promise<MediaStats> {
  const events = await world.events()
  const cleared = events.filter(({ type, data }) => type === 'leg.cleared' && data.media)
  const leg = events.findLast(({ type, data }) => type === 'leg.originated' && data.via === 'channel')?.leg
  return cleared.findLast((event) => event.leg === leg)!.data.media as MediaStats
}

test('S50 a far end that speaks at two clock rates, under one source or two, is heard, and its keys, and its jitter is its own', async (t) => {
  const { a, b, invite } = await placed(t, world, { a: ['PCMU'] })
  await b.take(t, 'PCMU')
  b.hears(invite.body)
  const lines = ['a=rtpmap:97 telephone-event/48000']
  const sdp = b.sdp(['PCMU', 'opus'], lines).replace(/^(m=audio.*)$/m, '$1 97')
  b.leg.reply(invite, 200, { body: sdp })
  await b.leg.next('ACK')
  const answer = await a.leg.next('200 INVITE')
  a.leg.ack(answer)
  a.hears(answer.body)
  const formats = new Map([...invite.body.matchAll(/^a=rtpmap:(\d+) (\S+)/gm)].map(([, type, name]) => [name, Number(type)]))
  const [opus, keys] = [formats.get('opus/48000/2')!, formats.get('telephone-event/48000')!]
  for (const [round, codec] of (['PCMU', 'opus', 'PCMU', 'opus'] as const).entries()) {
    if (round === 3) b.phone.ssrc = 0x2000
    const hz = [700, 440, 1000, 700][round]!
    b.phone.speak(hz, 20, { codec, type: codec === 'opus' ? opus : b.phone.payloadType })
    await until(`${hz} Hz in ${codec}`, () => a.phone.tone([440, 700, 1000]) === hz, 5000)
  }
  b.phone.quiet()
  b.phone.press('5', keys, 100, 48_000)
  await until('the key at 48 kHz', () => a.keys().length === 1 && a.keys()[0] === 5, 5000)
  const pressed = a.phone.heard.filter(({ payloadType }) => payloadType === a.ownEvents).at(-1)!
  assert.equal((pressed.payload[2]! << 8) | pressed.payload[3]!, 800, '100 ms by the clock of whoever hears it')
  await hangUp(world, a, b)
  const { received } = await siteMedia()
  assert.ok(received && received.packetsLost === 0 && received.jitterMs < 20, JSON.stringify(received))
})

/** What a telephone has heard in `ms`: each packet as long as was agreed on, and as much sound as there was time, to one packet. */
async function paced(end: End, ptimeMs: number, ms: number): Promise<void> {
  const from = end.phone.heard.length
  await new Promise((resolve) => setTimeout(resolve, ms))
  const heard = end.phone.heard.slice(from)
  const first = heard[0]!
  const last = heard.at(-1)!
  const frame = ptimeMs * 8
  assert.ok(heard.every(({ payload }) => payload.length === frame))
  for (const [i, { sequence, timestamp }] of heard.entries()) {
    if (i === 0) continue
    assert.equal((sequence - heard[i - 1]!.sequence) & 0xffff, 1, `packet ${i}`)
    assert.equal(timestampDelta(timestamp, heard[i - 1]!.timestamp), frame, `the time of packet ${i}`)
  }
  const soundMs = (heard.length - 1) * ptimeMs
  // A busy machine is late by a few packets; what is lost by and by in a minute shows as more than that in no time at all.
  assert.ok(Math.abs(soundMs - (last.at - first.at)) < 3 * ptimeMs, `${soundMs} ms of sound in ${last.at - first.at} ms`)
}

test('S52 30 ms and 20 ms reach each other at what each has asked for, and so does a sender that goes from 40 to 20 ms by itself', async (t) => {
  const { a, b, invite } = await placed(t, world, { a: ['PCMU'], said: (end) => end.sdp(['PCMU'], ['a=ptime:30']) })
  await b.take(t, 'PCMU')
  b.hears(invite.body)
  assert.match(invite.body, /a=ptime:20\r\n/)
  b.leg.reply(invite, 200, { body: b.sdp(['PCMU'], ['a=ptime:20']) })
  await b.leg.next('ACK')
  const answer = await a.leg.next('200 INVITE')
  a.leg.ack(answer)
  a.hears(answer.body)
  a.phone.speak(440, 30)
  b.phone.speak(700, 20)
  await until('b hears a', () => b.phone.tone([440, 700, 1000], 400) === 440, 5000)
  await until('a hears b', () => a.phone.tone([440, 700, 1000], 400) === 700, 5000)
  await Promise.all([paced(a, 30, 1500), paced(b, 20, 1500)])
  a.phone.speak(1000, 40)
  await until('40 ms', () => b.phone.tone([440, 700, 1000], 400) === 1000, 5000)
  await paced(b, 20, 600)
  a.phone.speak(440, 20)
  await until('20 ms', () => b.phone.tone([440, 700, 1000], 400) === 440, 5000)
  await paced(b, 20, 1000)
  await hangUp(world, a, b)
})
