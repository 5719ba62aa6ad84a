import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock, TielineError } from '#lib/index.ts'
import { level } from '#protocol/audio/index.ts'
import { Speech } from './speech.ts'

const NEVER = new AbortController().signal
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
  const pcm = await speech.say({ say: 'Welcome to Acme.', language: 'en', rate: 170 }, NEVER)
  assert.ok(pcm.length > 4000 && level(pcm) > 500)
  const kept = new Speech({ clock: systemClock, directory, command: '/nonexistent' })
  assert.deepEqual(await kept.say({ say: 'Welcome to Acme.', language: 'en', rate: 170 }, NEVER), pcm)
  const sounds = readdirSync(directory).filter((name) => name.endsWith('.wav'))
  assert.equal(sounds.length, 1)
})

test('a text that looks like an option is spoken, and a voice that is no name is refused', async (t) => {
  const speech = new Speech({ clock: systemClock, directory: folder(t) })
  assert.ok((await speech.say({ say: '--version; $(id) `id`' }, NEVER)).length > 4000)
  for (const voice of ['-f/etc/passwd', '../x', '', 'a b']) {
    await assert.rejects(speech.say({ say: 'x', voice }, NEVER), is('invalid-argument'))
  }
  await assert.rejects(speech.say({ say: 'x'.repeat(5000) }, NEVER), is('invalid-argument'))
})

test('C10 a program that never answers, dies, or is not there ends in an error, in time', async (t) => {
  const directory = folder(t)
  const say = (script: string, timeoutMs = 10_000) =>
    new Speech({ clock: systemClock, directory, command: program(directory, script), timeoutMs }).say({ say: 'x' }, NEVER)
  await assert.rejects(say('exec sleep 60', 50), is('speech-failed'))
  await assert.rejects(say('exit 1'), is('speech-failed'))
  await assert.rejects(say('exit 0'), is('speech-failed'))
  await assert.rejects(say('kill -9 $$'), is('speech-failed'))
  await assert.rejects(say('echo nonsense'), is('invalid-sound'))
  await assert.rejects(
    new Speech({ clock: systemClock, directory, command: '/nonexistent' }).say({ say: 'x' }, NEVER),
    is('speech-failed'),
  )
  assert.deepEqual(readdirSync(directory), ['speak'])
})

test('C10 whoever stops waiting kills the program', async (t) => {
  const directory = folder(t)
  const command = program(directory, `echo $$ > ${directory}/pid\nexec sleep 60`)
  const controller = new AbortController()
  const said = new Speech({ clock: systemClock, directory, command }).say({ say: 'x' }, controller.signal)
  while (!existsSync(join(directory, 'pid')) || readFileSync(join(directory, 'pid'), 'utf8') === '')
    await new Promise(setImmediate)
  const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'))
  controller.abort('gone')
  await assert.rejects(said, (error) => error === 'gone')
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})

test('C10 hanging programs hold up only as many as speak at once, and everyone gets an end', async (t) => {
  const directory = folder(t)
  const speech = new Speech({ clock: systemClock, directory, command: program(directory, 'exec sleep 60'), timeoutMs: 50 })
  const ends = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => speech.say({ say: `x${i}` }, NEVER)))
  assert.ok(ends.every((end) => end.status === 'rejected' && is('speech-failed')(end.reason)))
})
