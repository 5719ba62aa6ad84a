import assert from 'node:assert/strict'
import { type CallReport, now } from '../../test/peer/index.ts'
import { OFFICE } from '../../test/world/index.ts'
import { eventually, hears, newest, quiet } from '../ask.ts'
import { known, NUMBERS, type Stage, TONES } from '../stage.ts'

const CEILING = 3
const CALLS = 5

interface Explanation {
  summary: string
  refusals: { kind: string; limitedBy: string; limit: number; inUse: number; holders: { call: string }[] }[]
}

/** More calls than the ceiling, then an empty pool, then an emergency all the same. */
export async function ceilings(stage: Stage): Promise<void> {
  const { platform, carrier } = stage
  await platform.cli('subscriber', 'allocate', 'acme', `trunk.in=0:${CEILING}`)
  stage.tell('operator', `acme may have ${CEILING} calls in at once`, `the stored ceiling of trunk.in`)
  const calls = await overTheCeiling(stage)
  await emptyPool(stage)
  await emergency(stage)
  await Promise.all(calls.map((call) => carrier.hangup(call)))
  await quiet(stage)
  await platform.api('PUT', '/v1/subscribers/acme/allocations/trunk.in', { guaranteed: 0, ceiling: 100 })
}

/** Answers with the calls that are up. */
async function overTheCeiling(stage: Stage): Promise<string[]> {
  const { carrier } = stage
  const before = await newest(stage, 'acme')
  const calls = await Promise.all(Array.from({ length: CALLS }, (_, i) => stage.call(known(10 + i), NUMBERS.acme, TONES.callerA)))
  const reports = await Promise.all(calls.map((call) => carrier.wait(call, 'up')))
  const up = reports.filter((report) => report.phase === 'up')
  const refused = reports.filter((report) => report.phase === 'ended')
  assert.equal(up.length, CEILING, 'exactly the ceiling is up')
  for (const report of refused) {
    assert.equal(report.final?.status, 486)
    assert.match(headerOf(report, 'Reason'), /Q\.850;\s*cause=17/)
  }
  stage.tell('switch', `${CALLS} calls at once: ${up.length} are up, ${refused.length} get 486`, headerOf(refused[0]!, 'Reason'))
  await explained(stage, 'acme', before, 'ceiling', CEILING)
  return up.map((report) => report.call)
}

/** The refusal is explained by its call: kind, limit and holders. */
async function explained(stage: Stage, subscriber: string, after: number, limitedBy: string, limit: number): Promise<void> {
  const refused = await eventually(stage, subscriber, after, 'call.refused', (event) => event.type === 'call.refused')
  const explanation = await stage.platform.cli<Explanation>('explain', refused.call!)
  const [refusal] = explanation.refusals
  assert.equal(refusal?.kind, 'trunk.in')
  assert.equal(refusal?.limitedBy, limitedBy)
  assert.equal(refusal?.limit, limit)
  assert.equal(refusal?.inUse, limit)
  assert.equal(refusal?.holders.length, limit)
  stage.tell('operator', `tieline explain: ${explanation.summary}`, `${refusal?.holders.length} holders are named`)
}

/** The node has no more than acme holds: globex is refused by the pool, and told when to try again. */
async function emptyPool(stage: Stage): Promise<void> {
  const { platform, carrier } = stage
  await platform.cli('resource', 'capacity', `trunk.in=${CEILING}`)
  const before = await newest(stage, 'globex')
  const call = await stage.call(known(20), NUMBERS.globex, TONES.callerB)
  const report = await carrier.wait(call, 'ended')
  assert.equal(report.final?.status, 503)
  assert.match(headerOf(report, 'Retry-After'), /^\d+/)
  stage.tell('switch', 'the pool of the node is empty: globex gets 503', `Retry-After: ${headerOf(report, 'Retry-After')}`)
  await explained(stage, 'globex', before, 'pool', CEILING)
  await emergency(stage)
  await platform.api('PUT', '/v1/capacities/trunk.in', { capacity: 500 })
}

/** acme's telephone dials the emergency number: no agent, no ceiling, no pool stands in the way. */
async function emergency(stage: Stage): Promise<void> {
  const { carrier } = stage
  const { pbx } = stage.office('acme')
  const since = now()
  const subscriber = await stage.platform.api<{ channel: { address: string } }>('GET', '/v1/subscribers/acme')
  const call = await pbx.place({
    to: { address: subscriber.channel.address, port: 5060 },
    from: '101',
    number: NUMBERS.emergency,
    tone: TONES.extension,
  })
  const report = await pbx.wait(call, 'up')
  assert.equal(report.final?.status, 200, 'the emergency call is answered')
  const there = await carrier.find('the emergency call', since, (r) => r.to.includes(NUMBERS.emergency) && r.phase === 'up')
  await Promise.all([hears({ peer: pbx, call }, TONES.emergency), hears({ peer: carrier, call: there.call }, TONES.extension)])
  const took = Math.round(report.answeredAt! - report.invitedAt)
  stage.tell('acme', `telephone at ${OFFICE.pbx} dials ${NUMBERS.emergency}: through, and heard`, `answered after ${took} ms`)
  await pbx.hangup(call)
  await carrier.wait(there.call, 'ended', 5000)
}

function headerOf(report: CallReport, name: string): string {
  const found = Object.entries(report.final?.headers ?? {}).find(([key]) => key.toLowerCase() === name.toLowerCase())
  return found?.[1] ?? ''
}
