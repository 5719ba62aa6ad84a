import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LinkLost } from '#protocol/link/index.ts'
import { agentWorld, type Test, until } from './agent-world.ts'

const REPLY = `
import { agent } from '@tieline/agent'
export default agent({ async call(call) { await call.dial({ pbx: '101' }) } })`

/** An agent that carries out what the caller's number says, and answers by what it says. */
const ask = (body: string) => `
import { agent } from '@tieline/agent'
export default agent({ async call(call) { await call.say(JSON.stringify(await (async () => { ${body} })())) } })`

async function answerOf(t: Test, body: string): Promise<Record<string, unknown>> {
  const said: string[] = []
  const w = await agentWorld(t, (_s, _m, params) => void said.push((params as unknown as { text: string }).text))
  const { supervisor } = w.supervise()
  supervisor.apply(w.desired(w.bundle(ask(body))))
  await until('the agent is ready', () => supervisor.status.state === 'ready')
  assert.deepEqual(await w.gateway.offer(w.acme, 'offered', w.offer()), { outcome: 'returned' })
  return JSON.parse(said[0] ?? 'null')
}

test('an agent in its sandbox decides a call, and outside its process is neither root nor privileged', async (t) => {
  const verbs: string[] = []
  const w = await agentWorld(t, (_s, method) => void verbs.push(method))
  const { supervisor, statuses } = w.supervise()
  supervisor.apply(w.desired(w.bundle(REPLY)))
  await until('the agent is ready', () => supervisor.status.state === 'ready')
  assert.deepEqual(await w.gateway.offer(w.acme, 'offered', w.offer()), { outcome: 'returned' })
  assert.deepEqual(verbs, ['call.dial'])
  assert.deepEqual(
    statuses.map((s) => s.state),
    ['starting', 'ready'],
  )
  const status = readFileSync(`/proc/${supervisor.status.pid}/status`, 'utf8')
  assert.match(status, /^Name:\s+(node|MainThread)/m)
  const four = Array(4).fill(w.uid).join('\t')
  assert.ok(status.includes(`\nUid:\t${four}\n`) && status.includes(`\nGid:\t${four}\n`), status)
  assert.match(status, /^Groups:\s*$/m)
  assert.match(status, /^NoNewPrivs:\s+1$/m)
  for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'CapInh']) assert.match(status, new RegExp(`^${set}:\\s+0+$`, 'm'))
})

test('a program in its sandbox places calls, and is told of their ends (C13)', async (t) => {
  const verbs: { method: string; params: { call: string; from?: object; text?: string } }[] = []
  const w = await agentWorld(t, (_s, method, params) => {
    verbs.push({ method, params })
    return method === 'call.make' ? { call: params.call } : null
  })
  const { supervisor } = w.supervise()
  const source = `
import { agent } from '@tieline/agent'
const own = agent({
  async call(call) { await call.say(await own.makeCall({ pbx: '101' }, 'agent')) },
  async ended({ call, cause }) { await own.makeCall({ pbx: cause.reason }, { sip: 'sip:' + call + '@office.lan' }) },
})
export default own`
  supervisor.apply(w.desired(w.bundle(source)))
  await until('the agent is ready', () => supervisor.status.state === 'ready')
  assert.deepEqual(await w.gateway.offer(w.acme, 'offered', w.offer()), { outcome: 'returned' })
  assert.deepEqual(
    verbs.map(({ method }) => method),
    ['call.make', 'call.say'],
  )
  const placed = verbs[0]!.params.call as ReturnType<typeof w.offer>['call']
  assert.equal(verbs[1]!.params.text, placed)
  w.gateway.ended(w.acme, placed, { by: 'callee', reason: 'busy', sip: 486 })
  await until('the end to be told', () => verbs.length === 3)
  assert.deepEqual(verbs[2]!.params.from, { pbx: 'busy' })
})

