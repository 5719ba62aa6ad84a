import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { TielineError } from '#lib/index.ts'
import { readWav } from '#protocol/soundfile/index.ts'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, World } from './harness.ts'
import { Program } from './program.ts'

const CALLER = '+32470123456'
const MENU = ['Billing Department', 'Operator', 'Accounting']
const PROMPT = { tone: [{ frequencies: [400], onMs: 1000, offMs: 0 }], totalMs: 60_000 }
const SPEECH = { input: ['digits', 'speech'] as ('digits' | 'speech')[], grammar: MENU, timeoutSeconds: 10 }

const spoken = (text: string) => readWav(execFileSync('espeak-ng', ['--stdout', '-v', 'en-us', '-s', '150', text]))
const code = (error: unknown) => (error as TielineError).verdict.code

/** One that has just ended by itself is no matter. */
function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH')
  }
}

/** The processes that recognise or speak for this world's voice. */
function recognisers(world: World): number[] {
  const voice = world.child('voice').pid
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[1] === String(voice)
      } catch {
        return false
      }
    })
}

test('a caller is understood, ends the prompt by speaking, and its recogniser is billed', async () => {
  await using world = await World.open({ voice: true })
  const results: unknown[] = []
  using program = await Program.connect(world, async (call) => {
    results.push(await call.do('call.gather', { ...SPEECH, say: 'Who would you like to talk to? '.repeat(20) }))
    results.push(await call.do('call.gather', { ...SPEECH, maxDigits: 1 }))
    results.push(await call.do('call.gather', { ...SPEECH, timeoutSeconds: 0.5 }))
    await assert.rejects(call.do('call.gather', { ...SPEECH, grammar: ['tlxqz'] }), (error) => code(error) === 'invalid-argument')
    await assert.rejects(call.do('call.gather', { ...SPEECH, language: 'nl' }), (error) => code(error) === 'invalid-argument')
    await assert.rejects(
      call.do('call.gather', { ...SPEECH, grammar: ['a); <b'] }),
      (error) => code(error) === 'invalid-argument',
    )
    await call.do('call.hangup', {})
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('the prompt', () => call.report().media!.received > 20, 6000)
  await until('a recogniser', () => recognisers(world).length > 0, 4000)
  const words = spoken('billing department')
  call.stream.say(words)
  const spokenAt = performance.now()
  const firstWords = until('words before the end', () => program.partials.length > 0, 4000).then(
    () => performance.now() - spokenAt,
  )
  let last = call.report().media!.received
  let quietAt = performance.now()
  await until(
    'the end of the prompt',
    () => {
      const { received } = call.report().media!
      if (received !== last) quietAt = performance.now()
      last = received
      return performance.now() - quietAt > 100
    },
    3000,
  )
  assert.ok(quietAt - spokenAt < 900, `the prompt went on for ${Math.round(quietAt - spokenAt)} ms`)
  await until('what was understood', () => results.length === 1, 6000)
  // The end is known after 800 ms of silence, and what was understood behind it.
  const toldAfter = await firstWords
  assert.ok(toldAfter < words.length / 8 + 600, `the first words are told after ${Math.round(toldAfter)} ms`)
  const told = program.partials.length
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.equal(program.partials.length, told, 'nothing is told behind the end')
  call.stream.press('7')
  await until('the end', () => call.phase === 'ended', 25_000)
  await world.quiet()
  const [first, second, third] = results as { digits: string; reason: string; speech?: { text: string; confidence: number } }[]
  assert.equal(first?.speech?.text, 'Billing Department')
  assert.equal(first?.reason, 'speech')
  assert.ok(first!.speech!.confidence > 0.5)
  assert.deepEqual([second?.digits, third?.reason], ['7', 'timeout'])
  assert.deepEqual(recognisers(world), [])
  const leases = (await world.leases()).filter(({ kind }) => kind === 'voice.recognition')
  assert.ok(leases.length >= 3 && leases.every(({ answered, released }) => answered && released !== null))
})

test('C10 B14 a recogniser that dies or hangs in mid-word ends its verb in time, and is not billed', async () => {
  await using world = await World.open({ voice: true })
  const codes: string[] = []
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.gather', SPEECH).catch((error) => void codes.push(code(error)))
    await call.do('call.play', { ...PROMPT, totalMs: 100 })
    await call.do('call.hangup', {})
  })
  const calls: Call[] = []
  for (const signal of ['SIGSTOP', 'SIGSEGV'] as const) {
    const others = new Set(recognisers(world))
    const own = () => recognisers(world).find((pid) => !others.has(pid))
    const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
    await until('a recogniser', () => own() !== undefined, 6000)
    call.stream.say(spoken('billing department'))
    await new Promise((resolve) => setTimeout(resolve, 300))
    process.kill(own()!, signal)
    calls.push(call)
  }
  await until('the end of both verbs', () => codes.length === 2, 15_000)
  await until('the end of both calls', () => calls.every(({ phase }) => phase === 'ended'), 5000)
  await world.quiet()
  assert.deepEqual(codes, ['recognition-failed', 'recognition-failed'])
  assert.deepEqual(recognisers(world), [])
  const released = (await world.records()).flatMap((record) => (record.type === 'lease.released' ? [record.lease] : []))
  const useless = released.filter(({ kind }) => kind === 'voice.recognition')
  assert.deepEqual(
    useless.map(({ answered, reason }) => [answered, reason]),
    [
      [undefined, 'failed'],
      [undefined, 'failed'],
    ],
  )
})

