import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { systemClock, TielineError } from '#lib/index.ts'
import { readWav } from '#protocol/soundfile/index.ts'
import type { Recogniser } from './speech-engine.ts'
import { SphinxRecogniser } from './sphinx-recogniser.ts'

const is = (code: string) => (error: unknown) => error instanceof TielineError && error.verdict.code === code

/** A text as a caller says it: espeak-ng at 8 kHz, through µ-law, with a moment of silence around it. */
function spoken(text: string): Int16Array {
  const pcm = readWav(execFileSync('espeak-ng', ['--stdout', '-v', 'en-us', '-s', '150', text]))
  const whole = new Int16Array(pcm.length + 6400)
  whole.set(pcm, 3200)
  return whole
}

function say(recogniser: Recogniser, text: string, phrases?: string[]) {
  const partials: string[] = []
  const recognition = recogniser.listen({ language: 'en-US', ...(phrases ? { phrases } : {}) }, (text) => partials.push(text))
  const pcm = spoken(text)
  for (let at = 0; at < pcm.length; at += 400) recognition.push(pcm.slice(at, at + 400))
  recognition.finish()
  return { recognition, partials }
}

/** An engine whose process does what the script says. */
function misbehaving(t: TestContext, script: string, timeoutMs = 10_000): Recogniser {
  const directory = mkdtempSync(join(tmpdir(), 'recogniser-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'process.mjs')
  writeFileSync(file, script)
  return new SphinxRecogniser({ clock: systemClock, module: pathToFileURL(file), timeoutMs })
}

const READY = 'process.on("message", (order) => { if (order.start) process.send({ ready: true }); else answer(order) });\n'

test('one of the phrases is understood, as it was given, and told before it is over', async () => {
  const recogniser = new SphinxRecogniser({ clock: systemClock, timeoutMs: 30_000 })
  const phrases = ['Sales', 'Support', 'Billing Department', 'Operator']
  for (const phrase of ['Billing Department', 'Operator']) {
    const { recognition, partials } = say(recogniser, phrase, phrases)
    const { text, confidence } = await recognition.done
    assert.equal(text, phrase)
    assert.ok(confidence > 0.6 && confidence <= 1)
    assert.ok(partials.length > 0)
  }
})

test('a word that the dictionary has not is said to be the program’s mistake', async () => {
  const { recognition } = say(new SphinxRecogniser({ clock: systemClock }), 'yes', ['yes', 'tlxqz'])
  await assert.rejects(recognition.done, (error) => is('invalid-argument')(error) && /tlxqz/.test(String(error)))
  assert.throws(
    () => new SphinxRecogniser({ clock: systemClock }).listen({ language: 'nl-BE' }, () => {}),
    is('invalid-argument'),
  )
})

test('free speech gives words', async () => {
  const { recognition } = say(new SphinxRecogniser({ clock: systemClock, timeoutMs: 30_000 }), 'no')
  const { text, confidence } = await recognition.done
  assert.ok(text.length > 0 && confidence >= 0 && confidence <= 1)
})

test('C10 an engine that dies in mid-word, or lies, ends in an error at once', async (t) => {
  const lies = [
    '{ text: 5 }',
    '{ text: "yes", confidence: 7 }',
    '{ text: "x".repeat(1e6), confidence: 1 }',
    'null',
    '"yes"',
    '{}',
  ]
  const scripts = [
    'function answer() { process.kill(process.pid, "SIGSEGV") }',
    ...lies.map((lie) => `function answer() { process.send(${lie}) }`),
  ]
  for (const script of scripts) {
    const { recognition } = say(misbehaving(t, READY + script), 'yes', ['yes'])
    await assert.rejects(recognition.done, is('recognition-failed'))
  }
  const { recognition } = say(
    misbehaving(t, `${READY}function answer() { process.send({ text: 'maybe', confidence: 1 }) }`),
    'yes',
    ['yes'],
  )
  assert.deepEqual(await recognition.done, { text: '', confidence: 0 })
})