test('what runs in a sandbox imports nothing of the platform', () => {
  const source = readFileSync(join(import.meta.dirname, '../../src/main/agent.ts'), 'utf8')
  const imports = [...source.matchAll(/^import .* from '(.*)'/gm)].map((m) => m[1])
  assert.deepEqual(imports.sort(), ['node:net', 'node:tls', 'node:url'])
})

test('inside there is the bundle, Node and the link, and nothing else of the machine', async (t) => {
  const seen = await answerOf(
    t,
    `const fs = await import('node:fs'); const os = await import('node:os')
     const ls = (d) => { try { return fs.readdirSync(d).sort() } catch (e) { return e.code } }
     const write = (f) => { try { fs.writeFileSync(f, 'x'); return 'written' } catch (e) { return e.code } }
     return { root: ls('/'), etc: ls('/etc'), tieline: ls('/tieline'), run: ls('/tieline/run'), processes: ls('/proc').filter((n) => /^[0-9]+$/.test(n)).length,
       env: Object.keys(process.env).sort(), uid: process.getuid(), user: os.userInfo().username, interfaces: Object.keys(os.networkInterfaces()),
       writes: [write('/agent/x'), write('/x'), write('/etc/x'), write('/tmp/x')], resolv: fs.readFileSync('/etc/resolv.conf', 'utf8') }`,
  )
  assert.deepEqual(seen, {
    root: ['agent', 'dev', 'etc', 'lib', 'lib64', 'proc', 'tieline', 'tmp'],
    etc: existsSync('/etc/ssl/certs')
      ? ['group', 'hosts', 'nsswitch.conf', 'passwd', 'resolv.conf', 'ssl']
      : ['group', 'hosts', 'nsswitch.conf', 'passwd', 'resolv.conf'],
    tieline: ['agent.mjs', 'node', 'run'],
    run: ['link.sock'],
    processes: 2,
    env: ['HOME', 'LANG', 'NODE_ENV', 'PATH', 'PWD'],
    uid: 1000,
    user: 'agent',
    interfaces: ['lo'],
    writes: ['EROFS', 'EROFS', 'EROFS', 'written'],
    resolv: '',
  })
})

test('from inside nothing answers but the link: not the node, not its ports, not the metadata service (T09)', async (t) => {
  const seen = await answerOf(
    t,
    `const net = await import('node:net'); const dgram = await import('node:dgram'); const dns = await import('node:dns/promises')
     const reach = (host, port) => new Promise((resolve) => {
       const s = net.connect({ host, port, timeout: 300 })
       s.on('connect', () => { s.destroy(); resolve('connected') }).on('timeout', () => { s.destroy(); resolve('silence') }).on('error', (e) => resolve(e.code))
     })
     const answers = {}
     for (const host of ['127.0.0.1', '169.254.169.254', '10.0.0.1', '172.16.0.1', '192.168.1.10', '8.8.8.8'])
       for (const port of [22, 53, 80, 5060, 5432, 8080]) answers[host + ':' + port] = await reach(host, port)
     const udp = await new Promise((resolve) => { const s = dgram.createSocket('udp4'); s.send('x', 53, '8.8.8.8', (e) => { s.close(); resolve(e ? e.code : 'sent') }) })
     const resolved = await dns.lookup('debian.org').then(() => 'resolved', (e) => e.code)
     return { answers: [...new Set(Object.entries(answers).map(([k, v]) => (k.startsWith('127.') ? 'lo ' : 'far ') + v))].sort(), udp, resolved }`,
  )
  assert.deepEqual(seen, { answers: ['far ENETUNREACH', 'lo ECONNREFUSED'], udp: 'ENETUNREACH', resolved: 'EAI_AGAIN' })
})

