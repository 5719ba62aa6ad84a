import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { SYSTEM_PATH } from '#lib/index.ts'
import { agentWorld, until } from '../test/call/agent-world.ts'
import type { Figure } from './figure.ts'

const PROGRAM = `
import { agent } from '@tieline/agent'
export default agent({ call: (call) => call.dial({ pbx: '101' }) })`

const STARTS = 15
const IDLE = 10

/** Ms from the order to start until the agent's first verb for a first call is there: sandbox, namespace, link, decision. */
async function coldStarts(): Promise<number[]> {
  await using stack = new AsyncDisposableStack()
  let decided = 0
  const w = await agentWorld({ after: (run) => stack.defer(async () => void (await run())) }, () => {
    decided = performance.now()
    return null
  })
  const version = w.bundle(PROGRAM)
  const times: number[] = []
  for (let i = 0; i < STARTS; i++) {
    const began = performance.now()
    const connected = w.nextConnection()
    const { supervisor } = w.supervise()
    supervisor.apply(w.desired(version))
    await connected
    await w.gateway.offer(w.acme, 'offered', w.offer())
    times.push(decided - began)
    await supervisor.close()
    await until('the link is gone', () => !w.gateway.connected(w.acme))
  }
  return times.sort((a, b) => a - b)
}

/** MiB of PSS of a process and all below it: shared pages are divided among those who share them. */
function pssOf(pid: number): number {
  const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? '0'
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
  return Number(pss) / 1024 + children.reduce((sum, child) => sum + pssOf(child), 0)
}

/** MiB for one of several idle subscribers: the agent with its sandbox, and a tunnel's process. */
async function idleMemory(): Promise<{ agent: number; tunnel: number }> {
  await using stack = new AsyncDisposableStack()
  const w = await agentWorld({ after: (run) => stack.defer(async () => void (await run())) })
  // They are all of one subscriber here.
  w.configure(10_000, IDLE * 128)
  const version = w.bundle(PROGRAM)
  const tunnels: ChildProcess[] = []
  const supervisors = Array.from({ length: IDLE }, (_, i) => {
    const { supervisor } = w.supervise({ name: `idle${i}`, uid: 23_500 + i })
    supervisor.apply(w.desired({ ...version, id: `${version.id.slice(0, -1)}${i}` as typeof version.id }))
    const args = ['netns', 'exec', w.netns, 'wireguard-go', '-f', `wgbench${i}`]
    const tunnel = spawn('ip', args, { env: { PATH: SYSTEM_PATH, LOG_LEVEL: 'silent' }, stdio: 'ignore' })
    stack.defer(() => void tunnel.kill())
    tunnels.push(tunnel)
    return supervisor
  })
  await until('all are ready', () => supervisors.every((s) => s.status.state === 'ready'), 60_000)
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const agent = mean(supervisors.map((s) => pssOf(s.sandboxPid ?? 0)))
  return { agent, tunnel: mean(tunnels.map((t) => pssOf(t.pid ?? 0))) }
}

const round = (value: number) => Math.round(value * 10) / 10

export async function measure(): Promise<Figure[]> {
  const times = await coldStarts()
  const memory = await idleMemory()
  const figure = (name: string, value: number, unit: string, must: number | null, aim: number | null): Figure => ({
    ...{ name, value: round(value), unit, must, aim },
    better: 'lower',
    peer: null,
  })
  return [
    figure('agent, cold start to first decision, median', times[times.length >> 1] ?? 0, 'ms', 250, 80),
    figure('agent, cold start to first decision, slowest of 15', times.at(-1) ?? 0, 'ms', null, null),
    figure('memory of an idle subscriber, PSS: hot agent and tunnel', memory.agent + memory.tunnel, 'MiB', 30, 12),
    figure('memory of an idle agent with its sandbox, PSS', memory.agent, 'MiB', null, null),
  ]
}
