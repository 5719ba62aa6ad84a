import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import { type Phone, pause, until } from './voice-phone.ts'
import type { VoiceProcess } from './voice-process.ts'
import { type Leg, openLeg, SUB, startVoice } from './voice-scene.ts'

const TONES = [400, 700, 1000]

/** Of the three tones, those that are in the last 200 ms of what came. */
const hears = (phone: Phone) => TONES.filter((hz) => phone.strength(hz) > 3000)
const same = (a: number[], b: number[]) => a.join() === b.join()

async function sit(voice: VoiceProcess, { endpoint }: Leg, part: { muted?: boolean } = {}) {
  const verb = newId('verb')
  const left = voice.call('conference.sit', { endpoint, verb, conference: `${SUB}/room`, muted: part.muted ?? false })
  left.catch(() => {})
  return { verb, left }
}

test('ten in a conference hear each other and nobody himself, whatever their law and their frames', async (t) => {
  const voice = await startVoice(t)
  const kinds = [{}, { codec: 'PCMA' as const }, { ptimeMs: 30 }, { ptimeMs: 10 }]
  const legs = await Promise.all(Array.from({ length: 10 }, (_, i) => openLeg(t, voice, newId('call'), 'node', kinds[i] ?? {})))
  const seats = await Promise.all(legs.map((leg) => sit(voice, leg)))
  for (const [i, hz] of TONES.entries()) legs[i]!.phone.speak(hz)
  for (const [i, { phone }] of legs.entries()) {
    const others = TONES.filter((_, speaker) => speaker !== i)
    await until(`${i} hears ${others}`, () => same(hears(phone), others))
  }
  for (const { phone } of legs) {
    const [first, last] = [phone.heard[0]!, phone.heard.at(-1)!]
    assert.equal((last.sequence - first.sequence) & 0xffff, phone.heard.length - 1)
    assert.equal(new Set(phone.heard.map(({ ssrc }) => ssrc)).size, 1)
  }
  const speakers = voice.told.flatMap(({ name, params }) => (name === 'speaking' && params.speaking ? [params.endpoint] : []))
  assert.deepEqual(new Set(speakers), new Set(legs.slice(0, 3).map(({ endpoint }) => endpoint)))
  await voice.call('stop', { verb: seats[1]!.verb })
  assert.deepEqual(await seats[1]!.left, { reason: 'stopped' })
  await voice.call('endpoint.close', { endpoint: legs[2]!.endpoint })
  assert.deepEqual(await seats[2]!.left, { reason: 'gone' })
  await until('one speaker is left', () => same(hears(legs[5]!.phone), [400]))
})

test('a muted one is not heard, a coach only by whom he coaches, an announcement by all', async (t) => {
  const voice = await startVoice(t)
  const [a, b, c] = (await Promise.all([0, 1, 2].map(() => openLeg(t, voice, newId('call'), 'node')))) as [Leg, Leg, Leg]
  for (const leg of [a, b]) await sit(voice, leg)
  await sit(voice, c, { muted: true })
  for (const [i, leg] of [a, b, c].entries()) leg.phone.speak(TONES[i]!)
  const all = async (what: string, expected: number[][]) => {
    for (const [i, { phone }] of [a, b, c].entries()) await until(`${what}: ${i}`, () => same(hears(phone), expected[i]!))
  }
  await all('muted', [[700], [400], [400, 700]])
  await voice.call('conference.change', { endpoint: c.endpoint, muted: false, coached: a.endpoint })
  await all('coaching', [[700, 1000], [400], [400, 700]])
  await voice.call('conference.change', { endpoint: c.endpoint, muted: false })
  await all('heard by all', [
    [700, 1000],
    [400, 1000],
    [400, 700],
  ])
  for (const leg of [a, b, c]) leg.phone.quiet()
  await pause(300)
  const source = { tone: [{ frequencies: [1000], onMs: 1000, offMs: 0 }], totalMs: 800 }
  const said = voice.call('play', { endpoint: a.endpoint, verb: newId('verb'), source, toAll: true })
  await all('announced', [[1000], [1000], [1000]])
  assert.deepEqual(await said, { reason: 'done', playedMs: 800 })
  const verb = newId('verb')
  const long = voice.call('play', { endpoint: a.endpoint, verb, source: { ...source, totalMs: 60_000 }, toAll: true })
  await all('announced again', [[1000], [1000], [1000]])
  await voice.call('endpoint.close', { endpoint: a.endpoint })
  assert.equal((await long).reason, 'gone')
  await until('the announcement has gone with its seat', () => same(hears(b.phone), []))
})
