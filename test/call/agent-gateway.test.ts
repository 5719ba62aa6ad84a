import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import tls from 'node:tls'
import { type Id, newId, silentLog, TielineError } from '#lib/index.ts'
import { AGENT_PROTOCOL, createAgentGateway } from '#platform/agent/index.ts'
import type { AgentMethods, AgentNotifications, OfferedCall, VerbMethods } from '#platform/words/index.ts'
import { connectLink, LinkLost } from '#protocol/link/index.ts'
import { createTestCa, type Issued, type TestCa } from './agent-ca.ts'

type AgentSide = { answers: AgentMethods; calls: VerbMethods; hears: AgentNotifications }
interface Test {
  after(run: () => unknown): void
}

const untilWithin = async (ms: number, what: string, holds: () => boolean) => {
  for (const end = Date.now() + ms; !holds(); await new Promise((r) => setTimeout(r, 2))) {
    if (Date.now() > end) throw new Error(`${what} did not come about`)
  }
}
const until = (what: string, holds: () => boolean) => untilWithin(5000, what, holds)
const isError = (code: string) => (e: unknown) => e instanceof TielineError && e.verdict.code === code

async function world(t: Test, heartbeat?: { everyMs: number; deadMs: number }) {
  const directory = mkdtempSync(join(tmpdir(), 'gateway-'))
  const path = join(directory, 'agents', 'link.sock')
  const ca = await createTestCa()
  const own = await ca.switch()
  const current = new Map<string, Id<'sub'>>()
  const states: string[] = []
  const verbs: { subscriber: Id<'sub'>; method: string; params: unknown }[] = []
  const open = () =>
    createAgentGateway({
      path,
      log: silentLog,
      ...(heartbeat ? { heartbeat } : {}),
      ...own,
      ca: ca.certificate,
      isCurrent: (subscriber, fingerprint) => current.get(fingerprint) === subscriber,
      onVerb: async (subscriber, method, params) => {
        verbs.push({ subscriber, method, params })
        return null as never
      },
      onState: (subscriber, state) => states.push(`${subscriber.slice(-4)} ${state}`),
    })
  let gateway = await open()
  t.after(async () => {
    await gateway.close()
    rmSync(directory, { recursive: true })
  })
  const issue = async (subscriber: Id<'sub'>, from: TestCa = ca) => {
    const issued = await from.agent(subscriber)
    current.set(new X509Certificate(issued.certificate).fingerprint256, subscriber)
    return issued
  }
  const restart = async () => {
    await gateway.close()
    gateway = await open()
  }
  return {
    ...{ directory, path, ca, current, states, verbs, issue, restart },
    get gateway() {
      return gateway
    },
  }
}

interface Behaviour {
  startedAt?: number
  version?: string
  onCall?: (offered: OfferedCall) => Promise<{ outcome: 'returned' }>
  /** Whether it connects again by itself, as the SDK does. Default false. */
  reconnect?: boolean
}

function connectAgent(t: Test, path: string, ca: TestCa, identity: Issued, behaviour: Behaviour = {}) {
  const offered: OfferedCall[] = []
  const heard: unknown[] = []
  const take = async (call: OfferedCall) => {
    offered.push(call)
    return (await behaviour.onCall?.(call)) ?? { outcome: 'returned' as const }
  }
  const client = connectLink<AgentSide>({
    connect: () =>
      tls.connect({ path, cert: identity.certificate, key: identity.key, ca: ca.certificate, servername: 'switch.tieline' }),
    hello: {
      process: 'agent',
      version: AGENT_PROTOCOL,
      facts: { version: behaviour.version ?? 'agt_1', startedAt: behaviour.startedAt ?? 1 },
    },
    log: silentLog,
    ...(behaviour.reconnect ? {} : { reconnect: false as const }),
    methods: { 'call.offered': take, 'call.resumed': take },
    onNotification: { 'call.ended': (p) => heard.push(p), 'call.digit': (p) => heard.push(p) },
  })
  t.after(() => client.close())
  return { client, offered, heard }
}

const offer = (call = newId('call')): OfferedCall => ({
  call,
  from: { number: '+3225550101' },
  to: { number: '+3225550199' },
  anonymous: false,
  deadlineMs: 2000,
})
const CAUSE = { by: 'caller', reason: 'hangup' } as const