test('an agent that eats memory is killed as oom and started again; its neighbours are not touched', async (t) => {
  const w = await agentWorld(t)
  const { supervisor, statuses } = w.supervise()
  const hog = `import { agent } from '@tieline/agent'
    const held = []
    export default agent({ call() { for (;;) held.push(Buffer.alloc(4 << 20, 1)) } })`
  supervisor.apply(w.desired(w.bundle(hog), { memoryMebibytes: 64 }))
  await until('the agent is ready', () => supervisor.status.state === 'ready')
  await assert.rejects(w.gateway.offer(w.acme, 'offered', w.offer()), LinkLost)
  await until('it is ready again', () => supervisor.status.state === 'ready' && supervisor.status.restarts === 1)
  assert.deepEqual(
    statuses.map((s) => [s.state, s.reason]),
    [
      ['starting', ''],
      ['ready', ''],
      ['backing-off', 'oom'],
      ['starting', ''],
      ['ready', ''],
    ],
  )
})

test('processes are limited', async (t) => {
  const seen = await answerOf(
    t,
    `const { spawn } = await import('node:child_process')
     let refused = 0
     const children = Array.from({ length: 80 }, () => { const c = spawn('/tieline/node', ['-e', 'setTimeout(() => {}, 60000)']); c.on('error', () => refused++); return c })
     await new Promise((r) => setTimeout(r, 300)); for (const c of children) c.kill('SIGKILL')
     return { refused: refused > 20 }`,
  )
  assert.deepEqual(seen, { refused: true })
})

test('an agent that dies leaves its reason in status and log, and backs off more each time', async (t) => {
  const w = await agentWorld(t)
  const { supervisor, statuses } = w.supervise()
  supervisor.apply(w.desired(w.bundle(`throw new Error('no database')`)))
  await until('it has died three times', () => supervisor.status.restarts >= 3)
  await supervisor.close()
  const failures = statuses.filter((s) => s.state === 'backing-off')
  assert.match(failures[0]?.reason ?? '', /^exit code 1: the agent could not be loaded: no database$/)
  assert.ok(supervisor.logs(100).some((line) => line.includes('no database')))
  assert.equal(supervisor.status.state, 'stopped')
})

test('process.exit in the middle of a call rejects its offer, and the next call finds the agent again (C01)', async (t) => {
  const w = await agentWorld(t)
  const { supervisor, statuses } = w.supervise()
  const source = `import { agent } from '@tieline/agent'
    export default agent({ async call(call) { if (call.from.number === 'exit') process.exit(3) } })`
  supervisor.apply(w.desired(w.bundle(source)))
  await until('the agent is ready', () => supervisor.status.state === 'ready')
  await assert.rejects(w.gateway.offer(w.acme, 'offered', w.offer('exit')), LinkLost)
  await until('it is back', () => supervisor.status.restarts === 1 && w.gateway.connected(w.acme))
  assert.deepEqual(await w.gateway.offer(w.acme, 'offered', w.offer()), { outcome: 'returned' })
  assert.equal(statuses.find((s) => s.state === 'backing-off')?.reason, 'exit code 3')
})

test('after a restart of the switch an agent connects again by itself', async (t) => {
  const w = await agentWorld(t)
  const { supervisor } = w.supervise()
  supervisor.apply(w.desired(w.bundle(REPLY)))
  await until('the agent is ready', () => supervisor.status.state === 'ready')
  const { pid } = supervisor.status
  await w.reopenGateway()
  await until('it is connected again', () => w.gateway.connected(w.acme))
  assert.deepEqual(await w.gateway.offer(w.acme, 'offered', w.offer()), { outcome: 'returned' })
  assert.deepEqual([supervisor.status.pid, supervisor.status.restarts], [pid, 0])
})

