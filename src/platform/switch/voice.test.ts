import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId, silentLog, systemClock } from '#lib/index.ts'
import type { EndpointDescription, VoiceMethods } from '#platform/words/index.ts'
import { serveLink } from '#protocol/link/index.ts'
import { VoicePool } from './voice.ts'
import { VoiceUnavailable } from './voice-endpoint.ts'

type Link = { answers: Partial<VoiceMethods> }
type Asked = [method: string, params: unknown]

const DESCRIPTION: EndpointDescription = {
  transport: 'rtp',
  remote: { address: '192.0.2.1', port: 4000 },
  send: { codec: 'PCMU', payloadType: 0, ptimeMs: 20 },
  receive: { codec: 'PCMU', payloadType: 0, ptimeMs: 20 },
  direction: 'sendrecv',
}

async function reaches(list: unknown[], count: number) {
  for (let tries = 0; list.length < count && tries < 500; tries++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal(list.length, count)
}

/** The far end of a link to voice: it answers `open` and `claim`, and to nothing else a word as long as it is `mute`. */
async function voice() {
  const directory = mkdtempSync(join(tmpdir(), 'tl-voice-'))
  const path = join(directory, 'voice.sock')
  const asked: Asked[] = []
  const state = { mute: false, there: true }
  const open: { call: never; endpoint: never }[] = []
  const opening: string[] = []
  const note = (method: string) => (params: unknown) => {
    asked.push([method, params])
    return state.mute ? new Promise<null>(() => {}) : null
  }
  const serve = () =>
    serveLink<Link>({
      path,
      hello: { process: 'voice', version: 1 },
      log: silentLog,
      methods: {
        'endpoint.open': ({ call, endpoint }: VoiceMethods['endpoint.open']['params']) => {
          open.push({ call, endpoint } as never)
          opening.push(endpoint)
          if (state.mute) return new Promise(() => {})
          return { address: '127.0.0.1', port: 20_000 }
        },
        claim: () => ({ endpoints: state.there ? open : [] }),
        ...Object.fromEntries(
          ['describe', 'join', 'tones', 'informed', 'close'].map((name) => [`endpoint.${name}`, note(`endpoint.${name}`)]),
        ),
      } as never,
    })
  let server = await serve()
  const pool = new VoicePool({ log: silentLog, clock: systemClock })
  pool.start([path])
  return {
    pool,
    asked,
    opening,
    state,
    /** Waits until so much has been asked of it. */
    heard: (count: number) => reaches(asked, count),
    /** Waits until so many endpoints have been. */
    opens: (count: number) => reaches(opening, count),
    async restart() {
      await server.close()
      server = await serve()
    },
    async [Symbol.asyncDispose]() {
      pool.close()
      await server.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

test('what voice was being told as its link broke is told again, once it is there and has the endpoint', async () => {
  await using far = await voice()
  const endpoint = await far.pool.open(newId('call'), newId('sub'), 'node')
  far.state.mute = true
  const told = endpoint.describe(DESCRIPTION)
  await far.heard(1)
  far.state.mute = false
  await far.restart()
  await told
  assert.deepEqual(
    far.asked.map(([method]) => method),
    ['endpoint.describe', 'endpoint.describe'],
  )
})

test('an endpoint that voice was opening as it died is opened by the next one', async () => {
  await using far = await voice()
  far.state.mute = true
  const opened = far.pool.open(newId('call'), newId('sub'), 'node')
  await far.opens(1)
  far.state.mute = false
  await far.restart()
  const endpoint = await opened
  assert.equal(far.opening.length, 2)
  assert.equal(far.opening[1], endpoint.id)
  assert.notEqual(far.opening[0], endpoint.id, 'where the link alone broke, the first is there and is nobody’s')
  far.pool.close()
  await assert.rejects(far.pool.open(newId('call'), newId('sub'), 'node'), VoiceUnavailable)
})

test('an endpoint that voice has died of twice is not asked for again', async () => {
  await using far = await voice()
  far.state.mute = true
  const opened = far.pool.open(newId('call'), newId('sub'), 'node').catch((error: unknown) => error)
  for (const count of [1, 2]) {
    await far.opens(count)
    await far.restart()
  }
  assert.ok((await opened) instanceof VoiceUnavailable)
  assert.equal(far.opening.length, 2)
})

test('where voice has died with the endpoint, what it was being told fails as what comes later', async () => {
  await using far = await voice()
  const endpoint = await far.pool.open(newId('call'), newId('sub'), 'node')
  let lost = false
  endpoint.onLost = () => {
    lost = true
  }
  far.state.mute = true
  const told = endpoint.describe(DESCRIPTION).catch((error: unknown) => error)
  await far.heard(1)
  far.state.there = false
  await far.restart()
  assert.ok((await told) instanceof VoiceUnavailable)
  assert.ok(lost)
})

test('a key that voice may have had already is not told again', async () => {
  await using far = await voice()
  const endpoint = await far.pool.open(newId('call'), newId('sub'), 'node')
  far.state.mute = true
  const told = endpoint.informed('5')
  await far.heard(1)
  far.state.mute = false
  await far.restart()
  await assert.rejects(told, /the link is lost/)
  await far.pool.settled(endpoint)
  await endpoint.describe(DESCRIPTION)
  assert.deepEqual(
    far.asked.map(([method]) => method),
    ['endpoint.informed', 'endpoint.describe'],
  )
})

test('what becomes of tones is said again where voice may not have heard it', async () => {
  await using far = await voice()
  const endpoint = await far.pool.open(newId('call'), newId('sub'), 'node')
  far.pool.close()
  await assert.rejects(endpoint.tones('taken'))
  assert.notEqual(endpoint.tonesAre, 'taken')
  await assert.rejects(endpoint.tones('taken'), 'it is not taken for said')
})
