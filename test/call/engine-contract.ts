import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { level } from '#protocol/audio/index.ts'
import { readWav } from '#protocol/soundfile/index.ts'
import type { RecognitionEngine, SpeechEngine } from '../../sdk/src/engine.ts'
import { until } from '../peer/clock.ts'

/** What may happen to an engine. `within` is after the first piece of its answer, or once it is ready; `trickles` is byte by byte. */
export const FAULTS = [
  ...(['away', 'hangs', 'hangs within', 'dies', 'dies within', 'refuses'] as const),
  ...(['wrong type', 'garbage', 'endless', 'trickles', 'empty'] as const),
]
export type Fault = (typeof FAULTS)[number]

/** Ms that an engine of the suite waits for its program or server. */
export const PATIENCE_MS = 700

/** Ms until it must have said that nothing came: three times as long, and what starting a process takes on a busy machine. */
const IN_TIME_MS = 3 * PATIENCE_MS + 2000

export interface Made<E> {
  engine: E
  /** Processes, requests and timers that it has at this moment. */
  left(): number
}

/** Makes an engine to which this happens; null for one that is well. */
export type Make<E> = (t: TestContext, fault: Fault | null) => Promise<Made<E>>

const NEVER = new AbortController().signal
export const PHRASES = ['Sales', 'Billing Department', 'Operator']

const codeOf = (error: unknown) => {
  const { code, verdict } = error as { code?: string; verdict?: { code: string } }
  return verdict?.code ?? code
}

const nothingLeft = (left: () => number) => until('nothing to be left', () => left() === 0, 3000)

/** Runs what may fail; its error's code, or what it gave, and asserts that it came in time. */
async function outcome(what: string, run: () => Promise<unknown>): Promise<unknown> {
  const from = performance.now()
  const end = await run().then(
    (value) => value,
    (error) => codeOf(error) ?? error,
  )
  const took = performance.now() - from
  assert.ok(took < IN_TIME_MS, `${what}: ${Math.round(took)} ms`)
  return end
}

/** What every engine that speaks must keep. */
export function speechContract(name: string, make: Make<SpeechEngine>): void {
  const say = async (engine: SpeechEngine, signal = NEVER) =>
    Array.fromAsync(engine.speak({ text: 'Welcome to Acme.', language: 'en', rate: 170 }, signal))

  test(`${name}: a text is spoken`, async (t) => {
    const { engine, left } = await make(t, null)
    const pieces = await say(engine)
    const samples = pieces.reduce((sum, { length }) => sum + length, 0)
    const seconds = samples / (engine.rateHz ?? 24_000)
    assert.ok(seconds > 0.4 && seconds < 5, `${seconds} s`)
    assert.ok(Math.max(...pieces.map(level)) > 500)
    await nothingLeft(left)
  })

  test(`C10 ${name}: whatever happens to it is said, in time, and nothing is left`, async (t) => {
    await Promise.all(
      FAULTS.map(async (fault) => {
        const { engine, left } = await make(t, fault)
        for (let i = 0; i < 2; i++) assert.equal(await outcome(fault, () => say(engine)), 'speech-failed', fault)
        await nothingLeft(left)
      }),
    )
  })

  test(`C10 ${name}: whoever does not wait any longer leaves nothing`, async (t) => {
    const { engine, left } = await make(t, 'hangs')
    await assert.rejects(say(engine, AbortSignal.abort('before')), (error) => error === 'before')
    const waiting = new AbortController()
    const said = say(engine, waiting.signal)
    await until('it to begin', () => left() > 0, 3000)
    waiting.abort('meanwhile')
    await assert.rejects(said, (error) => error === 'meanwhile')
    await nothingLeft(left)
    const well = await make(t, null)
    for await (const piece of well.engine.speak({ text: 'Goodbye, and thank you.' }, NEVER)) {
      assert.ok(piece.length > 0)
      break
    }
    await nothingLeft(well.left)
  })
}

