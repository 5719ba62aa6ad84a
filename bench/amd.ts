import { ANSWER_FRAME, AnswerDetector, type AnsweredBy, type Verdict } from '#protocol/audio/index.ts'
import { type Answer, answers } from './amd-set.ts'
import type { Figure } from './figure.ts'

/** Answers of each of four kinds, in each half of the set. */
const EACH = 120

const RIGHT: Record<Answer['label'], AnsweredBy> = {
  human: 'human',
  machine: 'machine',
  fax: 'fax',
  nobody: 'unknown',
  network: 'network',
}

/**
 * Who has answered, by a labelled set of synthetic voices on noisy lines. The thresholds were tuned on the first half: other
 * voices and other sentences than those of the second, by which it is judged.
 */
export async function measure(): Promise<Figure[]> {
  return [...judged('train'), ...judged('test')]
}

function judged(half: 'train' | 'test'): Figure[] {
  const set = answers(half, EACH)
  const before = process.cpuUsage()
  const told = set.map((answer) => ({ answer, verdicts: verdictsOf(answer) }))
  const { user } = process.cpuUsage(before)
  const cells = new Map<string, number>()
  for (const { answer, verdicts } of told) {
    const cell = `${answer.label} is taken for ${verdicts[0]?.answeredBy ?? 'nothing'}`
    cells.set(cell, (cells.get(cell) ?? 0) + 1)
  }
  const counts = [...cells].sort().map(([cell, count]) => figure(`${half}: ${cell}`, count, 'calls'))
  const right = told.filter(({ answer, verdicts }) => verdicts[0]?.answeredBy === RIGHT[answer.label])
  const after = right.flatMap(({ answer, verdicts }) =>
    answer.label === 'human' ? [verdicts[0]!.ms - answer.greetingEndMs] : [],
  )
  const machine = right.flatMap(({ answer, verdicts }) => (answer.label === 'machine' ? [verdicts[0]!.ms] : []))
  const seconds = set.reduce((sum, { pcm }) => sum + pcm.length / 8000, 0)
  return [
    figure(`${half}: right`, (100 * right.length) / set.length, '%', 'higher'),
    ...counts,
    ...beeps(half, told),
    figure(`${half}: a person, after the last word, p50`, quantile(after, 0.5), 'ms'),
    figure(`${half}: a person, after the last word, p90`, quantile(after, 0.9), 'ms'),
    figure(`${half}: a machine, after the answer, p50`, quantile(machine, 0.5), 'ms'),
    figure(`${half}: a machine, after the answer, p90`, quantile(machine, 0.9), 'ms'),
    figure(`${half}: CPU for a second of sound`, user / seconds, 'µs'),
  ]
}

/** Of the machines that beep, how many are heard to; and how many greetings are taken for beeps. */
function beeps(half: string, told: { answer: Answer; verdicts: Verdict[] }[]): Figure[] {
  let beeping = 0
  let heard = 0
  let wrong = 0
  for (const { answer, verdicts } of told) {
    if (answer.label !== 'machine') continue
    const beep = verdicts.find(({ answeredBy, reason }) => answeredBy === 'machine-end' && reason === 'beep')
    const due = answer.beepMs !== null && beep !== undefined && beep.ms > answer.beepMs
    if (answer.beepMs !== null) beeping++
    if (due) heard++
    else if (beep) wrong++
  }
  return [
    figure(`${half}: beeps heard`, (100 * heard) / beeping, '%', 'higher'),
    figure(`${half}: speech taken for a beep`, wrong, 'calls'),
  ]
}

function verdictsOf({ pcm, country = '' }: Answer): Verdict[] {
  const detector = new AnswerDetector({ untilEnd: true, country })
  const verdicts: Verdict[] = []
  for (let at = 0; at + ANSWER_FRAME <= pcm.length && !detector.over; at += ANSWER_FRAME) {
    verdicts.push(...detector.push(pcm.subarray(at, at + ANSWER_FRAME)))
  }
  return verdicts
}

function quantile(values: number[], part: number): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN
}

function figure(name: string, value: number, unit: string, better: Figure['better'] = 'lower'): Figure {
  return { name, value, unit, better, must: null, aim: null, peer: null }
}