test('an agent is offered a call, commands it, hears its digits and its end', async (t) => {
  const w = await world(t)
  const acme = newId('sub')
  let commanded: unknown
  const agent = connectAgent(t, w.path, w.ca, await w.issue(acme), {
    onCall: async ({ call }) => {
      commanded = await agent.client.call('call.dial', { call, target: { pbx: '101' }, timeoutSeconds: 20 })
      return { outcome: 'returned' }
    },
  })
  await agent.client.ready(5000)
  await until('the agent is connected', () => w.gateway.connected(acme))
  const call = offer()
  assert.deepEqual(await w.gateway.offer(acme, 'offered', call), { outcome: 'returned' })
  assert.deepEqual(agent.offered, [call])
  assert.equal(commanded, null)
  const params = { call: call.call, target: { pbx: '101' }, timeoutSeconds: 20 }
  assert.deepEqual(w.verbs, [{ subscriber: acme, method: 'call.dial', params }])
  w.gateway.digit(acme, call.call, '5')
  w.gateway.ended(acme, call.call, CAUSE)
  await until('the end is heard', () => agent.heard.length === 2)
  assert.deepEqual(agent.heard, [
    { call: call.call, digit: '5' },
    { call: call.call, cause: CAUSE },
  ])
})

test('a verb for a call that ended, never was, or is another subscriber’s is call-gone (C04, T02)', async (t) => {
  const w = await world(t)
  const [acme, globex] = [newId('sub'), newId('sub')]
  const a = connectAgent(t, w.path, w.ca, await w.issue(acme))
  const g = connectAgent(t, w.path, w.ca, await w.issue(globex))
  await Promise.all([a.client.ready(5000), g.client.ready(5000)])
  await until('both are connected', () => w.gateway.connected(acme) && w.gateway.connected(globex))
  const call = offer()
  await w.gateway.offer(acme, 'offered', call)
  await a.client.call('call.answer', { call: call.call })
  await assert.rejects(g.client.call('call.hangup', { call: call.call }), isError('call-gone'))
  await assert.rejects(a.client.call('call.answer', { call: newId('call') }), isError('call-gone'))
  await assert.rejects(a.client.call('call.answer', null as never), isError('call-gone'))
  w.gateway.ended(globex, call.call, CAUSE)
  await a.client.call('call.answer', { call: call.call })
  w.gateway.ended(acme, call.call, CAUSE)
  await assert.rejects(a.client.call('call.answer', { call: call.call }), isError('call-gone'))
  assert.deepEqual(
    w.verbs.map((v) => [v.subscriber, v.method]),
    [
      [acme, 'call.answer'],
      [acme, 'call.answer'],
    ],
  )
  assert.deepEqual(g.heard, [])
})

test('a verb with wrong arguments is refused before the switch sees it', async (t) => {
  const w = await world(t)
  const acme = newId('sub')
  const a = connectAgent(t, w.path, w.ca, await w.issue(acme))
  await a.client.ready(5000)
  await until('the agent is connected', () => w.gateway.connected(acme))
  const { call } = offer()
  await w.gateway.offer(acme, 'offered', offer(call))
  const wrong: [keyof VerbMethods, object][] = [
    ['call.dial', {}],
    ['call.dial', { target: { pbx: '101', trunk: 'x' } }],
    ['call.dial', { target: { sip: 'sip:a@b>\r\nVia: x' } }],
    ['call.say', { text: 'x'.repeat(5000) }],
    ['call.gather', { maxDigits: 0 }],
    ['call.reject', { status: 200 }],
    ['call.play', {}],
  ]
  for (const [method, params] of wrong) {
    await assert.rejects(a.client.call(method, { call, ...params } as never), isError('invalid-argument'))
  }
  assert.deepEqual(w.verbs, [])
})

test('strangers are refused: no certificate, another CA, a revoked one, a name that is no subscriber', async (t) => {
  const w = await world(t)
  const acme = newId('sub')
  const foreign = await createTestCa()
  const revoked = await w.ca.agent(acme)
  const nameless = await w.ca.agent('acme')
  for (const identity of [await w.issue(acme, foreign), revoked, nameless, await w.ca.switch()]) {
    const { client } = connectAgent(t, w.path, w.ca, identity)
    await client.ready(5000).then(
      (link) => link.closed,
      (e) => assert.ok(e instanceof LinkLost),
    )
  }
  const plain = net.connect(w.path)
  plain.write('{"jsonrpc":"2.0","method":"link.hello","params":{"process":"agent","version":1}}\n')
  await new Promise((resolve) => plain.on('close', resolve).on('error', () => undefined))
  assert.deepEqual([w.states, w.gateway.connected(acme)], [[], false])
})

