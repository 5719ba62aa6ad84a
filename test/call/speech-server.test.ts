import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Call } from '../../sdk/src/call.ts'
import { VerbError } from '../../sdk/src/error.ts'
import { RealtimeServer } from '../../sdk/src/realtime-server.ts'
import { SpeechServer } from '../../sdk/src/speech-server.ts'
import { TranscriptionServer } from '../../sdk/src/transcription-server.ts'
import { until } from '../peer/clock.ts'
import { startRealtimeServer } from '../peer/realtime-server.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const NEVER = new AbortController().signal
const failed = (error: unknown) => error instanceof VerbError && error.code === 'speech-failed'

/** 700 Hz at 24 kHz, as bytes. */
const tone = (ms: number) =>
  Buffer.from(
    Int16Array.from({ length: 24 * ms }, (_, i) => Math.round(8000 * Math.sin((2 * Math.PI * 700 * i) / 24_000))).buffer,
  )

/** A speech server that does what the test says, and what it was asked. */
async function speechServer(t: TestContext, answer: (response: ServerResponse) => void, timeout = 5) {
  const asked: { body: Record<string, unknown>; request: IncomingMessage }[] = []
  const server = createServer(async (request, response) => {
    const body = JSON.parse(Buffer.concat(await request.toArray()).toString())
    asked.push({ body, request })
    answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  const engine = new SpeechServer({ url, model: 'tts-1', voice: 'nova', key: 'secret', timeout, cacheBytes: 100_000 })
  return { engine, asked }
}

/** Whether a count that is looked at has not grown for 100 ms. */
function stopping(): (count: number) => boolean {
  let last = -1
  let since = 0
  return (count) => {
    if (count !== last) since = performance.now()
    last = count
    return performance.now() - since > 100
  }
}

/** A call as the SDK has it. */
function callOf(world: World, { offered, do: command }: Commanded): Call {
  return new Call(offered, {
    command: (method: string, { call: _, ...params }: { call?: string }) => command(method as 'call.answer', params as never),
    audio: (socket: string) => net.connect(join(world.run, 'agents', socket)),
  } as never)
}

async function say(engine: SpeechServer, text: string): Promise<number> {
  let count = 0
  for await (const piece of engine.speak({ text }, NEVER)) count += piece.length
  return count
}

test('a speech server is asked as OpenAI’s is, and what it has said is kept within bounds', async (t) => {
  const sound = tone(1000)
  const { engine, asked } = await speechServer(t, (response) => {
    response.setHeader('content-type', 'audio/pcm')
    response.write(sound.subarray(0, 1001))
    response.end(sound.subarray(1001))
  })
  for (const text of ['one', 'one', 'two', 'three', 'one']) assert.equal(await say(engine, text), 24_000)
  assert.deepEqual([engine.hits, engine.misses, asked.length], [1, 4, 4])
  assert.deepEqual(asked[0]!.body, { model: 'tts-1', voice: 'nova', speed: 1, input: 'one', response_format: 'pcm' })
  assert.deepEqual([asked[0]!.request.url, asked[0]!.request.headers.authorization], ['/v1/audio/speech', 'Bearer secret'])
})

test('C10 a gather hears keys and speech by a transcription server of the office, and one that fails is told in time', async (t) => {
  const files: Buffer[] = []
  const quiet = Promise.withResolvers<void>()
  const server = createServer(async (request, response) => {
    files.push(Buffer.concat(await request.toArray()))
    if (files.length === 1) {
      // The prompt has ended by the voice, not by what was understood.
      await quiet.promise
      response.end('{"text":" To the moon! "}')
    } else if (files.length === 2) response.end('{"text":7}')
    else if (files.length === 3) response.flushHeaders()
    else response.end('{"text":""}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  const engine = new TranscriptionServer({ url, model: 'whisper-1', timeout: 1.5 })
  await using world = await World.open({ voice: true })
  const results: unknown[] = []
  using _program = await Program.connect(world, async (commanded) => {
    const call = callOf(world, commanded)
    const prompt = { say: 'Where would you like to go? '.repeat(20), speech: { engine }, language: 'en-GB' }
    for (let i = 0; i < 4; i++)
      results.push(
        await call
          .gather({ ...prompt, ...(i === 0 ? { grammar: ['Home', 'To the Moon'] } : {}) })
          .catch((error) => (error as VerbError).code),
      )
    results.push(await call.gather({ speech: { engine }, timeout: 0.3 }))
    results.push(await call.gather({ ...prompt, maxDigits: 1 }))
    results.push(await call.gather({ ...prompt, input: ['speech'] }).catch((error) => (error as VerbError).code))
  })
  const caller = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  const streams = async (count: number) =>
    until('a stream', async () => (await world.events()).filter(({ type }) => type === 'stream.started').length === count, 6000)
  const heard = () => caller.report().media!.received
  const hasStopped = stopping()
  for (let i = 0; i < 4; i++) {
    await streams(i + 1)
    const before = heard()
    await until('the prompt', () => heard() > before + 10, 5000)
    caller.stream.say(Int16Array.from({ length: 4800 }, (_, n) => Math.round(8000 * Math.sin(n / 2))))
    if (i === 0) {
      await until('the end of the prompt', () => hasStopped(heard()), 3000)
      quiet.resolve()
    }
    await until('its end', () => results.length === i + 1, 8000)
  }
  await streams(6)
  caller.stream.press('7')
  await until('the key', () => results.length === 6, 8000)
  await streams(7)
  caller.hangup()
  await until('the end', () => results.length === 7, 5000)
  await world.quiet()
  assert.deepEqual(results, [
    { digits: '', reason: 'speech', speech: { text: 'To the Moon' } },
    'recognition-failed',
    'recognition-failed',
    { digits: '', reason: 'no-match' },
    { digits: '', reason: 'timeout' },
    { digits: '7', reason: 'max-digits' },
    'call-gone',
  ])
  const leases = await world.leases()
  assert.ok(leases.every(({ kind, released }) => kind !== 'voice.recognition' && released !== null))
  assert.equal(leases.filter(({ kind }) => kind === 'voice.stream').length, 7)
  const wav = files[0]!.subarray(files[0]!.indexOf('RIFF'))
  assert.equal(wav.readUInt32LE(24), 8000)
  const samples = wav.readUInt32LE(40) / 2
  assert.ok(samples > 4800 && samples < 24_000, `${samples} samples`)
  assert.match(files[0]!.toString('latin1'), /name="model"\r\n\r\nwhisper-1/)
})

test('a caller hears what a speech server says, and a server that says nothing takes nothing', async (t) => {
  let silent = false
  const { engine } = await speechServer(t, (response) => (silent ? response.destroy() : response.end(tone(800))))
  await using world = await World.open({ voice: true })
  const played: number[] = []
  let refused: unknown
  using _program = await Program.connect(world, async (commanded) => {
    const call = callOf(world, commanded)
    await call.answer()
    played.push((await call.say('Welcome.', { engine })).playedMs, (await call.say('Welcome.', { engine })).playedMs)
    silent = true
    refused = await call.say('Anything else.', { engine }).catch((error) => error)
    await call.hangup()
  })
  const caller = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('the end', () => caller.phase === 'ended', 10_000)
  await world.quiet()
  assert.deepEqual(played, [800, 800])
  assert.ok(failed(refused))
  assert.equal(engine.hits, 1)
  assert.ok((caller.report().media?.heard ?? []).filter(({ what }) => what === 700).length >= 4)
  const leases = (await world.leases()).filter(({ kind }) => kind.startsWith('voice.s'))
  assert.deepEqual(
    leases.map(({ kind, answered }) => [kind, answered]),
    [
      ['voice.stream', true],
      ['voice.stream', true],
    ],
  )
})

/** Words, for whoever listens for a voice; and silence behind them. */
function voice(ms: number): Int16Array {
  return Int16Array.from({ length: 8 * (ms + 3000) }, (_, n) => (n < 8 * ms ? Math.round(8000 * Math.sin(n / 2)) : 0))
}

test('C10 C11 a gather tells what a realtime server of the office understands while the caller speaks; who hangs up leaves nothing', async () => {
  using server = await startRealtimeServer({ text: 'please take me to the moon and back' })
  const engine = new RealtimeServer({ url: server.url, key: 'secret', model: 'live', prompt: 'Acme' })
  await using world = await World.open({ voice: true })
  const results: unknown[] = []
  const partials: { text: string; samples: number }[] = []
  using _program = await Program.connect(world, async (commanded) => {
    const call = callOf(world, commanded)
    call.on('partial', (text) => partials.push({ text, samples: server.samples }))
    const options = { speech: { engine }, language: 'en-GB', grammar: ['Home', 'To the Moon'] }
    for (let i = 0; i < 2; i++) results.push(await call.gather(options).catch((error) => (error as VerbError).code))
  })
  const caller = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('somebody to listen', () => server.told.length > 0, 6000)
  caller.stream.say(voice(2000))
  await until('words', () => partials.length > 0, 3000)
  assert.deepEqual(results, [], 'the caller still speaks')
  await until('what was understood', () => results.length === 1, 6000)
  // Word by word, each time all of it, from the first tenths of a second on.
  assert.equal(partials[0]!.text, 'please')
  assert.ok(partials[0]!.samples < 24 * 1000, `after ${partials[0]!.samples / 24} ms of sound`)
  assert.ok(partials.length >= 5 && partials.every(({ text }, i) => i === 0 || text.startsWith(partials[i - 1]!.text)))
  assert.ok(server.samples >= 24 * 2500, 'the whole, with the silence that ended it')
  const [{ session }] = server.told as [{ session: { type: string; audio: { input: Record<string, unknown> } } }]
  assert.deepEqual(session, {
    type: 'transcription',
    audio: {
      input: {
        format: { type: 'audio/pcm', rate: 24_000 },
        transcription: { model: 'live', language: 'en', prompt: 'Acme, Home, To the Moon' },
        turn_detection: null,
      },
    },
  })
  const told = partials.length
  await until('it to listen again', () => server.open === 1, 4000)
  caller.stream.say(voice(2000))
  await until('words again', () => partials.length > told, 4000)
  caller.hangup()
  await until('the end', () => results.length === 2, 5000)
  await world.quiet()
  assert.deepEqual(results, [{ digits: '', reason: 'speech', speech: { text: 'To the Moon' } }, 'call-gone'])
  await until('no connection to be left', () => server.open === 0, 3000)
  for (let i = 0; i < 100; i++) {
    const recognition = engine.listen({ language: 'en' }, () => {})
    recognition.push(new Int16Array(160))
    if (i % 3 > 0) await until('a connection', () => server.open > 0, 2000)
    if (i % 3 > 1) recognition.finish()
    recognition.close()
    await assert.rejects(recognition.done)
  }
  await until('no connection to be left', () => server.open === 0, 3000)
})