/** A text as a caller says it, with a moment of silence around it, 8 kHz. */
function spoken(text: string): Int16Array {
  const pcm = readWav(execFileSync('espeak-ng', ['--stdout', '-v', 'en-us', '-s', '150', text]))
  const whole = new Int16Array(pcm.length + 6400)
  whole.set(pcm, 3200)
  return whole
}

/** When an engine tells what it has understood so far. */
export type Tells = 'never' | 'behind the end of speech' | 'while somebody speaks'

/** What every engine that understands must keep; `garbled` makes one whose partials are nonsense, and come behind the end, too. */
export function recognitionContract(
  name: string,
  make: Make<RecognitionEngine>,
  { tells, garbled }: { tells: Tells; garbled?: (t: TestContext) => Promise<Made<RecognitionEngine>> },
): void {
  const sound = spoken('billing department')
  const listen = (engine: RecognitionEngine, phrases?: string[]) => {
    const partials: string[] = []
    const expected = { language: 'en-US', ...(phrases ? { phrases } : {}) }
    const recognition = engine.listen(expected, (text) => partials.push(text))
    for (let at = 0; at < sound.length; at += 400) recognition.push(sound.slice(at, at + 400))
    return { recognition, partials }
  }

  test(`${name}: one of the phrases is understood, as it was given`, async (t) => {
    const { engine, left } = await make(t, null)
    const { recognition, partials } = listen(engine, PHRASES)
    if (tells === 'while somebody speaks') await until('words before the end', () => partials.length > 0, 8000)
    recognition.finish()
    const { text, confidence = 1 } = await recognition.done
    assert.equal(text, 'Billing Department')
    assert.ok(confidence > 0.5 && confidence <= 1)
    assert.equal(partials.length > 0, tells !== 'never')
    // Each is the whole so far, and takes the place of the one before.
    assert.ok(
      partials.every((one, i) => one !== '' && one !== partials[i - 1]),
      partials.join(' | '),
    )
    const told = partials.length
    await nothingLeft(left)
    assert.equal(partials.length, told, 'nothing is told behind its end')
  })

  if (garbled) {
    test(`C10 ${name}: what is told meanwhile may be nonsense, and nobody hears of that`, async (t) => {
      const { engine, left } = await garbled(t)
      const { recognition, partials } = listen(engine, PHRASES)
      recognition.finish()
      const end = await outcome('garbled', () => recognition.done)
      const told = partials.length
      if (end !== 'recognition-failed') assert.equal((end as { text: string }).text, 'Billing Department')
      await nothingLeft(left)
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.equal(partials.length, told, 'nothing is told behind its end')
      for (const one of partials as unknown[]) assert.ok(typeof one === 'string' && one.length > 0 && one.length <= 20_000)
    })
  }

  test(`${name}: without phrases words are understood`, async (t) => {
    const { engine, left } = await make(t, null)
    const { recognition } = listen(engine)
    recognition.finish()
    recognition.finish()
    const { text } = await recognition.done
    assert.match(text, /\w/)
    await nothingLeft(left)
  })

  test(`C10 ${name}: whatever happens to it is said, in time, and nothing is left`, async (t) => {
    await Promise.all(
      FAULTS.map(async (fault) => {
        const { engine, left } = await make(t, fault)
        const { recognition, partials } = listen(engine, PHRASES)
        recognition.finish()
        assert.equal(await outcome(fault, () => recognition.done), 'recognition-failed', fault)
        const told = partials.length
        await nothingLeft(left)
        assert.equal(partials.length, told, 'nothing is told behind its end')
      }),
    )
  })

  test(`C11 ${name}: whoever stops listening, at any moment, leaves nothing`, async (t) => {
    const { engine, left } = await make(t, 'hangs')
    const begun = engine.listen({ language: 'en' }, () => {})
    const heard = listen(engine, PHRASES).recognition
    const finished = listen(engine, PHRASES).recognition
    finished.finish()
    for (const recognition of [begun, heard, finished]) {
      recognition.close()
      recognition.close()
      recognition.push(new Int16Array(400))
      recognition.finish()
      assert.equal(await outcome('closed', () => recognition.done), 'recognition-failed')
    }
    await nothingLeft(left)
  })
}
