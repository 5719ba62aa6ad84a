import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { silentLog } from '#lib/index.ts'
import { connectLink, serveLink } from '#protocol/link/index.ts'
import { createTestCa, type Issued } from '../test/call/agent-ca.ts'
import type { Figure } from './figure.ts'

interface Far {
  decide: { params: { call: string; from: { number: string }; to: { number: string } }; result: { dial: { pbx: string } } }
  cpu: { params: null; result: number }
}
type Identity = (Issued & { ca: string }) | null

const PARAMS = { call: 'call_0198c0ffee000000000000000000abcd', from: { number: '+3225550101' }, to: { number: '+3225550199' } }
const LINE = `${JSON.stringify({ jsonrpc: '2.0', id: 12_345, method: 'decide', params: PARAMS })}\n`

const ROUNDS = 10

const cpuMicros = () => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** The far side, in a process of its own: a link, and beside it a bare socket that sends every line back. */
async function serve(path: string, identity: Identity): Promise<void> {
  const server = () =>
    identity
      ? tls.createServer({
          ...{ cert: identity.certificate, key: identity.key, ca: identity.ca },
          ...{ minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: true },
        })
      : net.createServer()
  await serveLink<{ answers: Far }>({
    path,
    server: server(),
    hello: { process: 'far', version: 1 },
    log: silentLog,
    methods: { decide: () => ({ dial: { pbx: '101' } }), cpu: () => cpuMicros() },
  })
  const bare = server()
  bare.on(identity ? 'secureConnection' : 'connection', (stream: net.Socket) => stream.pipe(stream).on('error', () => undefined))
  bare.listen(`${path}.bare`, () => process.send?.('ready'))
}

/** CPU µs a round trip of both processes together, and wall-clock µs. */
async function roundTrips(
  once: () => Promise<unknown>,
  farCpu: () => Promise<number>,
  { calls, atOnce }: { calls: number; atOnce: number },
): Promise<{ cpu: number; wall: number }> {
  const rounds = (n: number) =>
    Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (let i = 0; i < n / atOnce; i++) await once()
      }),
    )
  await rounds(calls / 4)
  const before = cpuMicros() + (await farCpu())
  const start = process.hrtime.bigint()
  await rounds(calls)
  const wall = Number(process.hrtime.bigint() - start) / 1000
  return { cpu: (cpuMicros() + (await farCpu()) - before) / calls, wall: wall / calls }
}

/** A line there and back on a bare socket: what the machine and Node take for themselves. */
async function bareTrip(stream: net.Socket): Promise<() => Promise<void>> {
  await new Promise((resolve) => stream.once(stream instanceof tls.TLSSocket ? 'secureConnect' : 'connect', resolve))
  let answered = () => {}
  stream.on('data', () => answered())
  return () =>
    new Promise((resolve) => {
      answered = resolve
      stream.write(LINE)
    })
}

async function over(kind: 'unix' | 'tls'): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-link-'))
  const path = join(directory, 's')
  const ca = await createTestCa()
  const near = await ca.agent('sub_near')
  const child = fork(import.meta.filename, ['serve'], { stdio: 'inherit' })
  try {
    const ready = new Promise((resolve) => child.once('message', resolve))
    child.send({ path, identity: kind === 'tls' ? { ...(await ca.switch()), ca: ca.certificate } : null })
    await ready
    const secure = { cert: near.certificate, key: near.key, ca: ca.certificate, servername: 'switch.tieline' }
    const open = (at: string) => (kind === 'tls' ? tls.connect({ path: at, ...secure }) : net.connect(at))
    const hello = { process: 'near', version: 1 }
    using client = connectLink<{ calls: Far }>({ connect: () => open(path), hello, log: silentLog })
    const link = await client.ready(5000)
    const farCpu = () => link.call('cpu', null)
    const decide = () => link.call('decide', PARAMS)
    const stream = open(`${path}.bare`)
    const trip = await bareTrip(stream)
    const bare = { cpu: 0, wall: 0 }
    const alone = { cpu: 0, wall: 0 }
    // In turns, since the machine's own pace changes within seconds.
    for (let i = 0; i < ROUNDS; i++) {
      for (const [sum, once] of [
        [bare, trip],
        [alone, decide],
      ] as const) {
        const { cpu, wall } = await roundTrips(once, farCpu, { calls: 2000, atOnce: 1 })
        sum.cpu += cpu / ROUNDS
        sum.wall += wall / ROUNDS
      }
    }
    stream.destroy()
    const many = await roundTrips(decide, farCpu, { calls: 100_000, atOnce: 50 })

    const name = `link, ${kind === 'tls' ? 'TLS 1.3 over a Unix socket' : 'Unix socket'}`
    const figure = (what: string, value: number, aim: number | null, beside: number | null): Figure => ({
      ...{ name: `${name}: ${what}`, value: round(value), unit: 'µs', must: null, aim, better: 'lower' },
      peer: beside === null ? null : { name: 'a bare socket', value: round(beside) },
    })
    const aim = kind === 'tls' ? 50 : 35
    return [
      figure('CPU a round trip, one at a time', alone.cpu, aim, bare.cpu),
      figure('time a round trip, one at a time', alone.wall, null, bare.wall),
      figure('CPU a round trip, 50 at a time', many.cpu, aim, null),
    ]
  } finally {
    child.kill()
    rmSync(directory, { recursive: true })
  }
}

const round = (value: number) => Math.round(value * 10) / 10

/** Round trips between two processes, with a message of an offered call's size. */
export async function measure(): Promise<Figure[]> {
  return [...(await over('unix')), ...(await over('tls'))]
}

if (process.argv[2] === 'serve') {
  process.once('message', (m: { path: string; identity: Identity }) => void serve(m.path, m.identity))
}