test('a link whose certificate is revoked is cut at the next update', async (t) => {
  const w = await world(t)
  const acme = newId('sub')
  const a = connectAgent(t, w.path, w.ca, await w.issue(acme))
  const link = await a.client.ready(5000)
  await until('the agent is connected', () => w.gateway.connected(acme))
  w.current.clear()
  w.gateway.update()
  assert.equal((await link.closed).reason, 'refused')
  await until('it is gone', () => !w.gateway.connected(acme))
  assert.deepEqual(w.states, [`${acme.slice(-4)} connected`, `${acme.slice(-4)} disconnected`])
})

test('a newer deployment takes new calls, and the older one keeps its own', async (t) => {
  const w = await world(t)
  const acme = newId('sub')
  const identity = await w.issue(acme)
  let finish = () => {}
  const running = new Promise<void>((resolve) => {
    finish = resolve
  })
  const old = connectAgent(t, w.path, w.ca, identity, {
    version: 'agt_1',
    startedAt: 1,
    onCall: () => running.then(() => ({ outcome: 'returned' })),
  })
  await old.client.ready(5000)
  await until('the old one is connected', () => w.gateway.connected(acme))
  const first = offer()
  const firstDone = w.gateway.offer(acme, 'offered', first)
  const young = connectAgent(t, w.path, w.ca, identity, { version: 'agt_2', startedAt: 2 })
  await young.client.ready(5000)
  await young.client.call('call.answer', { call: newId('call') }).catch(() => undefined)
  await w.gateway.offer(acme, 'offered', offer())
  assert.deepEqual([old.offered.length, young.offered.length], [1, 1])
  await old.client.call('call.answer', { call: first.call })
  await assert.rejects(young.client.call('call.answer', { call: first.call }), isError('call-gone'))
  finish()
  assert.deepEqual(await firstDone, { outcome: 'returned' })
  old.client.close()
  await new Promise((r) => setImmediate(r))
  assert.ok(w.gateway.connected(acme))
})

test('when an agent dies in a call, the offer rejects with LinkLost, and so does an offer without an agent (C01)', async (t) => {
  const w = await world(t)
  const acme = newId('sub')
  const a = connectAgent(t, w.path, w.ca, await w.issue(acme), { onCall: () => new Promise(() => undefined) })
  await a.client.ready(5000)
  await until('the agent is connected', () => w.gateway.connected(acme))
  const offered = w.gateway.offer(acme, 'offered', offer())
  await until('it has the call', () => a.offered.length === 1)
  a.client.link?.stream.destroy()
  await assert.rejects(offered, LinkLost)
  await assert.rejects(w.gateway.offer(acme, 'offered', offer()), LinkLost)
})

test('O02 five hundred agents come back at once to a switch that was started again, within 30 s', async (t) => {
  const w = await world(t)
  const subscribers = Array.from({ length: 500 }, () => newId('sub'))
  for (const subscriber of subscribers) {
    const identity = await w.issue(subscriber)
    connectAgent(t, w.path, w.ca, identity, { reconnect: true })
  }
  const all = () => subscribers.every((subscriber) => w.gateway.connected(subscriber))
  await untilWithin(60_000, 'all are connected', all)
  await w.restart()
  assert.ok(!all(), 'nobody is connected to the new one yet')
  await untilWithin(30_000, 'all are connected again', all)
})

test('C03 an agent that stands still, without a FIN, is noticed by its silence; when it goes on it is there again, and takes what comes', async (t) => {
  const here = await world(t, { everyMs: 100, deadMs: 400 })
  const { directory, ca, states, verbs } = here
  const acme = newId('sub')
  const { certificate, key } = await here.issue(acme)
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = fork(join(import.meta.dirname, '../../bench/switch-agent.ts'), { env, execArgv: [] })
  t.after(() => child.kill('SIGKILL'))
  child.send({ run: directory, certificate, key, ca: ca.certificate })
  await until('the agent', () => states.length === 1)
  child.kill('SIGSTOP')
  const stopped = performance.now()
  const offered = assert.rejects(here.gateway.offer(acme, 'offered', offer()), LinkLost)
  await until('its loss', () => states.length === 2)
  await offered
  assert.ok(performance.now() - stopped < 3 * 600, 'twenty times as fast as the link’s own 8 s')
  assert.ok(!here.gateway.connected(acme))
  child.kill('SIGCONT')
  await until('the agent again', () => here.gateway.connected(acme))
  assert.deepEqual(
    states.map((state) => state.slice(5)),
    ['connected', 'disconnected', 'connected'],
  )
  const before = verbs.length
  assert.deepEqual(await here.gateway.offer(acme, 'offered', offer()), { outcome: 'returned' })
  assert.deepEqual(
    verbs.slice(before).map(({ method }) => method),
    ['call.dial'],
  )
})
