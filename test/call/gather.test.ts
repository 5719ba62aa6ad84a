import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { newId } from '#lib/index.ts'
import { readWav } from '#protocol/soundfile/index.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

type Gathered = Awaited<ReturnType<typeof ask>>['result']

const bundle = mkdtempSync(join(tmpdir(), 'tl-bundle-'))
const spoken = (text: string) => readWav(execFileSync('espeak-ng', ['--stdout', '-v', 'en-us', '-s', '150', text]))

let world: World
let decide: (call: Commanded) => Promise<void> = async () => {}
let caller: Call
let call: Commanded
const over = Promise.withResolvers<void>()

before(async () => {
  chmodSync(bundle, 0o755)
  // A prompt of a second, and one that nobody waits for.
  for (const [name, seconds] of [
    ['short', 1],
    ['long', 60],
  ])
    execFileSync('sox', [
      '-n',
      '-r',
      '8000',
      '-c',
      '1',
      '-b',
      '16',
      join(bundle, `${name}.wav`),
      'synth',
      `${seconds}`,
      'sine',
      '700',
    ])
  world = await World.open({ voice: true })
  const version = { id: newId('agt'), digest: 'x', path: bundle, entry: 'agent.js' }
  await world.change({ agent: { ...world.snapshot.subscribers[0]!.agent, version } })
  await Program.connect(world, (offered) => decide(offered))
  const got = Promise.withResolvers<Commanded>()
  decide = async (offered) => {
    await offered.do('call.answer', {})
    got.resolve(offered)
    await over.promise
    await offered.do('call.hangup', {})
  }
  caller = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  call = await got.promise
})
after(async () => {
  over.resolve()
  await world.quiet()
  await world[Symbol.asyncDispose]()
  rmSync(bundle, { recursive: true })
})

const heard = () => (caller.report().media?.heard ?? []).filter(({ what }) => what === 700).length

const listening = ({ kind, inUse }: { kind: string; inUse: number }) => kind === 'voice.prompt' && inUse > 0

/** What was gathered, how long that took, and how many tenths of a second of the prompt were heard meanwhile. */
async function ask(params: object, meanwhile: () => unknown = () => {}) {
  const [began, before] = [performance.now(), heard()]
  const gathered = call.do('call.gather', params)
  await until('it to listen', async () => (await world.link.call('resource.list', {})).some(listening), 3000)
  await new Promise((resolve) => setTimeout(resolve, 30))
  await Promise.all([gathered, meanwhile()])
  return { result: await gathered, took: performance.now() - began, prompt: heard() - before }
}

/** Once the prompt is heard. */
async function inPrompt(run: () => unknown): Promise<void> {
  const before = heard()
  await until('the prompt', () => heard() > before + 1, 4000)
  await run()
}

const press = (keys: string) => () => caller.stream.press(keys)

test('keys end as they were asked to: at the finish key, at the most, and too few are told as that', async () => {
  const keys = { timeoutSeconds: 5, interDigitTimeoutSeconds: 5 }
  const results: [object, string, Gathered][] = [
    [{ maxDigits: 3 }, '4711', { digits: '471', reason: 'max-digits' }],
    [{ finishKey: '#' }, '42#', { digits: '42', reason: 'finish-key' }],
    [{ finishKey: '*', maxDigits: 6 }, '1#2*', { digits: '1#2', reason: 'finish-key' }],
    [{ finishKey: '#' }, '#', { digits: '', reason: 'finish-key' }],
    [{ finishKey: '#', minDigits: 3 }, '12#', { digits: '12', reason: 'too-few' }],
    [{ finishKey: '#', minDigits: 2 }, '12#', { digits: '12', reason: 'finish-key' }],
  ]
  for (const [params, pressed, expected] of results) {
    const { result, took } = await ask({ ...keys, ...params }, press(pressed))
    assert.deepEqual(result, expected)
    assert.ok(took < 4000, `${JSON.stringify(params)}: ${took} ms`)
    // What was pressed behind the end is not the next gather's.
    await new Promise((resolve) => setTimeout(resolve, 400))
  }
})

