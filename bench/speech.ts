import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#lib/index.ts'
import { Speech, SphinxRecogniser } from '#platform/voice/index.ts'
import { readWav } from '#protocol/soundfile/index.ts'
import type { Figure } from './figure.ts'

const ROUNDS = 40
const PROMPT = 'Welcome to Acme. To talk to somebody about an order, say orders. For anything else, please wait.'
const PHRASES = ['sales', 'support', 'operator', 'billing department']
const NEVER = new AbortController().signal

/** How soon a prompt is there to be played, and what understanding takes. */
export async function measure(): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-speech-'))
  try {
    const speech = new Speech({ clock: systemClock, directory })
    await Array.fromAsync(speech.speak({ text: 'warm' }, NEVER))
    const fresh = await times((i) => Array.fromAsync(speech.speak({ text: `${i}. ${PROMPT}` }, NEVER)))
    const kept = await times((i) => Array.fromAsync(speech.speak({ text: `${i}. ${PROMPT}` }, NEVER)))
    const grammar = await recognition(PHRASES, 8)
    const free = await recognition(undefined, 3)
    const ms = { unit: 'ms', must: null, aim: null, peer: null, better: 'lower' } as const
    return [
      { ...ms, name: 'say, a new prompt of 7 s ready, p50', value: fresh },
      { ...ms, name: 'say, a kept one ready, p50', value: kept },
      { ...ms, name: 'recognition with a grammar, said to understood, p50', value: grammar.understood },
      { ...ms, name: 'recognition with a grammar, begun to say to first told, p50', value: grammar.told },
      { ...ms, name: 'free recognition, said to understood, p50', value: free.understood },
      { ...ms, name: 'free recognition, begun to say to first told, p50', value: free.told },
      {
        ...ms,
        unit: '×',
        name: 'recognition with a grammar, time for a second of speech',
        value: await realTimeFactor(PHRASES),
      },
      { ...ms, unit: '×', name: 'free recognition, time for a second of speech', value: await realTimeFactor() },
    ]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function times(run: (i: number) => Promise<unknown>, rounds = ROUNDS): Promise<number> {
  const taken: number[] = []
  for (let i = 0; i < rounds; i++) {
    const from = performance.now()
    await run(i)
    taken.push(performance.now() - from)
  }
  return median(taken)
}

function spoken(): Int16Array {
  return readWav(execFileSync('espeak-ng', ['--stdout', '-v', 'en-us', '-s', '150', 'billing department']))
}

/** From the last sound to the words, and from the first one to what is told before the end; the sound comes as it does in a call, and the engine was loaded while a prompt was played. */
async function recognition(phrases: string[] | undefined, rounds: number): Promise<{ understood: number; told: number }> {
  const recogniser = new SphinxRecogniser({ clock: systemClock, timeoutMs: 60_000 })
  const pcm = spoken()
  const taken: number[] = []
  const told: number[] = []
  for (let i = 0; i < rounds; i++) {
    let first = 0
    const tell = () => {
      first ||= performance.now()
    }
    const recognition = recogniser.listen({ language: 'en', ...(phrases ? { phrases } : {}) }, tell)
    await new Promise((resolve) => setTimeout(resolve, 2000))
    const began = performance.now()
    for (let at = 0; at < pcm.length; at += 400) {
      recognition.push(pcm.slice(at, at + 400))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const from = performance.now()
    recognition.finish()
    await recognition.done
    taken.push(performance.now() - from)
    told.push((first || performance.now()) - began)
  }
  return { understood: median(taken), told: median(told) }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!
}

/** What twenty seconds of speech take longer than two, for each second: without the start and the model. */
async function realTimeFactor(phrases?: string[]): Promise<number> {
  const recogniser = new SphinxRecogniser({ clock: systemClock, timeoutMs: 120_000 })
  const pcm = spoken()
  const long = async (times: number) => {
    const from = performance.now()
    const recognition = recogniser.listen({ language: 'en', ...(phrases ? { phrases } : {}) }, () => {})
    for (let i = 0; i < times; i++) recognition.push(pcm)
    recognition.finish()
    await recognition.done
    return performance.now() - from
  }
  const short = await long(2)
  return ((await long(17)) - short) / 15 / (pcm.length / 8)
}
