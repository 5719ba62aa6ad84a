import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { type Id, newId } from '#lib/index.ts'
import { type RecordingFacts, RecordingShelf, RecordingWriter } from '#platform/recording/index.ts'
import { subscriberSealer } from '#platform/subscriber/index.ts'
import { SHARED } from '#platform/words/index.ts'
import { readWav } from '#protocol/soundfile/index.ts'
import { type Bench, type InstalledBody, installed, startBench, until } from './bench.ts'
import { done } from './tieline.ts'

const DAY_MS = 86_400_000
const SOUND = Int16Array.from({ length: 12_000 }, (_, i) => i)

let bench: Bench
let acme: InstalledBody
let recording: Id<'rec'>

before(async () => {
  bench = await startBench()
  acme = await installed(bench, 'acme', '+3225550101')
  recording = await recorded()
})
after(() => bench?.[Symbol.asyncDispose]())

/** As voice leaves one, so many days ago. */
async function recorded(days = 0): Promise<Id<'rec'>> {
  const sealerOf = (subscriber: Id<'sub'>) => subscriberSealer(bench.sealingKey, subscriber)
  const shelf = new RecordingShelf({ directory: join(bench.state, SHARED.recordings), sealerOf })
  const id = newId('rec', Date.now() - days * DAY_MS)
  const about = { id, subscriber: acme.subscriber.id, call: newId('call'), startedAt: '2026-11-01T00:00:00.000Z' }
  const { file, key, header } = shelf.place({ ...about, channels: 1 })
  await using writer = await RecordingWriter.create(file, Buffer.from(key, 'base64'), header)
  writer.write(SOUND)
  return id
}

const audio = (range?: string, key = acme.apiKey) =>
  fetch(`${bench.control.url}/v1/subscribers/acme/recordings/${recording}/audio`, {
    headers: { authorization: `Bearer ${key}`, ...(range ? { range } : {}) },
  })

it('a subscriber lists its recordings, and hears them whole or in part', async () => {
  const { body } = await bench.api<{ items: RecordingFacts[] }>('GET', '/v1/subscribers/acme/recordings', { key: acme.apiKey })
  assert.deepEqual(
    body.items.map(({ id, durationMs, complete }) => ({ id, durationMs, complete })),
    [{ id: recording, durationMs: 1500, complete: true }],
  )
  const whole = await audio()
  assert.equal(whole.status, 200)
  assert.equal(whole.headers.get('content-type'), 'audio/wav')
  const wav = Buffer.from(await whole.arrayBuffer())
  assert.deepEqual(readWav(wav), SOUND)
  const part = await audio('bytes=16000-16099')
  assert.equal(part.status, 206)
  assert.equal(part.headers.get('content-range'), `bytes 16000-16099/${wav.length}`)
  assert.deepEqual(Buffer.from(await part.arrayBuffer()), wav.subarray(16_000, 16_100))
  const behind = await audio(`bytes=${wav.length}-`)
  assert.equal(behind.status, 416)
  assert.equal(behind.headers.get('content-range'), `bytes */${wav.length}`)
})

it('T02 another subscriber finds nothing, nor does a path that is none', async () => {
  const globex = await installed(bench, 'globex', '+3225550102')
  assert.equal((await audio(undefined, globex.apiKey)).status, 404)
  const odd = '/v1/subscribers/acme/recordings/..%2f..%2fcontrol%2foperator.key/audio'
  assert.equal((await bench.api('GET', odd, { key: acme.apiKey })).status, 404)
  const own = `/v1/subscribers/globex/recordings/${recording}`
  assert.equal((await bench.api('GET', own, { key: globex.apiKey })).status, 404)
  assert.equal((await bench.api('DELETE', own, { key: globex.apiKey })).status, 404)
})

it('the CLI lists, gets and removes', async () => {
  const list = await tieline('list', 'acme')
  assert.match(list, new RegExp(`${recording} +2026-11-01T00:00:00.000Z +1.5 `))
  const file = join(bench.state, 'heard.wav')
  await tieline('get', 'acme', recording, '--out', file)
  assert.deepEqual(readWav(readFileSync(file)), SOUND)
  await tieline('remove', 'acme', recording)
  assert.match(await tieline('list', 'acme'), /Nothing is recorded/)
  assert.equal((await audio()).status, 404)
})

it('what was kept for as long as is configured is gone, the rest is there', async () => {
  const { retentionDays } = bench.config.recordings
  const [old, young] = [await recorded(retentionDays + 1), await recorded(retentionDays - 1)]
  const listed = async () => {
    const { body } = await bench.api<{ items: RecordingFacts[] }>('GET', '/v1/subscribers/acme/recordings', { key: acme.apiKey })
    return body.items.map(({ id }) => id)
  }
  assert.deepEqual(await listed(), [old, young])
  await bench.restart()
  await until('the old one to be gone', async () => !(await listed()).includes(old))
  assert.deepEqual(await listed(), [young])
})

const tieline = (...args: string[]) => done(bench, 'recording', ...args)
