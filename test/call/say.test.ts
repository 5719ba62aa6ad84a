import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { TielineError } from '#lib/index.ts'
import { level, toneCycle, writeWav } from '#protocol/audio/index.ts'
import { readWav } from '#protocol/soundfile/index.ts'
import { Phone } from '../interop/voice-phone.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

let world: World
let decide: (call: Commanded) => Promise<void> = async () => {}

before(async () => {
  world = await World.open({ voice: true })
  await Program.connect(world, (call) => decide(call))
})
after(() => world[Symbol.asyncDispose]())

/** What a caller hears of a program, from its answer to the end. */
async function heard(program: (call: Commanded, phone: Phone) => Promise<void>): Promise<Phone> {
  await using phone = await Phone.open({ address: `${world.net}.2` })
  const done = Promise.withResolvers<void>()
  decide = async (call) => {
    await program(call, phone).then(done.resolve, done.reject)
    await call.do('call.hangup', {})
  }
  const caller = ScriptedLeg.place(world.carrier, world.node, DID, { sdp: { port: phone.local.port } })
  const answer = await caller.next('200 INVITE')
  caller.ack(answer)
  phone.towards(readSdp(answer.body)!)
  caller.reply(await caller.next('BYE', 20_000), 200)
  await done.promise
  await world.quiet()
  return phone
}

/** How loud it is in each 20 ms. */
function envelope(pcm: Int16Array): number[] {
  return Array.from({ length: Math.floor(pcm.length / 160) }, (_, i) => level(pcm.subarray(i * 160, (i + 1) * 160)))
}

/** How alike two envelopes are, from 0 to 1 for the same; they begin together, or one a little later. */
function likeness(a: number[], b: number[]): number {
  const length = Math.max(a.length, b.length)
  const pearson = (shift: number) => {
    const pairs = Array.from({ length }, (_, i) => [a[i] ?? 0, b[i - shift] ?? 0] as const)
    const [ma, mb] = [0, 1].map((side) => pairs.reduce((sum, pair) => sum + pair[side]!, 0) / length) as [number, number]
    const sum = (f: (x: number, y: number) => number) => pairs.reduce((s, [x, y]) => s + f(x - ma, y - mb), 0)
    return sum((x, y) => x * y) / Math.sqrt(sum((x) => x * x) * sum((_, y) => y * y))
  }
  return Math.max(...[-2, -1, 0, 1, 2].map(pearson))
}

test('a text is heard in the language and at the rate that it was asked for', async () => {
  const text = '1 2 3 4 5'
  const ways = [
    { language: 'en', rate: 160 },
    { language: 'nl-BE', rate: 160 },
    { language: 'fr', rate: 160 },
    { language: 'de', rate: 160 },
    { language: 'en', rate: 320 },
    { voice: 'en+f3', rate: 100 },
  ]
  const espeak = ({ language, voice, rate }: { language?: string; voice?: string; rate: number }) =>
    envelope(readWav(execFileSync('espeak-ng', ['--stdout', '-v', voice ?? language!, '-s', `${rate}`, text])))
  const known = ways.map(espeak)
  const spoken: number[][] = []
  await heard(async (call, phone) => {
    for (const way of ways) {
      const from = phone.heard.length
      const { playedMs } = await call.do('call.say', { text, ...way })
      spoken.push(envelope(phone.sound(from)))
      assert.ok(Math.abs(spoken.at(-1)!.length * 20 - playedMs) < 100, `${playedMs} ms`)
    }
  })
  for (const [i, own] of spoken.entries()) {
    const like = known.map((reference) => likeness(own, reference))
    assert.equal(like.indexOf(Math.max(...like)), i, `${JSON.stringify(ways[i])}: ${like.map((l) => l.toFixed(2))}`)
    assert.ok(like[i]! > 0.9, `${JSON.stringify(ways[i])}: ${like[i]}`)
  }
  assert.ok(spoken[4]!.length < 0.7 * spoken[0]!.length, 'twice the words a minute')
})

test('what was said once is kept, and played from there the next time', async () => {
  const text = 'Nobody is at home. Please call later.'
  const directory = join(world.directory, 'voice')
  const kept = () => readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.wav'))
  const before = new Set(kept())
  const phone = await heard(async (call, phone) => {
    await call.do('call.say', { text })
    const made = kept().filter((name) => !before.has(name))
    assert.equal(made.length, 1)
    // Nobody speaks like this: it comes from the file.
    writeFileSync(join(directory, made[0]!), writeWav(toneCycle([{ frequencies: [700], onMs: 600, offMs: 0 }]).subarray(0, 4800)))
    phone.heard.length = 0
    assert.equal((await call.do('call.say', { text })).playedMs, 600)
    assert.equal(phone.tone([440, 700]), 700)
    await call.do('call.say', { text, rate: 200 })
  })
  assert.notEqual(phone.tone([440, 700]), 700)
  assert.equal(kept().filter((name) => !before.has(name)).length, 2, 'at another rate it is another one')
})

test('a language that nobody speaks is the program’s mistake, and said so; the call goes on', async () => {
  const codes: [string, string, boolean][] = []
  let spoken = 0
  await heard(async (call) => {
    for (const bad of [{ language: 'xx' }, { voice: 'nobody' }, { voice: '../../etc/passwd' }, { rate: 0 }]) {
      const error = await call.do('call.say', { text: 'Hello', ...bad }).then(
        () => assert.fail('it was said'),
        (error: TielineError) => error,
      )
      codes.push([error.verdict.code, error.verdict.fault, error.verdict.retry])
    }
    spoken = (await call.do('call.say', { text: 'Hello' })).playedMs
  })
  assert.deepEqual(codes, Array(4).fill(['invalid-argument', 'subscriber', false]))
  assert.ok(spoken > 200)
})
