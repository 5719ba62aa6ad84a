import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ANSWER_FRAME,
  AnswerDetector,
  type AnswerSettings,
  countryTone,
  TONE_COUNTRIES,
  type ToneName,
  toneCycle,
} from './index.ts'

const samples = (ms: number) => ms * 8
const silence = (ms: number) => new Int16Array(samples(ms))

/** Something that a detector of voices takes for one: noise in syllables of 140 ms, with gaps of 80. */
function speech(ms: number): Int16Array {
  let seed = 1
  return Int16Array.from({ length: samples(ms) }, (_, i) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0
    return i % samples(220) < samples(140) ? seed / 2 ** 18 : 0
  })
}

function tone(hz: number, ms: number): Int16Array {
  const cycle = toneCycle([{ frequencies: [hz], onMs: ms, offMs: 0 }])
  return Int16Array.from({ length: samples(ms) }, (_, i) => cycle[i % cycle.length]!)
}

function joined(parts: Int16Array[]): Int16Array {
  return Int16Array.from(parts.flatMap((part) => [...part]))
}

function heard(settings: Partial<AnswerSettings>, ...parts: Int16Array[]): string[] {
  const detector = new AnswerDetector(settings)
  const pcm = joined(parts)
  const verdicts: string[] = []
  for (let at = 0; at + ANSWER_FRAME <= pcm.length; at += ANSWER_FRAME) {
    const frame = pcm.subarray(at, at + ANSWER_FRAME)
    verdicts.push(...detector.push(frame).map(({ answeredBy, reason, ms }) => `${answeredBy} ${reason} ${ms}`))
  }
  return verdicts
}

const names = (verdicts: string[]) => verdicts.map((verdict) => verdict.replace(/ \d+$/, ''))
const end = { untilEnd: true }

test('a word and silence is a person, 0.8 s after the word', () => {
  const [verdict, ...more] = heard(end, silence(400), speech(680), silence(3000), speech(4000))
  assert.deepEqual(more, [])
  const [, reason, ms] = verdict!.split(' ')
  assert.equal(reason, 'short-greeting')
  assert.ok(Number(ms) >= 1700 && Number(ms) <= 1960, ms)
})

test('a long greeting is a machine while it still speaks, and its beep is where it listens', () => {
  const verdicts = heard(end, silence(200), speech(6000), silence(500), tone(1000, 400), silence(4000))
  assert.deepEqual(names(verdicts), ['machine long-greeting', 'machine-end beep'])
  assert.ok(Number(verdicts[0]!.split(' ')[2]) < 3200, verdicts[0])
  const at = Number(verdicts[1]!.split(' ')[2])
  assert.ok(at > 7100 && at < 7250, verdicts[1])
})

test('a machine that does not beep listens once it is silent', () => {
  assert.deepEqual(names(heard(end, speech(4000), silence(5000))), ['machine long-greeting', 'machine-end silence'])
  assert.deepEqual(names(heard({}, speech(4000), silence(5000))), ['machine long-greeting'])
})

test('a short greeting with a beep behind it is a machine', () => {
  const verdicts = heard(end, silence(200), speech(1200), silence(400), tone(1400, 250), silence(1000))
  assert.deepEqual(names(verdicts), ['machine beep', 'machine-end beep'])
})

test('a fax that answers and a fax that calls are known by their tones (ITU-T T.30), a beep of 1100 Hz behind speech is a beep', () => {
  assert.deepEqual(names(heard({}, silence(900), tone(2100, 3000), silence(75))), ['fax fax-tone'])
  assert.deepEqual(names(heard({}, silence(500), tone(1100, 500), silence(3000), tone(1100, 500))), ['fax fax-tone'])
  assert.deepEqual(names(heard(end, speech(4000), silence(500), tone(1100, 500), silence(900))), [
    'machine long-greeting',
    'machine-end beep',
  ])
})

test('nobody who speaks, and a click that is no word, are unknown; so is a line that never stops', () => {
  assert.deepEqual(names(heard({}, silence(9000))), ['unknown no-speech'])
  assert.deepEqual(names(heard({}, silence(1000), speech(40), silence(9000))), ['unknown no-speech'])
  const hum = speech(40_000).map((sample) => sample / 100)
  assert.deepEqual(names(heard({}, hum)), ['unknown no-speech'])
  assert.deepEqual(names(heard({ noSpeechMs: 60_000, timeoutMs: 7000 }, silence(9000))), ['unknown timeout'])
})

test('a greeting of a caller’s own length is what the program says', () => {
  const greeting = [silence(200), speech(2900), silence(3000)]
  assert.deepEqual(names(heard({}, ...greeting)), ['machine long-greeting'])
  assert.deepEqual(names(heard({ greetingMs: 4000 }, ...greeting)), ['human short-greeting'])
})

test('noise that begins behind digital silence is no speech', () => {
  let seed = 1
  const hiss = (ms: number) =>
    Int16Array.from({ length: samples(ms) }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0
      return seed / 2 ** 21
    })
  const over = (pcm: Int16Array) => hiss(pcm.length / 8).map((noise, i) => noise + pcm[i]!)
  assert.deepEqual(names(heard({}, silence(200), hiss(9000))), ['unknown no-speech'])
  assert.deepEqual(names(heard({}, silence(200), hiss(900), over(speech(800)), hiss(3000))), ['human short-greeting'])
  assert.deepEqual(names(heard({}, silence(200), hiss(900), over(tone(2100, 3000)))), ['fax fax-tone'])
})

/** A tone of a country's network, for so long. */
function network(name: ToneName, country: string, ms: number): Int16Array {
  const cycle = toneCycle(countryTone(name, country))
  return Int16Array.from({ length: samples(ms) }, (_, i) => cycle[i % cycle.length]!)
}

test('a network that answers and says busy, or that there is no such number, is nobody: no person, no machine, no fax', () => {
  for (const country of TONE_COUNTRIES) {
    const busy = heard({ country }, silence(300), network('busy', country, 6000))
    assert.match(names(busy).join(), /^network (busy|congestion)-tone$/, country)
    assert.ok(Number(busy[0]!.split(' ')[2]) < 3600, `${country}: ${busy[0]}`)
    const full = heard({ country }, silence(300), network('congestion', country, 6000))
    assert.match(names(full).join(), /^network (busy|congestion)-tone$/, country)
  }
  const sit = [tone(950, 330), tone(1400, 330), tone(1800, 330)]
  assert.deepEqual(names(heard({}, silence(200), ...sit, silence(500), speech(6000))), ['network special-tone'])
  assert.deepEqual(names(heard({}, silence(200), sit[0]!, silence(30), sit[1]!, silence(30), sit[2]!)), ['network special-tone'])
})

test('a PBX that answers and rings within is no network that says no; neither is a machine that ends with a busy tone', () => {
  assert.deepEqual(names(heard({}, network('ringback', 'be', 4200), speech(700), silence(2000))), ['human short-greeting'])
  const machine = heard(end, speech(4000), silence(500), tone(1000, 400), silence(200), network('busy', 'be', 4000))
  assert.deepEqual(names(machine), ['machine long-greeting', 'machine-end beep'])
})
