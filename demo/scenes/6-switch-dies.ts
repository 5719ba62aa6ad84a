import assert from 'node:assert/strict'
import type { UsageRecord } from '#platform/words/index.ts'
import { now, sleep, until } from '../../test/peer/index.ts'
import { longestPauses, readSip } from '../../test/world/flow.ts'
import { hears, newest, quiet } from '../ask.ts'
import { known, NUMBERS, patient, type Stage, TONES } from '../stage.ts'

const JOINED = 20
const SETTING_UP = 5
const GAP_MS = 100

/** The switch is killed with 20 joined calls and 5 in set-up: the joined go on, the others end cleanly. */
export async function switchDies(stage: Stage): Promise<void> {
  const { carrier } = stage
  const begun = now()
  const before = await newest(stage, 'globex')
  const joined = await join(stage)
  const setup = await Promise.all(
    Array.from({ length: SETTING_UP }, (_, i) => stage.call(patient(i), NUMBERS.globex, TONES.callerA)),
  )
  await until('the five to ring', async () => (await ringing(stage, begun)).length === SETTING_UP, 8000, 50)
  stage.tell('carrier', `${JOINED} calls are joined, ${SETTING_UP} ring`)

  const killedAt = Date.now()
  await restartByKill(stage)
  await setUpEnded(stage, setup, begun)
  await sleep(500)
  await Promise.all(joined.map((call) => hears({ peer: carrier, call }, TONES.globexPbx)))
  await noGap(stage, killedAt - 500, Date.now())

  await hangUp(stage, joined, begun)
  await quiet(stage)
  stage.tell('switch', 'either side could still hang up', `${JOINED / 2} by the caller, ${JOINED / 2} by the telephone`)
  const calls = await endsOnce(stage, before)
  await usageIsRight(stage, calls)
}

async function join(stage: Stage): Promise<string[]> {
  const { carrier } = stage
  const joined = await Promise.all(Array.from({ length: JOINED }, (_, i) => stage.call(known(i), NUMBERS.globex, TONES.callerB)))
  const reports = await Promise.all(joined.map((call) => carrier.wait(call, 'up')))
  assert.ok(reports.every((report) => report.final?.status === 200))
  await Promise.all(joined.map((call) => hears({ peer: carrier, call }, TONES.globexPbx, 10_000)))
  return joined
}

async function ringing(stage: Stage, begun: number) {
  const all = await stage.office('globex').pbx.list()
  return all.filter((r) => r.invitedAt >= begun && r.phase === 'setup' && r.to.includes('sip:109@'))
}

async function restartByKill(stage: Stage): Promise<void> {
  const { platform } = stage
  const before = (await platform.processes()).find(({ name }) => name === 'switch')
  assert.ok(before?.pid, 'the switch runs')
  process.kill(before.pid, 'SIGKILL')
  const killed = now()
  stage.tell('demo', 'the switch is killed', 'SIGKILL')
  const back = async () => (await platform.calls('globex').catch(() => [])).length >= JOINED
  await until('the switch to be back with its calls', back, 20_000, 50)
  stage.tell('switch', `is back with its calls after ${((now() - killed) / 1000).toFixed(1)} s`, 'from its journal')
}

async function setUpEnded(stage: Stage, setup: string[], begun: number): Promise<void> {
  const { carrier } = stage
  const ended = await Promise.all(setup.map((call) => carrier.wait(call, 'ended', 15_000)))
  for (const report of ended) assert.ok((report.final?.status ?? 0) >= 480, `the caller is told: ${report.final?.status}`)
  await until('their other legs to be cancelled', async () => (await ringing(stage, begun)).length === 0, 10_000, 50)
  stage.tell(
    'switch',
    `the ${SETTING_UP} in set-up are ended cleanly`,
    `callers are told ${ended[0]!.final?.status}, the telephones that rang get CANCEL`,
  )
}

/**
 * By the captures at both ends: the longest pause of any of the joined calls' streams. What a sender itself has paused, on a
 * machine that plays every part, is not the platform's.
 */
