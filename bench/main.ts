import { parseArgs, styleText } from 'node:util'
import type { Extent, Figure } from './figure.ts'

/** The benches by name, in the order in which they run. Each is a module that measures on import of nothing else. */
const BENCHES: Record<string, () => Promise<{ measure(extent: Extent): Promise<Figure[]> }>> = {
  admission: () => import('./admission.ts'),
  journal: () => import('./journal.ts'),
  link: () => import('./link.ts'),
  'sip-messages': () => import('./sip-messages.ts'),
  relay: () => import('./relay.ts'),
  transcode: () => import('./transcode.ts'),
  continuity: () => import('./continuity.ts'),
  delay: () => import('./delay.ts'),
  prompt: () => import('./prompt.ts'),
  recording: () => import('./recording.ts'),
  conference: () => import('./conference.ts'),
  capacity: () => import('./capacity.ts'),
  speech: () => import('./speech.ts'),
  stream: () => import('./stream.ts'),
  amd: () => import('./amd.ts'),
  agent: () => import('./agent-start.ts'),
  switch: () => import('./switch.ts'),
  steady: () => import('./steady.ts'),
  hold: () => import('./hold.ts'),
  flood: () => import('./flood.ts'),
  tunnel: () => import('./tunnel.ts'),
  kills: () => import('./kills.ts'),
  fuzz: () => import('./fuzz.ts'),
}

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false }, times: { type: 'string' }, minutes: { type: 'string' } },
  allowPositionals: true,
})
const extent: Extent = {
  ...(values.times ? { times: Number(values.times) } : {}),
  ...(values.minutes ? { minutes: Number(values.minutes) } : {}),
}

const unknown = positionals.filter((name) => !(name in BENCHES))
if (unknown.length) {
  process.stderr.write(`there is no bench ${unknown.join(', ')}: choose from ${Object.keys(BENCHES).join(', ')}\n`)
  process.exit(2)
}

let failed = false
for (const name of positionals.length ? positionals : Object.keys(BENCHES)) {
  try {
    const { measure } = await BENCHES[name]!()
    for (const figure of await measure(extent)) {
      process.stdout.write(`${values.json ? JSON.stringify(figure) : line(figure)}\n`)
      if (figure.broken) failed = true
    }
  } catch (error) {
    failed = true
    process.stderr.write(`bench ${name} failed: ${error instanceof Error ? error.stack : error}\n`)
  }
}
process.exit(failed ? 1 : 0)

/** One figure as a line for people: value, budget, and the peer that did the same work in the same run. */
function line({ name, value, unit, must, aim, better, peer }: Figure): string {
  const within = (limit: number) => (better === 'lower' ? value <= limit : value >= limit)
  const mark = must === null ? ' ' : within(must) ? styleText('green', '✓') : styleText('red', '✗')
  const budget = [must === null ? '' : `must ${must}`, aim === null ? '' : `aim ${aim}`].filter(Boolean).join(', ')
  const ratio = peer?.value ? ` (ours ${(value / peer.value).toFixed(2)} ×)` : ''
  const beside = peer ? `${peer.name} ${round(peer.value)}${ratio}` : ''
  return `${mark} ${name.padEnd(52)} ${String(round(value)).padStart(10)} ${unit.padEnd(16)} ${budget.padEnd(24)} ${beside}`.trimEnd()
}

function round(value: number): number {
  return Number(value.toPrecision(3))
}
