import koffi from 'koffi'
import { Sphinx } from './sphinx.ts'
import type { SphinxOrder, SphinxReport } from './sphinx-recogniser.ts'
import { Wideband } from './wideband.ts'

/**
 * The process of one recognition by pocketsphinx. With a grammar the sound is heard three times, under different noise: what
 * two hearings agree on is the result, and how many agree is the confidence, because this search has no other measure.
 */
const AGAIN = [60, 200]

/** Samples between two looks at what was understood so far: 100 ms. */
const LOOK = 800

const report = (what: SphinxReport) => void process.send?.(what)

let sphinx: Sphinx
let free = true
const heard: Int16Array[] = []
let unlooked = 0
let partial = ''
const first = new Wideband()

function start({ grammar, words }: { grammar: string | null; words: string[] }): void {
  free = grammar === null
  sphinx = new Sphinx(free)
  const unknown = words.filter((word) => !sphinx.knows(word))
  if (unknown.length > 0) {
    report({ unknown })
    return
  }
  if (grammar !== null) sphinx.expect(grammar)
  sphinx.start()
  report({ ready: true })
}

function push(pcm: Int16Array): void {
  if (!free) heard.push(pcm)
  sphinx.push(first.widen(pcm))
  unlooked += pcm.length
  if (unlooked < LOOK) return
  unlooked = 0
  const { text } = sphinx
  if (text === partial || text === '') return
  partial = text
  report({ partial: text })
}

function finish(): void {
  const { text, probability } = sphinx.end()
  if (free) {
    report({ text, confidence: probability })
    return
  }
  const votes = new Map([[text, 1]])
  for (const peak of AGAIN) {
    const other = hearAgain(peak)
    votes.set(other, (votes.get(other) ?? 0) + 1)
  }
  const [best, count] = [...votes].reduce((a, b) => (b[1] > a[1] ? b : a))
  report(
    count === 1 ? { text: '', confidence: 0 } : { text: best, confidence: Math.round((100 * count) / (AGAIN.length + 1)) / 100 },
  )
}

function hearAgain(peak: number): string {
  const wideband = new Wideband(peak)
  sphinx.start()
  for (const pcm of heard) sphinx.push(wideband.widen(pcm))
  return sphinx.end().text
}

process.on('message', (order: SphinxOrder) => {
  if ('start' in order) start(order.start)
  else if ('pcm' in order) push(order.pcm)
  else finish()
})
// Whoever asked is gone.
process.on('disconnect', () => process.exit(0))
// A search that hangs would not hear of it: the kernel ends this process with the one that has started it (linux/prctl.h).
const [PR_SET_PDEATHSIG, SIGKILL] = [1, 9]
koffi.load(null).func('int prctl(int option, ...)')(PR_SET_PDEATHSIG, 'ulong', SIGKILL)
