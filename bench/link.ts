import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { silentLog } from '#lib/index.ts'
import { connectLink, type Link, serveLink } from '#protocol/link/index.ts'
import { createTestCa, type Issued } from '../test/call/agent-ca.ts'
import type { Figure } from './figure.ts'

interface Far {
  decide: { params: { call: string; from: { number: string }; to: { number: string } }; result: { dial: { pbx: string } } }
  cpu: { params: null; result: number }
}

const PARAMS = { call: 'call_0198c0ffee000000000000000000abcd', from: { number: '+3225550101' }, to: { number: '+3225550199' } }

const cpuMicros = () => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** The far side, in a process of its own. */
async function serve(path: string, identity: (Issued & { ca: string }) | null): Promise<void> {
  const server =
    identity === null
      ? undefined
      : tls.createServer({
          cert: identity.certificate,
          key: identity.key,
          ca: identity.ca,
          minVersion: 'TLSv1.3',
          requestCert: true,
          rejectUnauthorized: true,
        })
  await serveLink<{ answers: Far }>({
    path,
    ...(server ? { server } : {}),
    hello: { process: 'far', version: 1 },
    log: silentLog,
    methods: { decide: () => ({ dial: { pbx: '101' } }), cpu: () => cpuMicros() },
  })
  process.send?.('ready')
}

type Near = { calls: Far }

/** CPU µs a round trip, both processes together; and wall-clock µs. */
async function roundTrips(link: Link<Near>, calls: number, atOnce: number): Promise<{ cpu: number; wall: number }> {
  const round = async (n: number) => {
    for (let i = 0; i < n; i++) await link.call('decide', PARAMS)
  }
  await Promise.all(Array.from({ length: atOnce }, () => round(20_000 / atOnce)))
  const before = cpuMicros() + (await link.call('cpu', null))
  const start = process.hrtime.bigint()
  await Promise.all(Array.from({ length: atOnce }, () => round(calls / atOnce)))
  const wall = Number(process.hrtime.bigint() - start) / 1000
  const after = cpuMicros() + (await link.call('cpu', null))
  return { cpu: (after - before) / calls, wall: wall / calls }
}

async function over(kind: 'unix' | 'tls'): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-link-'))
  const path = join(directory, 's')
  const ca = await createTestCa()
  const near = await ca.agent('sub_near')
  const far = { ...(await ca.switch()), ca: ca.certificate }
  const child = fork(import.meta.filename, ['serve'], { stdio: 'inherit' })
  try {
    const ready = new Promise((resolve) => child.once('message', resolve))
    child.send({ path, identity: kind === 'tls' ? far : null })
    await ready
    const connect = () => {
      const identity = { cert: near.certificate, key: near.key, ca: ca.certificate }
      return tls.connect({ path, ...identity, minVersion: 'TLSv1.3', checkServerIdentity: () => undefined })
    }
    using client = connectLink<Near>({
      ...(kind === 'tls' ? { connect } : { path }),
      hello: { process: 'near', version: 1 },
      log: silentLog,
    })
    const link = await client.ready(5000)
    const alone = await roundTrips(link, 50_000, 1)
    const many = await roundTrips(link, 100_000, 50)
    const name = `link, ${kind === 'tls' ? 'TLS 1.3 over a Unix socket' : 'Unix socket'}`
    const figure = (what: string, value: number, aim: number | null): Figure => ({
      name: `${name}: ${what}`,
      value: Math.round(value * 10) / 10,
      unit: 'µs',
      must: null,
      aim,
      better: 'lower',
      peer: null,
    })
    const aim = kind === 'tls' ? 50 : 35
    return [
      figure('CPU a round trip, one at a time', alone.cpu, aim),
      figure('time a round trip, one at a time', alone.wall, null),
      figure('CPU a round trip, 50 at a time', many.cpu, aim),
    ]
  } finally {
    child.kill()
    rmSync(directory, { recursive: true })
  }
}

/** Round trips between two processes, the offered call's size. */
export async function measure(): Promise<Figure[]> {
  return [...(await over('unix')), ...(await over('tls'))]
}

if (process.argv[2] === 'serve') {
  process.once('message', (m: { path: string; identity: (Issued & { ca: string }) | null }) => void serve(m.path, m.identity))
} else if (process.argv[1] === import.meta.filename) {
  for (const f of await measure()) console.log(`${f.name}: ${f.value} ${f.unit} (aim ${f.aim ?? '–'})`)
}
