import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Id, newId } from '#lib/index.ts'
import { RecordingShelf } from '#platform/recording/index.ts'
import { subscriberSealer } from '#platform/subscriber/index.ts'
import { SHARED } from '#platform/words/index.ts'
import { amplitudeAt } from '#protocol/audio/index.ts'
import { Phone } from '../interop/voice-phone.ts'
import { sleep, until } from '../peer/clock.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const BEEP = 1000
let world: World
let phone: Phone
let decide: (call: Commanded) => Promise<void> = async () => {}

before(async () => {
  world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  await Program.connect(world, (call) => decide(call))
})
after(() => world[Symbol.asyncDispose]())

/** What the switch and voice have left on the disk, as control reads it. */
const shelf = () =>
  new RecordingShelf({
    directory: join(world.directory, SHARED.recordings),
    sealerOf: (subscriber) => subscriberSealer(world.sealingKey, subscriber),
  })

async function read(id: Id<'rec'>): Promise<{ pcm: Int16Array; channels: number }> {
  await using reader = await shelf().open(world.acme, id)
  assert.ok(reader.complete)
  const parts: Buffer[] = []
  for await (const part of reader.read(44, reader.bytes)) parts.push(part)
  return { pcm: new Int16Array(new Uint8Array(Buffer.concat(parts)).buffer), channels: reader.header.channels }
}

/** How much of it has the tone, ms. */
function lasts(pcm: Int16Array, hz: number): number {
  let ms = 0
  for (let at = 0; at + 160 <= pcm.length; at += 160) if (amplitudeAt(pcm.subarray(at, at + 160), hz) > 1500) ms += 20
  return ms
}

/** A caller whose telephone the test has in its hand, as long as the program has the call. */
async function withCaller(program: (call: Commanded) => Promise<void>): Promise<void> {
  phone = await Phone.open({ address: `${world.net}.2` })
  const done = Promise.withResolvers<void>()
  const offered = Promise.withResolvers<Commanded>()
  decide = async (call) => {
    await call.do('call.answer', {})
    offered.resolve(call)
    await done.promise
    await call.do('call.hangup', {})
  }
  const caller = ScriptedLeg.place(world.carrier, world.node, DID, { sdp: { port: phone.local.port } })
  const answer = await caller.next('200 INVITE')
  caller.ack(answer)
  phone.towards(readSdp(answer.body)!)
  try {
    await program(await offered.promise)
  } finally {
    done.resolve()
    caller.reply(await caller.next('BYE', 5000), 200)
    await phone[Symbol.asyncDispose]()
    await world.quiet()
  }
}

test('a recording begins with a beep and ends at its key, by silence, or at its longest; it holds what was said', async () => {
  await withCaller(async (call) => {
    const keyed = call.do('call.record', { finishKey: '#', maxSeconds: 30 })
    await until('the beep', () => phone.tone([440, BEEP]) === BEEP, 3000)
    await sleep(300)
    phone.speak(440)
    await sleep(600)
    phone.quiet()
    phone.press('#')
    const first = await keyed
    assert.equal(first.reason, 'finish-key')
    const { pcm, channels } = await read(first.recording as Id<'rec'>)
    assert.equal(channels, 1)
    assert.ok(Math.abs(lasts(pcm, 440) - 600) < 100, `${lasts(pcm, 440)} ms`)
    assert.equal(lasts(pcm, BEEP), 0, 'the beep is not in it')
    assert.ok(Math.abs(pcm.length / 8000 - first.durationSeconds) < 0.01)

    phone.heard.length = 0
    const still = call.do('call.record', { silenceSeconds: 0.6, maxSeconds: 30, beep: false })
    await sleep(200)
    phone.speak(440)
    await sleep(900)
    phone.quiet()
    const second = await still
    assert.equal(second.reason, 'silence')
    assert.ok(second.durationSeconds > 1.3 && second.durationSeconds < 3, `${second.durationSeconds} s`)
    assert.equal(phone.heard.length, 0, 'no beep')

    phone.speak(440)
    const longest = await call.do('call.record', { maxSeconds: 0.5, beep: false })
    assert.deepEqual([longest.reason, longest.durationSeconds], ['max', 0.5])
    phone.quiet()
  })
})

test('what is said in a pause is left out of the program’s own recording, too', async () => {
  await withCaller(async (call) => {
    phone.speak(440)
    const recorded = call.do('call.record', { finishKey: '#', maxSeconds: 30, beep: false })
    await sleep(700)
    await call.do('call.pauseRecording', { paused: true })
    phone.speak(700)
    await sleep(700)
    phone.speak(440)
    await sleep(300)
    await call.do('call.pauseRecording', { paused: false })
    await sleep(500)
    phone.quiet()
    phone.press('#')
    const { pcm } = await read((await recorded).recording as Id<'rec'>)
    assert.equal(lasts(pcm, 700), 0)
    assert.ok(lasts(pcm, 440) > 900 && lasts(pcm, 440) < 1600, `${lasts(pcm, 440)} ms`)
  })
})

test('both sides of a talk are on one channel where that is asked for, sealed with the subscriber’s key alone', async () => {
  await withCaller(async (call) => {
    phone.speak(440)
    const dialled = call.do('call.dial', { target: { pbx: '101' }, record: 'mono' })
    await until('the other one', () => phone.tone([440, 700]) === 700, 4000)
    await sleep(900)
    world.pbx.calls.at(-1)!.hangup()
    const { recording } = (await dialled) as { recording: Id<'rec'> }
    const ended = async () =>
      (await world.events()).some(({ type, data }) => type === 'recording.ended' && data.recording === recording)
    await until('its end', ended, 3000)
    const { pcm, channels } = await read(recording)
    assert.equal(channels, 1)
    assert.ok(lasts(pcm, 440) > 600 && lasts(pcm, 700) > 600, `${lasts(pcm, 440)} and ${lasts(pcm, 700)} ms`)
    const directory = join(world.directory, SHARED.recordings)
    const sealed = readFileSync(join(directory, world.acme, `${recording}.tlrec`))
    for (let at = 0; at < pcm.length; at += 4000)
      assert.ok(!sealed.includes(Buffer.from(pcm.buffer, 2 * at, 32)), 'it is not there in the clear')
    for (const sealer of [
      subscriberSealer(world.sealingKey, newId('sub')),
      subscriberSealer(Buffer.alloc(32, 8).toString('base64'), world.acme),
    ])
      await assert.rejects(new RecordingShelf({ directory, sealerOf: () => sealer }).open(world.acme, recording))
  })
})
