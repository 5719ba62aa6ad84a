import { FloodPeer, sleep } from '../peer/index.ts'
import { OFFICE } from '../world/index.ts'
import type { OfficeWorld } from './office-world.ts'

/** What comes through the first office's tunnel, from two of its machines. */
export interface FloodPlan {
  /** SIP requests a second. */
  requests: number
  /** Octets that are nothing, datagrams of 1300 a second. */
  junk: number
  /** Calls to the second office that are set up before, and again beside the flood. */
  calls: number
}

export interface Beside {
  /** From INVITE to answer, ms. A call that was not answered is not among them. */
  before: number[]
  during: number[]
  sent: { requests: number; junk: number }
  floodMs: number
  /** Of the call that is up all the while, at its two ends. */
  missing: number[]
  longestPauseMs: number[]
}

const CHUNK_MS = 500

/** The second office's calls, and the sound of one that is up, while the first office floods the platform. */
export async function besideFlood(scene: OfficeWorld, plan: FloodPlan): Promise<Beside> {
  const [flooding, quiet] = scene.world.offices
  const { carrier } = scene.world
  const platform = (await scene.platform.api<{ channel: { address: string } }>('GET', `/v1/subscribers/${flooding!.plan.name}`))
    .channel
  const held = await scene.call(1)
  await carrier.wait(held, 'up')
  const before = await setUps(scene, plan.calls)
  const sent = { requests: 0, junk: 0 }
  let over = false
  const send = async (kind: 'requests' | 'junk', what: { user: string } | { bytes: number }) => {
    await using peer = new FloodPeer(`flood-${kind}`, flooding!.machines.pbx.enter)
    const to = { address: platform.address, port: 5060 }
    while (!over) {
      sent[kind] += (await peer.flood({ from: OFFICE.pbx, to, perSecond: plan[kind], ms: CHUNK_MS, what })).sent
    }
  }
  const begin = performance.now()
  const floods = [send('requests', { user: '101' }), send('junk', { bytes: 1300 })]
  await sleep(CHUNK_MS)
  const during = await setUps(scene, plan.calls).finally(() => {
    over = true
  })
  await Promise.all(floods)
  const floodMs = performance.now() - begin
  const there = (await quiet!.pbx.list()).find(({ phase }) => phase === 'up')!
  const ends = [await carrier.report(held), await quiet!.pbx.report(there.call)]
  await carrier.hangup(held)
  return {
    ...{ before, during, sent, floodMs },
    missing: ends.map(({ media }) => media!.missing),
    longestPauseMs: ends.map(({ media }) => media!.largestGapMs),
  }
}

async function setUps(scene: OfficeWorld, calls: number): Promise<number[]> {
  const { carrier } = scene.world
  const times: number[] = []
  for (let i = 0; i < calls; i++) {
    const call = await scene.call(1)
    const { phase, invitedAt, answeredAt } = await carrier.wait(call, 'up')
    if (phase === 'up') times.push(answeredAt! - invitedAt)
    await carrier.hangup(call)
  }
  return times
}