test('the first key is waited for from the end of the prompt, the next one for its own time', async () => {
  const nobody = await ask({ play: 'short.wav', timeoutSeconds: 0.6, interDigitTimeoutSeconds: 5 })
  assert.deepEqual(nobody.result, { digits: '', reason: 'timeout' })
  assert.ok(nobody.prompt >= 8, 'all of the prompt was heard')
  assert.ok(nobody.took > 1550 && nobody.took < 1600 + 1800, `${nobody.took} ms`)
  const one = await ask({ timeoutSeconds: 9, interDigitTimeoutSeconds: 0.5 }, press('8'))
  assert.deepEqual(one.result, { digits: '8', reason: 'timeout' })
  assert.ok(one.took > 550 && one.took < 600 + 1800, `${one.took} ms`)
})

test('a key ends the prompt, and where words alone count no key does', async () => {
  const barged = await ask({ play: 'long.wav', maxDigits: 2, timeoutSeconds: 5 }, () => inPrompt(press('19')))
  assert.deepEqual(barged.result, { digits: '19', reason: 'max-digits' })
  assert.ok(barged.took < 4000)
  const before = heard()
  await new Promise((resolve) => setTimeout(resolve, 400))
  assert.ok(heard() - before <= 1, 'nothing more of it is heard')
  const speech = { input: ['speech'], grammar: ['Sales', 'Support'], timeoutSeconds: 0.5 }
  const deaf = await ask({ ...speech, play: 'short.wav' }, () => inPrompt(press('1')))
  assert.deepEqual(deaf.result, { digits: '', reason: 'timeout' })
  assert.ok(deaf.prompt >= 8, 'all of the prompt was heard')
})

test('without barge-in the prompt goes on while somebody speaks, who is understood all the same', async () => {
  const said = () => inPrompt(() => caller.stream.say(spoken('support')))
  const speech = { input: ['speech'], grammar: ['Sales', 'Support'], timeoutSeconds: 5 }
  const patient = await ask({ ...speech, play: 'long.wav', bargeIn: false }, async () => {
    await said()
    const before = heard()
    await until('more of the prompt, while somebody speaks', () => heard() > before + 6, 3000)
  })
  assert.deepEqual([patient.result.reason, patient.result.speech?.text], ['speech', 'Support'])
})

test('anything may be said where there is no grammar, for as long as was said, and ends by its own silence', async () => {
  const free = await ask({ input: ['digits', 'speech'], timeoutSeconds: 9 }, () => {
    caller.stream.say(spoken('please call the office in the morning'))
  })
  assert.equal(free.result.reason, 'speech')
  assert.match(free.result.speech!.text, /\w+ \w+/)
  // Somebody who never stops: words, again and again.
  const words = spoken('support support support')
  const endless = Int16Array.from({ length: 8000 * 20 }, (_, i) => words[i % words.length]!)
  const speech = { input: ['speech'], grammar: ['Sales', 'Support'], timeoutSeconds: 9 }
  const cut = await ask({ ...speech, maxSpeechSeconds: 1.2 }, () => caller.stream.say(endless))
  assert.ok(['speech', 'no-match'].includes(cut.result.reason))
  assert.ok(cut.took > 1100 && cut.took < 1200 + 4500, `${cut.took} ms`)
  caller.stream.say(new Int16Array(160))
  await new Promise((resolve) => setTimeout(resolve, 300))
  // A pause of half a second is in what is said where two seconds end it, and its end where 300 ms do.
  const pieces = ['sales', 'support'].map(spoken)
  const both = new Int16Array(pieces[0]!.length + 4800 + pieces[1]!.length)
  both.set(pieces[0]!, 0)
  both.set(pieces[1]!, pieces[0]!.length + 4800)
  const phrases = { input: ['speech'], grammar: ['Sales', 'Sales Support'], timeoutSeconds: 9 }
  const long = await ask({ ...phrases, speechTimeoutSeconds: 2 }, () => caller.stream.say(both))
  assert.equal(long.result.speech?.text, 'Sales Support')
  const short = await ask({ ...phrases, speechTimeoutSeconds: 0.3 }, () => caller.stream.say(both))
  assert.equal(short.result.speech?.text, 'Sales')
})
