import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { SYSTEM_PATH } from '#lib/index.ts'
import { agentWorld, type Test, until } from './agent-world.ts'

/** A name server inside a namespace, as a site has one: it knows `crm.office.lan` and nothing else. */
const SERVER = `
const dns = require(process.argv[1]); const socket = require('node:dgram').createSocket('udp4')
socket.on('message', (bytes, from) => {
  const { id, questions: [q] } = dns.decode(bytes)
  const known = q.name === 'crm.office.lan' && q.type === 'A'
  const answers = known ? [{ type: 'A', name: q.name, ttl: 1, data: process.argv[2] }] : []
  const rcode = q.name === 'crm.office.lan' ? 0 : 3
  socket.send(dns.encode({ type: 'response', id, flags: 0x8180 | rcode, questions: [q], answers }), from.port, from.address)
})
socket.bind(53, '127.0.0.53', () => console.log('ready'))`

const PROGRAM = `
import { agent } from '@tieline/agent'
import { lookup, Resolver } from 'node:dns/promises'
const asked = (p) => p.then((a) => a.address ?? a[0], (e) => e.code)
export default agent({ async call(call) {
  const answers = [await asked(lookup('crm.office.lan')), await asked(new Resolver().resolve4('crm.office.lan')), await asked(lookup('localhost', 4)), await asked(lookup('debian.org'))]
  await call.say(JSON.stringify({ answers }))
} })`

async function site(t: Test, address: string) {
  const said: string[] = []
  const w = await agentWorld(t, (_s, _m, params) => void said.push((params as unknown as { text: string }).text))
  const library = join(import.meta.dirname, '../../node_modules/dns-packet')
  const args = ['netns', 'exec', w.netns, process.execPath, '-e', SERVER, library, address]
  const server: ChildProcess = spawn('ip', args, { env: { PATH: SYSTEM_PATH }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => server.kill('SIGKILL'))
  await new Promise((resolve) => server.stdout?.once('data', resolve))
  const { supervisor } = w.supervise()
  supervisor.apply(w.desired(w.bundle(PROGRAM), {}, { servers: ['127.0.0.53'], search: 'office.lan' }))
  await until('the agent is ready', () => supervisor.status.state === 'ready')
  const ask = async () => {
    await w.gateway.offer(w.acme, 'offered', w.offer())
    return JSON.parse(said.pop() ?? 'null') as { answers: string[] }
  }
  return { ask, server }
}

test('names are resolved by the site’s own server: two sites give the same name different answers (T08)', async (t) => {
  const [acme, globex] = await Promise.all([site(t, '192.168.1.20'), site(t, '192.168.1.99')])
  assert.deepEqual((await acme.ask()).answers, ['192.168.1.20', '192.168.1.20', '127.0.0.1', 'ENOTFOUND'])
  assert.deepEqual((await globex.ask()).answers, ['192.168.1.99', '192.168.1.99', '127.0.0.1', 'ENOTFOUND'])
  acme.server.kill('SIGKILL')
  await new Promise((resolve) => acme.server.once('exit', resolve))
  const down = await acme.ask()
  assert.deepEqual(
    down.answers,
    ['EAI_AGAIN', 'ECONNREFUSED', '127.0.0.1', 'EAI_AGAIN'],
    'with the server down nobody else is asked',
  )
  assert.deepEqual((await globex.ask()).answers[0], '192.168.1.99')
})
