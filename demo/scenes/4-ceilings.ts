import assert from 'node:assert/strict'
import { type CallReport, now } from '../../test/peer/index.ts'
import { OFFICE } from '../../test/world/index.ts'
import { eventually, hears, newest, quiet } from '../ask.ts'
import { known, NUMBERS, type Stage, TONES } from '../stage.ts'

const CEILING = 3
const CALLS = 5
/** What a call from the site takes. */
const NEEDED = ['trunk.out', 'channel.leg', 'voice.relay', 'voice.port']
const ORDINARY = '+3225559999'

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
  await nothingLeft(stage)
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
  await platform.api('PUT', '/v1/capacities/trunk.in', { capacity: 500 })
}

/** acme may have nothing that a call out takes, and the node has none: an ordinary number is refused, an emergency is not. */
async function nothingLeft(stage: Stage): Promise<void> {
  const { platform } = stage
  const may = (ceiling: number) =>
    Promise.all(NEEDED.map((kind) => platform.api('PUT', `/v1/subscribers/acme/allocations/${kind}`, { guaranteed: 0, ceiling })))
  const has = (capacity: number) => platform.api('PUT', '/v1/capacities/trunk.out', { capacity })
  await Promise.all([may(0), has(0)])
  const { pbx } = stage.office('acme')
  const refused = await pbx.wait(await dialOut(stage, ORDINARY), 'ended')
  assert.ok([486, 503].includes(refused.final?.status ?? 0), `an ordinary call is refused: ${refused.final?.status}`)
  stage.tell(
    'acme',
    `with nothing left, telephone at ${OFFICE.pbx} dials ${ORDINARY}: ${refused.final?.status}`,
    headerOf(refused, 'Reason'),
  )
  await emergency(stage)
  await Promise.all([may(100), has(500)])
}

async function dialOut(stage: Stage, number: string): Promise<string> {
  const subscriber = await stage.platform.api<{ channel: { address: string } }>('GET', '/v1/subscribers/acme')
  const to = { address: subscriber.channel.address, port: 5060 }
  return stage.office('acme').pbx.place({ to, from: '101', number, tone: TONES.extension })
}

/** acme's telephone dials the emergency number: no agent, no ceiling, no pool stands in the way. */
async function emergency(stage: Stage): Promise<void> {
  const { carrier } = stage
  const { pbx } = stage.office('acme')
  const since = now()
  const call = await dialOut(stage, NUMBERS.emergency)
  const report = await pbx.wait(call, 'up')
  assert.equal(report.final?.status, 200, 'the emergency call is answered')
  const there = await carrier.find('the emergency call', since, (r) => r.to.includes(NUMBERS.emergency) && r.phase === 'up')
  await Promise.all([hears({ peer: pbx, call }, TONES.emergency), hears({ peer: carrier, call: there.call }, TONES.extension)])
  const took = Math.round(report.answeredAt! - report.invitedAt)
  stage.tell('acme', `the same telephone dials ${NUMBERS.emergency}: through at once, and heard`, `answered after ${took} ms`)
  await pbx.hangup(call)
  await carrier.wait(there.call, 'ended', 5000)
}

function headerOf(report: CallReport, name: string): string {
  const found = Object.entries(report.final?.headers ?? {}).find(([key]) => key.toLowerCase() === name.toLowerCase())
  return found?.[1] ?? ''
}
