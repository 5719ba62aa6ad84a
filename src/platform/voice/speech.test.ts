import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock, TielineError } from '#lib/index.ts'
import { level } from '#protocol/audio/index.ts'
import { Speech } from './speech.ts'
import type { Utterance } from './speech-engine.ts'

const NEVER = new AbortController().signal
/** All of it. */
async function spoken(speech: Speech, utterance: Utterance, signal = NEVER): Promise<Int16Array> {
  const pieces = await Array.fromAsync(speech.speak(utterance, signal))
  assert.equal(pieces.length, 1)
  return pieces[0]!
}

const is = (code: string) => (error: unknown) => error instanceof TielineError && error.verdict.code === code

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'speech-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

/** A speech program that does what `script` says. */
function program(directory: string, script: string): string {
  const path = join(directory, 'speak')
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
  return path
}

test('espeak-ng speaks, and what it said is kept', async (t) => {
  const directory = join(folder(t), 'kept')
  const speech = new Speech({ clock: systemClock, directory })
  const pcm = await spoken(speech, { text: 'Welcome to Acme.', language: 'en', rate: 170 })
  assert.ok(pcm.length > 4000 && level(pcm) > 500)
  const kept = new Speech({ clock: systemClock, directory, command: '/nonexistent' })
  assert.deepEqual(await spoken(kept, { text: 'Welcome to Acme.', language: 'en', rate: 170 }), pcm)
  const sounds = readdirSync(directory).filter((name) => name.endsWith('.wav'))
  assert.equal(sounds.length, 1)
})

test('a text that looks like an option is spoken, and a voice that is no name is refused', async (t) => {
  const speech = new Speech({ clock: systemClock, directory: folder(t) })
  assert.ok((await spoken(speech, { text: '--version; $(id) `id`' })).length > 4000)
  for (const voice of ['-f/etc/passwd', '../x', '', 'a b']) {
    await assert.rejects(spoken(speech, { text: 'x', voice }), is('invalid-argument'))
  }
  await assert.rejects(spoken(speech, { text: 'x'.repeat(5000) }), is('invalid-argument'))
})

test('C10 hanging programs hold up only as many as speak at once, and everyone gets an end', async (t) => {
  const directory = folder(t)
  const speech = new Speech({ clock: systemClock, directory, command: program(directory, 'exec sleep 60'), timeoutMs: 50 })
  const ends = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => spoken(speech, { text: `x${i}` })))
  assert.ok(ends.every((end) => end.status === 'rejected' && is('speech-failed')(end.reason)))
})
