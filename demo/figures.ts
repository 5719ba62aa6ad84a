import { audioDelays, inviteSetups, percentile, readSip, type Setup } from '../test/world/flow.ts'
import { PUBLIC } from '../test/world/index.ts'
import type { Stage } from './stage.ts'

/** What the captures say of how fast it was. All by the kernel's clock, on a machine that plays every part of the world. */
export async function figures(stage: Stage): Promise<void> {
  const { world, story } = stage
  await world.flushCaptures()
  const files = world.captures
  const inside = [...files].filter(([role]) => role.startsWith('platform-')).map(([, file]) => file)
  const [single, burst] = byBurst(inviteSetups(files.get('node')!, inside, PUBLIC.node))
  const setUps = setUpTimes(files.get('carrier')!)
  const there = audioDelays(files.get('carrier')!, files.get('acme-pbx')!)
  const back = audioDelays(files.get('acme-pbx')!, files.get('carrier')!)
  story.say('\nFigures')
  story.figure(`INVITE in to INVITE out, ${single.length} calls one by one`, spread(single))
  story.figure(`  ${burst.length} calls, many at once`, spread(burst))
  story.figure(`set-up: INVITE to 200, ${setUps.length} calls`, spread(setUps))
  story.figure('  of which the telephones ring', '50 ms')
  story.figure(`audio, carrier to telephone, ${there.length} packets`, spread(there))
  story.figure(`audio, telephone to carrier, ${back.length} packets`, spread(back))
}

/** Longer than this is a menu, a deadline or a dead tunnel, and told in its scene. */
const DECIDED_MS = 900
const BURST_MS = 200

/** Calls that came one or two at a time, and those that came together. */
function byBurst(setups: Setup[]): [single: number[], burst: number[]] {
  const decided = setups.filter(({ ms }) => ms < DECIDED_MS)
  const near = ({ at }: Setup) => setups.filter((other) => Math.abs(other.at - at) < BURST_MS).length
  return [
    decided.filter((setup) => near(setup) <= 2).map(({ ms }) => ms),
    decided.filter((setup) => near(setup) > 2).map(({ ms }) => ms),
  ]
}

function spread(values: number[]): string {
  if (!values.length) return 'none'
  return `p50 ${percentile(values, 0.5).toFixed(1)} ms, p99 ${percentile(values, 0.99).toFixed(1)} ms`
}

/** Ms from an INVITE of the carrier's to its 200. */
function setUpTimes(file: string): number[] {
  const begun = new Map<string, number>()
  const times: number[] = []
  for (const { at, way, message, callId } of readSip(file)) {
    if (way === 'out' && message.method === 'INVITE' && !begun.has(callId)) begun.set(callId, at)
    const cseq = message.headers.find(([name]) => name.toLowerCase() === 'cseq')?.[1] ?? ''
    const at0 = begun.get(callId)
    if (way === 'in' && message.status === 200 && cseq.endsWith('INVITE') && at0 !== undefined) {
      times.push(at - at0)
      begun.set(callId, Number.NaN)
    }
  }
  return times.filter((time) => !Number.isNaN(time))
}
