import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { readWav } from '#protocol/soundfile/index.ts'
import {
  countryTone,
  decodeG711,
  encodeG711,
  ProgressDetector,
  TONE_COUNTRIES,
  TONE_NAMES,
  type ToneName,
  toneCycle,
} from './index.ts'

/** A network's own tone, as it comes over G.711 at some loudness, from the middle of a round, with noise beside it. */
function tone(name: ToneName, country: string, ms: number, { from = 0, loudness = 1, noise = 0 } = {}): Int16Array {
  const cycle = toneCycle(countryTone(name, country))
  let seed = 3
  const pcm = Int16Array.from({ length: ms * 8 }, (_, i) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0
    return cycle[(i + from) % cycle.length]! * loudness + (seed / 2 ** 31) * noise
  })
  return decodeG711(encodeG711(pcm, 'PCMU'), 'PCMU')
}

function heard(country: string, pcm: Int16Array): { tone: string; ms: number }[] {
  const detector = new ProgressDetector(country)
  const all: { tone: string; ms: number }[] = []
  for (let at = 0; at + 160 <= pcm.length; at += 160) {
    const progress = detector.push(pcm.subarray(at, at + 160))
    if (progress) all.push(progress)
  }
  return all
}

/** Tones of a country that sound alike are told as the first of them. */
function toldAs(name: ToneName, country: string): ToneName {
  const like = JSON.stringify(countryTone(name, country))
  return TONE_NAMES.find((other) => JSON.stringify(countryTone(other, country)) === like)!
}

test('each tone of each country is known, from wherever it is heard, loud and soft, clean and noisy, and no other is', () => {
  for (const country of TONE_COUNTRIES) {
    for (const name of TONE_NAMES) {
      for (const how of [{}, { from: 1700, loudness: 0.3, noise: 150 }]) {
        const told = heard(country, tone(name, country, 16_000, how))
        const title = `${country} ${name} ${JSON.stringify(how)}`
        assert.deepEqual(
          told.map((one) => one.tone),
          [toldAs(name, country)],
          title,
        )
        assert.ok(told[0]!.ms < 12_500, `${title}: ${told[0]!.ms} ms`)
      }
    }
  }
})

test('busy is known within three seconds', () => {
  for (const country of ['be', 'de', 'fr', 'gb', 'us', 'nl']) {
    const [first] = heard(country, tone('busy', country, 8000))
    assert.ok(first!.ms < 3300, `${country}: ${first!.ms} ms`)
  }
})

test('a call that rings and then is busy is told as that', () => {
  const pcm = [tone('ringback', 'de', 10_000), tone('busy', 'de', 5000)]
  const told = heard('de', Int16Array.from(pcm.flatMap((part) => [...part])))
  assert.deepEqual(
    told.map((one) => one.tone),
    ['ringback', 'busy'],
  )
})

test('the special information tones are known, in whatever country', () => {
  const sit = [950, 1400, 1800].map((hz) => ({ frequencies: [hz], onMs: 330, offMs: 0 }))
  for (const country of ['us', 'be']) {
    const told = heard(country, toneCycle([...sit.slice(0, 2), { ...sit[2]!, offMs: 1000 }]))
    assert.deepEqual(
      told.map((one) => one.tone),
      ['sit'],
    )
    const wrong = heard(country, toneCycle([sit[2]!, sit[1]!, { ...sit[0]!, offMs: 1000 }]))
    assert.deepEqual(wrong, [])
  }
})

test('speech and noise are no tone', () => {
  const text =
    'The number you have dialled is not in service. Please check the number and dial again. Oooh no, one moment, please hold the line.'
  for (const voice of ['en', 'en-us+f3', 'de+m3', 'fr+f1', 'it']) {
    const pcm = readWav(execFileSync('espeak-ng', ['--stdout', '-v', voice, text]))
    for (const country of ['us', 'be', 'gb']) assert.deepEqual(heard(country, pcm), [], `${voice} ${country}`)
  }
})
