import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { DID, World } from '../test/call/harness.ts'
import { until } from '../test/peer/clock.ts'
import { Kamailio } from '../test/peer/kamailio.ts'
import type { Figure } from './figure.ts'
import { cpuMs } from './process.ts'
import type { AgentOrders } from './switch-agent.ts'
import { Capture } from './switch-capture.ts'
import { SippLoad } from './switch-load.ts'

/** Calls a second, and calls in each turn, of ours and of the peer, turn by turn. */
const RATE = 400
/** Until the compiler of the JavaScript engine has done its work, which takes half a minute: a switch runs for months. */
const WARM_UP = 12_000
const TURN = 4000
const TURNS = 3
const DELAY_RATE = 50
const DELAY_CALLS = 1000

/** CPU per call: the switch alone and with an agent that decides, beside Kamailio; and how long an INVITE takes to pass. */
export async function measure(): Promise<Figure[]> {
  await using world = await World.open({ media: 'direct', farEnds: false })
  const { directory, net, node } = world
  using load = new SippLoad({ directory, caller: `${net}.2`, callee: `${net}.3` })
  using kamailio = new Kamailio({ address: `${net}.9`, onward: `sip:${net}.3:5060`, children: 2, lenient: true })
  const ours = { ...node, number: DID }
  const theirs = { address: `${net}.9`, port: 5060, number: DID }
  const switchPid = () => [world.child('switch').pid!]
  const failures: string[] = []
  const perCall = async (what: string, to: typeof ours, rate: number, pids: () => number[]): Promise<number> => {
    const before = cpuMs(pids())
    const { calls, failed } = await load.run(to, rate, TURN)
    if (failed > 0 && to === ours) failures.push(`${what}: ${failed} of ${calls} calls failed`)
    return (cpuMs(pids()) - before) / calls
  }
  const alone: number[] = []
  const peer: number[] = []
  await load.run(ours, RATE, WARM_UP)
  await load.run(theirs, RATE, WARM_UP / 4)
  for (let turn = 0; turn < TURNS; turn++) {
    alone.push(await perCall('switch alone', ours, RATE, switchPid))
    peer.push(await perCall('Kamailio', theirs, RATE, () => kamailio.pids))
  }
  await world.quiet(10_000)

  const agent = await startAgent(world)
  try {
    const both = () => [...switchPid(), agent.pid!]
    await load.run(ours, RATE, WARM_UP)
    const decided: number[] = []
    for (let turn = 0; turn < TURNS; turn++) decided.push(await perCall('agent deciding', ours, RATE, both))
    // What 400 calls a second leave behind is not what 50 a second meet: transactions linger for 32 s (RFC 6026).
    await world.quiet(40_000)
    await load.run(ours, DELAY_RATE, DELAY_CALLS)
    const capture = await Capture.start(directory, node.address)
    await load.run(ours, DELAY_RATE, DELAY_CALLS)
    const delays = await capture.stop(node.address)
    await world.quiet(10_000)
    if (failures.length > 0) throw new Error(failures.join('; '))
    // The capture may lose a few at its edges; a hole would be a lie.
    if (delays.length < DELAY_CALLS * 0.95)
      throw new Error(`only ${delays.length} of ${DELAY_CALLS} INVITEs were seen on both sides`)
    const at = (share: number) => delays[Math.min(delays.length - 1, Math.floor(delays.length * share))]!
    return [
      {
        ...{ name: 'CPU per call, switch alone', value: mean(alone), unit: 'ms', must: 1, aim: 0.4, better: 'lower' },
        peer: { name: 'Kamailio as a stateful proxy', value: mean(peer) },
      },
      {
        ...{ name: 'CPU per call, an agent deciding', value: mean(decided), unit: 'ms', must: 2, aim: 0.8, better: 'lower' },
        peer: null,
      },
      { name: 'INVITE in to INVITE out, p50', value: at(0.5), unit: 'ms', must: 5, aim: 2, better: 'lower', peer: null },
      { name: 'INVITE in to INVITE out, p99', value: at(0.99), unit: 'ms', must: 25, aim: 8, better: 'lower', peer: null },
    ]
  } finally {
    agent.kill('SIGKILL')
  }
}

async function startAgent(world: World): Promise<ChildProcess> {
  const { certificate, key } = await world.ca.agent(world.acme)
  await world.change({ agent: { ...world.snapshot.subscribers[0]!.agent, certificate, decisionDeadlineMs: 2000 } })
  const child = fork(join(import.meta.dirname, 'switch-agent.ts'), { execArgv: [] })
  let connected = false
  child.on('message', () => {
    connected = true
  })
  child.send({ run: world.run, certificate, key, ca: world.ca.certificate } satisfies AgentOrders)
  await until('the agent', () => connected, 5000)
  return child
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

if (import.meta.main) for (const figure of await measure()) process.stdout.write(`${JSON.stringify(figure)}\n`)
