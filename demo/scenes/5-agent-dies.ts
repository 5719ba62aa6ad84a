import assert from 'node:assert/strict'
import { now, until } from '../../test/peer/index.ts'
import { processesIn } from '../../test/world/sweep.ts'
import { eventually, hears, listen, newest, quiet } from '../ask.ts'
import { known, NUMBERS, type Stage, TONES } from '../stage.ts'

/** The default decision deadline, ms. */
const DEADLINE_MS = 2000

/** The agent is killed mid-call and, in another call, sleeps: calls go on, or take the stored default route. */
export async function agentDies(stage: Stage): Promise<void> {
  const { carrier } = stage
  const begun = now()
  const call = await stage.call(known(30), NUMBERS.acme, TONES.callerA)
  await carrier.wait(call, 'up')
  const leg = await stage.office('acme').pbx.find('the leg', begun, (r) => r.phase === 'up')
  const ends = [
    { peer: carrier, call },
    { peer: stage.office('acme').pbx, call: leg.call },
  ] as const
  await Promise.all([hears(ends[0], TONES.acmePbx), hears(ends[1], TONES.callerA)])

  const before = await newest(stage, 'acme')
  signalAgent(stage, 'SIGKILL')
  stage.tell('demo', 'the agent of acme is killed', 'SIGKILL, in the middle of a call')
  await takesDefaultRoute(stage, before, ['agent-down', 'link-lost'], 3 * DEADLINE_MS)
  assert.deepEqual(await listen(...ends), [[TONES.acmePbx], [TONES.callerA]])
  stage.story.proof('the call that was up goes on, heard at both ends')
  await carrier.hangup(call)
  await carrier.wait(call, 'ended')
  await ready(stage)
  stage.tell('platform', 'the agent is up again by itself')
  await sleeps(stage)
  await quiet(stage)
}

/** A program that does not answer: stopped, not dead. */
async function sleeps(stage: Stage): Promise<void> {
  const before = await newest(stage, 'acme')
  signalAgent(stage, 'SIGSTOP')
  stage.tell('demo', 'the agent of acme is put to sleep', 'SIGSTOP: connected, but it answers nothing')
  try {
    await takesDefaultRoute(stage, before, ['late'], 3 * DEADLINE_MS)
  } finally {
    signalAgent(stage, 'SIGCONT')
  }
  await ready(stage)
}

/** A call comes in now; it must be answered by the stored default route within the time. */
async function takesDefaultRoute(stage: Stage, after: number, reasons: string[], withinMs: number): Promise<void> {
  const { carrier } = stage
  const call = await stage.call(known(31), NUMBERS.acme, TONES.callerB)
  const report = await carrier.wait(call, 'up', withinMs)
  assert.equal(report.final?.status, 200, 'the caller never hangs')
  const routed = await eventually(stage, 'acme', after, 'call.routed', (event) => event.type === 'call.routed')
  assert.equal(routed.data.by, 'default')
  assert.ok(reasons.includes(String(routed.data.why)), `why: ${routed.data.why}`)
  await hears({ peer: carrier, call }, TONES.acmePbx)
  const took = ((report.answeredAt! - report.invitedAt) / 1000).toFixed(2)
  stage.tell('switch', `a new call takes the stored default route, answered after ${took} s`, `${routed.data.why}`)
  await carrier.hangup(call)
  await carrier.wait(call, 'ended')
}

async function ready(stage: Stage): Promise<void> {
  await until('the agent to be ready', async () => (await stage.platform.agent('acme')).state === 'ready', 20_000, 100)
}

/** Every process in acme's sandbox: all that is in its namespace but our own captures. */
export function sandboxOf(stage: Stage, subscriber: string): { pid: number; command: string }[] {
  const namespace = stage.world.platformNamespaces().find((name) => name.endsWith(`-${subscriber}`))
  assert.ok(namespace, `${subscriber} has a namespace`)
  return processesIn([namespace]).filter(({ command }) => !command.startsWith('tcpdump'))
}

function signalAgent(stage: Stage, signal: NodeJS.Signals): void {
  const processes = sandboxOf(stage, 'acme')
  assert.ok(processes.length > 0, 'there is an agent')
  for (const { pid } of processes) process.kill(pid, signal)
}