test('a new version takes new calls while the old one finishes its own, then the old one goes', async (t) => {
  const verbs: string[] = []
  const w = await agentWorld(t, (_s, _m, params) => void verbs.push((params as unknown as { text: string }).text))
  const { supervisor } = w.supervise()
  const version = (name: string) => `import { agent } from '@tieline/agent'
    export default agent({ async call(call) {
      await call.say('${name} begins')
      if (call.from.number === 'long') { await new Promise((r) => call.on('digit', r)); await call.say('${name} ends') }
    } })`
  supervisor.apply(w.desired(w.bundle(version('one'))))
  await until('version one is ready', () => supervisor.status.state === 'ready')
  const long = w.offer('long')
  const done = w.gateway.offer(w.acme, 'offered', long)
  await until('the long call is up', () => verbs.length === 1)
  const { pid } = supervisor.status
  const two = w.bundle(version('two'))
  supervisor.apply(w.desired(two))
  await until('version two is ready', () => supervisor.status.state === 'ready' && supervisor.status.version === two.id)
  await w.gateway.offer(w.acme, 'offered', w.offer())
  w.gateway.digit(w.acme, long.call, '1')
  assert.deepEqual(await done, { outcome: 'returned' })
  assert.deepEqual(verbs, ['one begins', 'two begins', 'one ends'])
  assert.ok(existsSync(`/proc/${pid}`), 'the call is still up, and so is its process')
  w.gateway.ended(w.acme, long.call, { by: 'caller', reason: 'hangup' })
  await until('the old process is gone', () => !existsSync(`/proc/${pid}`))
  assert.deepEqual([supervisor.status.state, supervisor.status.restarts], ['ready', 0])
})

test('a candidate takes no call before it is ready, while the version beside it dies and comes back; then it is the youngest', async (t) => {
  const verbs: string[] = []
  const w = await agentWorld(t, (_s, _m, params) => void verbs.push((params as unknown as { text: string }).text))
  const { supervisor } = w.supervise()
  const version = (name: string, before = '') => `import { agent } from '@tieline/agent'
    ${before}
    export default agent({ async call(call) {
      await call.say('${name} begins')
      if (call.from.number === 'long') { await new Promise((r) => call.on('digit', r)); await call.say('${name} ends') }
    } })`
  const one = w.bundle(version('one'))
  const two = w.bundle(version('two', 'await new Promise((resolve) => setTimeout(resolve, 1500))'))
  supervisor.apply(w.desired(one))
  await until('version one is ready', () => supervisor.status.state === 'ready')
  supervisor.apply(w.desired(one, { candidate: two }))
  supervisor.restart()
  await until('version one is there again', () => supervisor.status.restarts === 1 && supervisor.status.state === 'ready')
  assert.equal(supervisor.status.candidate?.verdict, 'trying')
  const long = w.offer('long')
  const done = w.gateway.offer(w.acme, 'offered', long)
  await until('the long call is up', () => verbs.length === 1)
  await until('version two has proven itself', () => supervisor.status.candidate?.verdict === 'proven')
  assert.deepEqual([supervisor.status.state, supervisor.status.version], ['ready', two.id])
  // What is published meanwhile, and that it has proven itself, changes nothing.
  supervisor.apply(w.desired(one, { candidate: two }))
  await w.gateway.offer(w.acme, 'offered', w.offer())
  supervisor.apply(w.desired(two))
  assert.equal(supervisor.status.candidate, undefined)
  w.gateway.digit(w.acme, long.call, '1')
  assert.deepEqual(await done, { outcome: 'returned' })
  assert.deepEqual(verbs, ['one begins', 'two begins', 'one ends'])
  assert.deepEqual([supervisor.status.state, supervisor.status.version], ['ready', two.id])
})

test('closing leaves nothing: no process, no control group, no file', async (t) => {
  const w = await agentWorld(t)
  const { supervisor } = w.supervise({ instance: 'tlleft' })
  supervisor.apply(w.desired(w.bundle(REPLY)))
  await until('the agent is ready', () => supervisor.status.state === 'ready')
  const { pid } = supervisor.status
  const groups = () => execFileSync('find', ['/sys/fs/cgroup', '-path', '*tieline-tlleft*', '-type', 'd'], { encoding: 'utf8' })
  assert.notEqual(groups(), '')
  await supervisor.close()
  assert.ok(!existsSync(`/proc/${pid}`))
  assert.equal(groups(), '')
  assert.deepEqual(readdirSync(join(w.directory, 'etc')), [])
  writeFileSync(join(w.directory, 'etc', 'x'), '')
})
