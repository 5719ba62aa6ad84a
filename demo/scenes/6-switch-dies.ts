import assert from 'node:assert/strict'
import { now, sleep, until } from '../../test/peer/index.ts'
import { hears, newest, quiet } from '../ask.ts'
import { known, NUMBERS, patient, type Stage, TONES } from '../stage.ts'

const JOINED = 20
const SETTING_UP = 5

/** When the switch was killed, for the figures that the captures give. Wall clock, ms. */
export interface Crash {
  killedAt: number
  /** When all was measured: gaps are looked for between the two. */
  until: number
  /** From numbers of the joined calls. */
  callers: string[]
}

/** The switch is killed with 20 joined calls and 5 in set-up: the joined go on, the others end cleanly. */
export async function switchDies(stage: Stage): Promise<Crash> {
  const { carrier, platform } = stage
  const { pbx } = stage.office('globex')
  const begun = now()
  const before = await newest(stage, 'globex')
  const callers = Array.from({ length: JOINED }, (_, i) => known(i))
  const joined = await Promise.all(callers.map((from) => stage.call(from, NUMBERS.globex, TONES.callerB)))
  const reports = await Promise.all(joined.map((call) => carrier.wait(call, 'up')))
  assert.ok(reports.every((report) => report.final?.status === 200))
  const setup = await Promise.all(
    Array.from({ length: SETTING_UP }, (_, i) => stage.call(patient(i), NUMBERS.globex, TONES.callerA)),
  )
  await until('the five to ring', async () => (await ringing(stage, begun)).length === SETTING_UP, 8000, 50)
  await Promise.all(joined.map((call) => hears({ peer: carrier, call }, TONES.globexPbx, 10_000)))
  stage.tell('carrier', `${JOINED} calls are joined, ${SETTING_UP} ring`)

  const killedAt = Date.now()
  await killSwitch(stage)
  stage.tell('demo', 'the switch is killed', 'SIGKILL')
  const restarted = now()
  await until('the switch to be back', async () => (await platform.calls('globex').catch(() => [])).length >= JOINED, 20_000, 50)
  stage.tell('switch', `is back with its calls after ${((now() - restarted) / 1000).toFixed(1)} s`, 'from its journal')
  await setUpEnded(stage, setup, begun)
  await sleep(500)
  await Promise.all(joined.map((call) => hears({ peer: carrier, call }, TONES.globexPbx)))
  const measured = Date.now()
  stage.story.proof(`all ${JOINED} joined calls still have their audio; the ${SETTING_UP} in set-up were ended cleanly`)

  await hangUp(stage, joined, begun)
  await quiet(stage)
  stage.tell('switch', 'either side could still hang up', `${JOINED / 2} by the caller, ${JOINED / 2} by the telephone`)
  await countUsage(stage, before)
  assert.ok((await pbx.list()).every((r) => r.phase === 'ended'))
  return { killedAt, until: measured, callers }
}

async function ringing(stage: Stage, begun: number) {
  const all = await stage.office('globex').pbx.list()
  return all.filter((r) => r.invitedAt >= begun && r.phase === 'setup' && r.to.includes('109'))
}

async function killSwitch(stage: Stage): Promise<void> {
  const before = (await stage.platform.processes()).find(({ name }) => name === 'switch')
  assert.ok(before?.pid, 'the switch runs')
  process.kill(before.pid, 'SIGKILL')
}

async function setUpEnded(stage: Stage, setup: string[], begun: number): Promise<void> {
  const { carrier } = stage
  const ended = await Promise.all(setup.map((call) => carrier.wait(call, 'ended', 15_000)))
  for (const report of ended) assert.ok((report.final?.status ?? 0) >= 480, `the caller is told: ${report.final?.status}`)
  await until('their other legs to be cancelled', async () => (await ringing(stage, begun)).length === 0, 10_000, 50)
  stage.tell(
    'switch',
    `the ${SETTING_UP} in set-up are ended: callers are told ${ended[0]!.final?.status}, the legs that rang are cancelled`,
  )
}

/** Half of them by the caller, half by the telephone. */
async function hangUp(stage: Stage, joined: string[], begun: number): Promise<void> {
  const { carrier } = stage
  const { pbx } = stage.office('globex')
  const half = joined.slice(0, JOINED / 2)
  await Promise.all(half.map((call) => carrier.hangup(call)))
  await until(
    'half of the telephones to be told',
    async () => (await upAt(stage, begun)).length === JOINED - half.length,
    10_000,
    50,
  )
  await Promise.all((await upAt(stage, begun)).map(({ call }) => pbx.hangup(call)))
  const reports = await Promise.all(joined.map((call) => carrier.wait(call, 'ended', 10_000)))
  assert.equal(reports.filter((report) => report.ending?.by === 'remote').length, JOINED - half.length)
}

async function upAt(stage: Stage, begun: number) {
  return (await stage.office('globex').pbx.list()).filter((r) => r.invitedAt >= begun && r.phase === 'up')
}

/** Every call has ended exactly once. Its usage is compared with the captures when all is over. */
async function countUsage(stage: Stage, before: number): Promise<void> {
  const cleared = async () => {
    const events = await stage.platform.events('globex', before)
    return events.filter((event) => event.type === 'call.cleared').map((event) => event.call)
  }
  await until('25 ends', async () => (await cleared()).length >= JOINED + SETTING_UP, 10_000, 100)
  const calls = await cleared()
  assert.equal(new Set(calls).size, calls.length, 'every call ends once')
  assert.equal(calls.length, JOINED + SETTING_UP)
}