/** Whether a process still does anything, or waits to. */
function lives(pid: number): boolean {
  try {
    return !['Z', 'X'].includes(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]![0]!)
  } catch {
    return false
  }
}

test('C10 C11 a recogniser that hangs goes with the voice process that has asked it', async () => {
  await using world = await World.open({ voice: true })
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.gather', SPEECH)
  })
  await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('a recogniser', () => recognisers(world).length === 1, 6000)
  const [pid] = recognisers(world) as [number]
  // One that is stopped sees no more of its end than one that searches without end.
  await new Promise((resolve) => setTimeout(resolve, 500))
  process.kill(pid, 'SIGSTOP')
  await world.kill('voice')
  try {
    await until('its end', () => !lives(pid), 3000)
  } finally {
    killed(pid)
  }
})

test('C10 B14 a voice that dies while it speaks ends its verb in time, and is not billed', async () => {
  await using world = await World.open({ voice: true })
  let outcome = ''
  using _program = await Program.connect(world, async (call) => {
    outcome = await call.do('call.say', { text: 'Welcome to Acme, the best of all. '.repeat(110) }).then(() => 'said', code)
    await call.do('call.hangup', {})
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  while (outcome === '' && call.phase !== 'ended') {
    for (const pid of recognisers(world)) killed(pid)
    await new Promise(setImmediate)
  }
  await until('the end', () => call.phase === 'ended', 5000)
  await world.quiet()
  assert.equal(outcome, 'speech-failed')
  const released = (await world.records()).flatMap((record) => (record.type === 'lease.released' ? [record.lease] : []))
  const useless = released.filter(({ kind }) => kind === 'voice.speech')
  assert.deepEqual(
    useless.map(({ answered, reason }) => [answered, reason]),
    [[undefined, 'failed']],
  )
})

test('C11 a pool of two recognisers is never exhausted by callers who come and go', async () => {
  const capacity = 2
  await using world = await World.open({ voice: true })
  const { snapshot } = world
  const capacities = snapshot.capacities.map((c) => (c.kind === 'voice.recognition' ? { ...c, capacity } : c))
  await world.publish({ ...snapshot, number: snapshot.number + 1, capacities })
  const refusals: string[] = []
  let gathers = 0
  using _program = await Program.connect(world, async (call) => {
    gathers++
    try {
      await call.do('call.gather', SPEECH)
    } catch (error) {
      if (code(error) !== 'resource-unavailable') return
      refusals.push((error as Error).message)
      await call.do('call.hangup', {})
    }
  })
  const cycle = async (i: number) => {
    const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
    await until('a gather', () => recognisers(world).length > 0 || call.phase === 'up', 5000)
    await until('an answer', () => call.phase === 'up', 5000)
    if (i % 5 === 0) for (const pid of recognisers(world)) process.kill(pid, 'SIGKILL')
    call.hangup()
    await until(
      'its end',
      async () => (await world.link.call('resource.list', {})).every((r) => r.kind !== 'voice.recognition' || r.inUse < capacity),
      5000,
    )
  }
  for (let i = 0; i < 15; i++) await cycle(i)
  await world.quiet()
  await until('no process', () => recognisers(world).length === 0, 3000)
  assert.deepEqual([gathers, refusals], [15, []])
  const calls: Awaited<ReturnType<typeof world.carrier.place>>[] = []
  for (let i = 0; i < 3; i++) calls.push(await world.carrier.place({ to: world.node, from: CALLER, number: DID }))
  await until('a refusal', () => refusals.length === 1, 5000)
  await until('two that are answered', () => calls.filter(({ phase }) => phase === 'up').length === 2, 5000)
  for (const call of calls) call.hangup()
  await world.quiet()
})