async function noGap(stage: Stage, from: number, to: number): Promise<void> {
  const { world } = stage
  await world.flushCaptures()
  const [carrier, pbx] = ['carrier', 'globex-pbx'].map((role) => world.captures.get(role)!)
  const ways = [longestPauses(carrier!, pbx!, from, to), longestPauses(pbx!, carrier!, from, to)]
  for (const pauses of ways) {
    assert.ok(pauses.streams >= JOINED, `${pauses.streams} streams were followed`)
    assert.ok(pauses.added <= GAP_MS, `a pause of ${JSON.stringify(pauses)}`)
  }
  const added = Math.max(...ways.map((pauses) => pauses.added)).toFixed(0)
  const own = Math.max(...ways.map((pauses) => pauses.sent)).toFixed(0)
  stage.story.proof(
    `over the crash and the restart no stream of the ${JOINED} joined calls paused for more than ${added} ms (the far ends themselves: ${own} ms)`,
  )
}

/** Half of them by the caller, half by the telephone. */
async function hangUp(stage: Stage, joined: string[], begun: number): Promise<void> {
  const { carrier } = stage
  const { pbx } = stage.office('globex')
  const half = joined.slice(0, JOINED / 2)
  const up = async () => (await pbx.list()).filter((r) => r.invitedAt >= begun && r.phase === 'up')
  await Promise.all(half.map((call) => carrier.hangup(call)))
  await until('half of the telephones to be told', async () => (await up()).length === JOINED - half.length, 10_000, 50)
  await Promise.all((await up()).map(({ call }) => pbx.hangup(call)))
  const reports = await Promise.all(joined.map((call) => carrier.wait(call, 'ended', 10_000)))
  assert.equal(reports.filter((report) => report.ending?.by === 'remote').length, JOINED - half.length)
}

/** Every call has ended exactly once. */
async function endsOnce(stage: Stage, before: number): Promise<{ call: string; from: string }[]> {
  const read = async () => {
    const events = await stage.platform.events('globex', before)
    const cleared = events.filter((event) => event.type === 'call.cleared').map((event) => event.call!)
    return { events, cleared }
  }
  const all = JOINED + SETTING_UP
  const { events, cleared } = await until(
    `${all} ends`,
    async () => {
      const now = await read()
      return now.cleared.length >= all ? now : null
    },
    10_000,
    100,
  )
  assert.equal(cleared.length, all)
  assert.equal(new Set(cleared).size, all, 'every call ends once')
  return cleared.map((call) => {
    const offered = events.find((event) => event.type === 'call.offered' && event.call === call)
    assert.ok(offered)
    return { call, from: (offered.data.from as { number: string }).number }
  })
}

/** One record a lease, released within a second of the BYE that was captured. */
async function usageIsRight(stage: Stage, calls: { call: string; from: string }[]): Promise<void> {
  const usage = await until(
    'the usage of all calls',
    async () => {
      const all = await stage.platform.usage('globex')
      return calls.every(({ call }) => all.some((record) => record.call === call)) ? all : null
    },
    10_000,
    200,
  )
  assert.equal(new Set(usage.map(({ lease }) => lease)).size, usage.length, 'one record a lease')
  await stage.world.flushCaptures()
  const byes = byeTimes(stage.world.captures.get('carrier')!)
  let worst = 0
  for (const { call, from } of calls) {
    const records = usage.filter((record) => record.call === call)
    checkKinds(records)
    const bye = byes.get(from)
    const answered = records.filter((record) => record.answeredAt)
    if (!bye) assert.equal(answered.length, 0, 'a call without BYE was never answered')
    for (const record of answered) worst = Math.max(worst, Math.abs(Date.parse(record.releasedAt) - bye!))
  }
  assert.ok(worst < 1000, `usage ends ${worst} ms from the BYE`)
  stage.story.proof(`${usage.length} usage records, one a lease; each ends within ${Math.round(worst)} ms of the captured BYE`)
}

function checkKinds(records: UsageRecord[]): void {
  const kinds = records.map(({ kind }) => kind)
  for (const kind of ['trunk.in', 'channel.leg']) assert.equal(kinds.filter((k) => k === kind).length, 1, `one ${kind} a call`)
  for (const record of records) if (!record.answeredAt) assert.equal(record.billableMs, 0)
}

/** When the BYE of each caller's newest call passed the carrier, by the kernel's wall clock. */
function byeTimes(file: string): Map<string, number> {
  const callers = new Map<string, string>()
  const times = new Map<string, number>()
  for (const { at, way, message, from, callId } of readSip(file)) {
    if (message.method === 'INVITE' && way === 'out') {
      callers.set(callId, from)
      times.delete(from)
    }
    const caller = callers.get(callId)
    if (message.method === 'BYE' && caller && !times.has(caller)) times.set(caller, at)
  }
  return times
}
