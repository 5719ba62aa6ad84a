import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { DialResult, ProgressOptions } from '#platform/words/index.ts'
import { countryTone, type ToneName, toneCycle } from '#protocol/audio/index.ts'
import { Pacer } from '../peer/audio/pacer.ts'
import { Stream } from '../peer/audio/stream.ts'
import { until } from '../peer/clock.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const CALLER = '+32470123456'
const TARGET = { trunk: 'other', number: '+3226660000' }

let world: World
let program: Program
let decide: (call: Commanded) => Promise<void> = async () => {}

before(async () => {
  world = await World.open({ voice: true })
  program = await Program.connect(world, (call) => decide(call))
})
const streams: Stream[] = []
after(async () => {
  for (const stream of streams) stream.close()
  await world[Symbol.asyncDispose]()
})

/** What a network's far end says, for `seconds`. */
function toneOf(name: ToneName, country: string, seconds: number): Int16Array {
  const cycle = toneCycle(countryTone(name, country))
  return Int16Array.from({ length: 8000 * seconds }, (_, i) => cycle[i % cycle.length]!)
}

/** A call that dials over a trunk which answers with 183 and this sound. */
async function dialled(pcm: Int16Array, progress?: ProgressOptions) {
  const result = Promise.withResolvers<DialResult>()
  let id = ''
  decide = async (call) => {
    id = call.offered.call
    result.resolve(await call.do('call.dial', { target: TARGET, ...(progress ? { progress } : {}) }))
    await call.do('call.hangup', {})
  }
  result.promise.catch(() => {})
  const b = ScriptedLeg.await(world.second)
  const a = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  const invite = await b.next('INVITE')
  const stream = await Stream.open(`${world.net}.3`, new Pacer(), [])
  streams.push(stream)
  const at = readSdp(invite.body)!
  stream.remote = { address: at.address, port: at.port }
  stream.say(pcm)
  stream.start()
  b.reply(invite, 183, { body: b.sdp({ port: stream.port }) })
  const events = async () => (await world.events()).filter(({ call }) => call === id)
  const tones = async () => (await events()).flatMap(({ type, data }) => (type === 'call.progress' ? [data.tone] : []))
  return { a, b, invite, stream, result: result.promise, events, tones, id: () => id }
}

/** The far end is told that nobody waits any more. */
async function cancelled({ b, invite }: Awaited<ReturnType<typeof dialled>>): Promise<void> {
  b.reply(await b.next('CANCEL'), 200)
  b.reply(invite, 487)
  await b.next('ACK')
}

test('a network that says busy by a tone behind 183: the caller hears it, the attempt ends as busy, and nothing is billed', async () => {
  const call = await dialled(toneOf('busy', 'be', 10), { country: 'be' })
  await cancelled(call)
  const { status, cause } = await call.result
  assert.deepEqual([status, cause.reason, cause.text], ['busy', 'busy', 'Busy tone'])
  await until('the end', () => call.a.phase === 'ended', 4000)
  await world.quiet()
  assert.deepEqual(await call.tones(), ['busy'])
  assert.ok(call.a.report().media!.heard.some(({ what }) => what === 425))
  assert.deepEqual(
    program.progress.filter((one) => one.call === call.id()).map(({ tone }) => tone),
    ['busy'],
  )
  const ear = (await world.leases()).filter(({ kind }) => kind === 'voice.detection').at(-1)
  assert.ok(ear && !ear.answered && ear.released !== null)
})

test('special information tones end an attempt; congestion is told and goes on where the program says so', async () => {
  const sit = [950, 1400, 1800].map((hz) => ({ frequencies: [hz], onMs: 330, offMs: 0 }))
  const gone = await dialled(toneCycle([sit[0]!, sit[1]!, { ...sit[2]!, offMs: 2000 }]), {})
  await cancelled(gone)
  assert.deepEqual([(await gone.result).status, (await gone.result).cause.text], ['failed', 'Special information tone'])
  await world.quiet()

  const full = await dialled(toneOf('congestion', 'us', 10), { country: 'us', end: false })
  await until('the tone', async () => (await full.tones()).length > 0, 6000)
  assert.deepEqual(await full.tones(), ['congestion'])
  full.a.cancel()
  await cancelled(full)
  await world.quiet()
})

test('a network that rings by a tone is told as ringing; nobody listens any more once it was answered, or where none was asked for', async () => {
  const rings = await dialled(toneOf('ringback', 'gb', 3), { country: 'gb' })
  await until('the tone', async () => (await rings.tones()).length > 0, 6000)
  rings.b.reply(rings.invite, 200, { body: rings.b.sdp({ port: rings.stream.port }) })
  await rings.b.next('ACK')
  await until('the answer', () => rings.a.phase === 'up', 4000)
  rings.stream.say(toneOf('busy', 'gb', 5))
  await new Promise((resolve) => setTimeout(resolve, 3500))
  assert.deepEqual(await rings.tones(), ['ringback'])
  assert.equal(rings.a.phase, 'up')
  rings.a.hangup()
  rings.b.reply(await rings.b.next('BYE'), 200)
  await world.quiet()

  const plain = await dialled(toneOf('busy', 'be', 6))
  await new Promise((resolve) => setTimeout(resolve, 3500))
  assert.deepEqual(await plain.tones(), [])
  plain.a.cancel()
  await cancelled(plain)
  await world.quiet()
})
