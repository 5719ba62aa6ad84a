import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { type Id, newId } from '#lib/index.ts'
import { checkVerb } from '#platform/agent/index.ts'
import { standardPlan } from '#platform/billing/index.ts'
import { type Bench, type InstalledBody, installed, order, startBench } from './bench.ts'

let bench: Bench
let acme: InstalledBody
const call: Id<'call'> = newId('call')

before(async () => {
  bench = await startBench()
  acme = await installed(bench, 'acme', '+3225550101')
  const party = { number: '+32470123456' }
  const about = { id: call, subscriber: acme.subscriber.id, state: 'joined' as const, from: party, to: party }
  bench.fakes.calls.push({ ...about, startedAt: '2026-11-23T00:00:00.000Z', legs: [] })
  await send('POST /v1/trunks', BODIES['POST /v1/trunks']!)
  await send('POST /v1/plans', { ...(PLAN as object), name: 'ahead', prepaid: true, recurring: [], taxes: [] })
  await installed(bench, 'ahead', '+3225550102', { plan: 'ahead' })
})
after(() => bench?.[Symbol.asyncDispose]())

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

const RATES = JSON.parse(JSON.stringify(standardPlan.rates)) as Json[]
const PLAN = JSON.parse(JSON.stringify({ ...standardPlan, name: 'nasty', rates: RATES.slice(1, 3) })) as Json

/** A body for each route that takes one, as rich as it can be: each of its values is made nasty in turn. */
const BODIES: Record<string, Json> = {
  'POST /v1/subscribers': {
    ...(order('nasty', '+3225550777') as { [key: string]: Json }),
    timeZone: 'Europe/Brussels',
    survival: { voice: 'move', channel: 'trunk' },
    agent: { decisionDeadlineMs: 500, memoryMebibytes: 64, cpuShare: 1, maxProcesses: 8, listen: [8080] },
  },
  'PATCH /v1/subscribers/{subscriber}': {
    defaultRoute: { trunk: 'nasty', number: '+3225550199', via: 'trunk' },
    pbx: { host: 'pbx.office.lan', port: 5060, transport: 'tls', tls: { serverName: 'a.lan' }, number: '+3225550199' },
    ...{ decisionDeadlineMs: 500, timeZone: 'Europe/Brussels', emergencyCallerId: '+3225550101', srtp: 'off' },
    ...{ telephoneTls: 'allowed', telephoneDigest: 'MD5', forwardOutside: 'allowed' },
    ...{ survival: { voice: 'end' }, siteNetworks: ['192.168.1.0/24'], dns: { servers: ['192.168.1.53'], search: 'office.lan' } },
    agent: { memoryMebibytes: 64, cpuShare: 1, maxProcesses: 8, listen: [8080] },
  },
  'POST /v1/subscribers/{subscriber}/numbers': { number: '+3225550888' },
  'POST /v1/subscribers/{subscriber}/rotate': { secret: 'api-key', overlapSeconds: 60 },
  'POST /v1/subscribers/{subscriber}/telephones': { name: 'hall' },
  'POST /v1/subscribers/{subscriber}/agent/rollback': { version: 'agt_0' },
  'PUT /v1/subscribers/{subscriber}/allocations/{kind}': { guaranteed: 0, ceiling: 3 },
  'POST /v1/subscribers/{subscriber}/top-ups': { amount: { amount: '20.00', currency: 'EUR' }, reference: 'statement-112' },
  'PUT /v1/capacities/{kind}': { capacity: 10 },
  'PUT /v1/subscribers/{subscriber}/users/{name}': {
    ring: [{ at: [{ number: '+3225550198' }, { number: '+3225550199' }], seconds: 15 }],
    forward: {
      ...{ unconditional: { number: '+3225550199' }, busy: { number: '+3225550199' }, unregistered: { number: '+3225550199' } },
      noAnswer: { to: { number: '+3225550199' }, afterSeconds: 20 },
    },
  },
  'POST /v1/subscribers/{subscriber}/calls': {
    ...{ id: newId('call'), from: { trunk: 'nasty', number: '+3225550190' }, to: { sip: 'sip:101@192.168.1.10' } },
    ...{ callerId: '+3225550101', timeoutSeconds: 20 },
  },
  'POST /v1/calls/{call}/hold': { party: 'caller', music: { text: 'One moment, please.' } },
  'POST /v1/calls/{call}/retrieve': { party: 'caller' },
  'POST /v1/calls/{call}/transfer': { target: { trunk: 'nasty', number: '+3225550190' } },
  'POST /v1/calls/{call}/pickup': { by: { user: '102' }, leg: newId('leg') },
  'POST /v1/calls/{call}/park': { slot: '*701', timeoutSeconds: 30, music: { signal: 'ringback' } },
  'POST /v1/trunks': {
    ...{ name: 'nasty', emergencyReserve: 1, media: 'relay', maxIn: 5, maxOut: 5, earlyMedia: 'pass', diversion: 'none' },
    ...{ identity: 'pass', srtp: 'off', registerSeconds: 60, optionsSeconds: 30, callsPerSecond: 5 },
    gateways: [{ address: '203.0.113.10', port: 5060, transport: 'udp', priority: 1, weight: 1 }],
    auth: { user: 'tl', password: 'circle of life' },
    accept: { user: 'carrier', password: 'circle of life', algorithm: 'MD5' },
    numbers: { in: [{ prefix: '0', replace: '+32' }], out: [{ prefix: '+32', replace: '0' }] },
  },
  'PATCH /v1/trunks/{trunk}': {
    ...{ name: 'nasty', gateways: [{ address: '203.0.113.10' }], auth: { user: 'tl', password: 'x' } },
    ...{ tls: { ca: 'none', certificate: 'none', key: 'none', serverName: 'sip.example.net' } },
  },
  'PUT /v1/emergency-numbers': { numbers: ['112', '911'] },
  'PUT /v1/toll-classes/{name}': {
    ...{ title: 'Far away', prefixes: ['+3299', '+88'], policy: 'limited' },
    limits: { callsPerMinute: 5, callsPerHour: 50, minutesPerDay: 60 },
  },
  'POST /v1/plans': PLAN,
  'POST /v1/plans/{plan}/prices': { rates: [RATES.at(-1)!], free: ['voice.detection'], standard: false },
  'POST /v1/bill-runs': { period: '2026-11', subscriber: 'acme' },
}

const EVIL = 'X-Evil: 1'
const NASTY: Json[] = [
  ...[
    '',
    ' ',
    '\0',
    `a\r\n${EVIL}`,
    `a\n${EVIL}`,
    `a\r${EVIL}`,
    'a\u0000b',
    '\ud800',
    'a\udfff',
    '\u202e\u0085\u2028',
    '😀'.repeat(40),
  ],
  ...['$(touch evil)', '`touch evil`', "';drop table subscriber;--", '"\\', '../../etc/passwd', '%0d%0aX-Evil: 1', '<script>'],
  ...['x'.repeat(65_536), '\u0301'.repeat(1000), '__proto__', 'constructor', 'NaN', '1e999', '٣', '\ufeffacme', 'ＡＣＭＥ'],
  ...[null, true, -1, 0, 1.5, 1e308, 2 ** 53, -(2 ** 31) - 1, [], {}, [[]], [null], { a: 1 }],
]

const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc
    .tuple(
      fc.string({ maxLength: 8 }),
      fc.constantFrom('\r\n', '\n', '\r', '\0', '%0d%0a', '\u2028', ';', '>', '"'),
      fc.string({ maxLength: 8 }),
    )
    .map((parts) => parts.join('')),
  fc.jsonValue({ maxDepth: 2 }),
)

interface Operation {
  name: string
  query: string[]
  hasBody: boolean
}

/** Every route that the API documents. */
async function operations(): Promise<Operation[]> {
  type Described = { parameters?: { in: string; name: string }[]; requestBody?: object }
  const { body } = await bench.api<{ paths: Record<string, Record<string, Described>> }>('GET', '/v1/openapi.json')
  return Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({
      name: `${method.toUpperCase()} ${path}`,
      query: parameters.filter((parameter) => parameter.in === 'query').map((parameter) => parameter.name),
      hasBody: requestBody !== undefined,
    })),
  )
}

const PLACES: Record<string, string> = { subscriber: 'acme', call, trunk: 'nasty', kind: 'trunk.in', name: 'desk', plan: 'nasty' }

function filled(path: string, places: Record<string, string> = {}): string {
  const usual = path.endsWith('/top-ups') ? { ...PLACES, subscriber: 'ahead' } : PLACES
  return path.replaceAll(/\{([a-z]+)\}/gi, (_, name: string) => places[name] ?? usual[name] ?? 'nothing')
}

/** Asks, and looks at the answer: done, or refused as a problem that says why; never a failure of ours. */
async function send(
  name: string,
  body?: Json,
  places?: Record<string, string>,
  query = '',
): Promise<{ status: number; text: string }> {
  const [method = '', path = ''] = name.split(' ')
  const headers: Record<string, string> = { authorization: `Bearer ${bench.operatorKey}` }
  if (body !== undefined) headers['content-type'] = 'application/json'
  if (path.endsWith('/top-ups')) headers['idempotency-key'] = randomUUID()
  const payload = body === undefined ? {} : { body: JSON.stringify(body) }
  const answer = await fetch(`${bench.control.url}${filled(path, places)}${query}`, { method, headers, ...payload })
  const text = await answer.text()
  check(`${name}${query} ${JSON.stringify(places ?? {})} ${JSON.stringify(body)?.slice(0, 600)}`, answer, text)
  return { status: answer.status, text }
}

function check(asked: string, answer: Response, text: string): void {
  const what = asked.length > 700 ? `${asked.slice(0, 350)} … ${asked.slice(-350)}` : asked
  assert.ok(answer.status < 500, `${answer.status} ${text.slice(0, 300)} to ${what}`)
  if (answer.status < 400) return
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/, what)
  const told = JSON.parse(text) as { type: string; status: number; detail: string }
  assert.match(told.type, /^urn:tieline:problem:[a-z-]+$/, what)
  assert.equal(told.status, answer.status, what)
  assert.ok(
    told.detail.length > 0 && text.length < 4096,
    `${what}: an answer of ${text.length} characters: ${text.slice(0, 200)}`,
  )
}

/** The paths of all values inside a body, those that hold others too. */
function pathsOf(value: Json, path: string[] = []): string[][] {
  const below = value && typeof value === 'object' ? Object.entries(value).flatMap(([key, v]) => pathsOf(v, [...path, key])) : []
  return [path, ...below]
}

/** The body with another value at the path. */
function withValue(body: Json, [key, ...rest]: string[], value: Json): Json {
  if (key === undefined) return value
  const copy = Array.isArray(body) ? [...body] : { ...(body as { [key: string]: Json }) }
  const at = copy as { [key: string]: Json }
  at[key] = withValue(at[key] ?? null, rest, value)
  return copy
}

/** What was installed goes again: the ports of channels are few. */
async function undo(name: string, answer: { status: number; text: string }): Promise<void> {
  if (answer.status !== 201) return
  if (name === 'POST /v1/subscribers') {
    const { subscriber, siteFile } = JSON.parse(answer.text) as InstalledBody
    for (const line of siteFile.split('\n'))
      assert.match(line, /^(|#[^\r]*|\[(Interface|Peer)\]|[A-Z][A-Za-z]+ = [^\r\0]*)$/, siteFile)
    assert.doesNotMatch(siteFile, /evil/i)
    await bench.api('DELETE', `/v1/subscribers/${subscriber.id}`)
  }
  if (name === 'POST /v1/trunks') await bench.api('DELETE', `/v1/trunks/${(JSON.parse(answer.text) as { id: string }).id}`)
}

test('F09 each route that takes a body has one here, which is good as it is', async () => {
  const missing = (await operations()).filter(({ name, hasBody }) => hasBody && !BODIES[name]).map(({ name }) => name)
  assert.deepEqual(missing, [])
  for (const [name, body] of Object.entries(BODIES)) {
    if (name === 'POST /v1/trunks') continue // it is there already
    const answer = await send(name, body)
    const expected = name.endsWith('rollback') ? 404 : name === 'PATCH /v1/trunks/{trunk}' ? 422 : 299
    assert.ok(answer.status <= expected, `${name}: ${answer.status} ${answer.text}`)
    await undo(name, answer)
  }
})

test('F09 nothing nasty in any field of any body is a failure of ours, nor is it published', async () => {
  for (const [name, body] of Object.entries(BODIES)) {
    for (const path of pathsOf(body)) for (const value of NASTY) await undo(name, await send(name, withValue(body, path, value)))
    // A member that no schema knows.
    await undo(name, await send(name, { ...(body as object), [`a\r\n${EVIL}`]: 1 }))
  }
})

test('F09 nor is whatever chance makes of it', async () => {
  const fields = Object.entries(BODIES).flatMap(([name, body]) => pathsOf(body).map((path) => ({ name, body, path })))
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...fields), nasty, async ({ name, body, path }, value) => {
      await undo(name, await send(name, withValue(body, path, value as Json)))
    }),
    { numRuns: 1500, interruptAfterTimeLimit: 60_000 },
  )
})

test('F09 nor is anything in a path or a query', async () => {
  const texts = NASTY.filter((value) => typeof value === 'string').map((text) =>
    encodeURIComponent(text.toWellFormed()).slice(0, 6000),
  )
  texts.push(
    '%',
    '%zz',
    '%00',
    '%0d%0aX-Evil:%201',
    '%ed%a0%80',
    '%ff%fe',
    '..%2f..%2fetc%2fpasswd',
    '-1',
    '99999999999999999999',
    'null',
  )
  for (const { name, query } of await operations()) {
    if (name.endsWith('/stream')) continue
    const destroys = name.startsWith('DELETE') || /\/(kill|drain|suspend|rollback|restart)$/.test(name)
    for (const text of texts) {
      for (const [, place = ''] of name.matchAll(/\{([a-z]+)\}/gi)) {
        if (text === '') continue // another route
        await undo(name, await send(name, BODIES[name], { [place]: text }))
      }
      if (destroys) continue
      for (const field of query) await send(name, BODIES[name], {}, `?${field}=${text}`)
    }
  }
})

test('F09 bodies that are no JSON, or a monstrous one, are refused as such', async () => {
  const url = `${bench.control.url}/v1/subscribers/acme`
  const deep = '['.repeat(50_000) + ']'.repeat(50_000)
  const bodies: [string, string | Uint8Array][] = [
    ['application/json', '{'],
    ['application/json', 'null\0'],
    ['application/json', deep],
    ['application/json', `{"defaultRoute":${deep}}`],
    ['application/json', `{"timeZone":${'9'.repeat(60_000)}}`],
    ['application/json', '{"__proto__":{"timeZone":"x"},"timeZone":"Europe/Brussels"}'],
    ['application/json', Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d)],
    ['application/json', `{"timeZone":"${'x'.repeat(2 << 20)}"}`],
    ['text/plain', '{"timeZone":"Europe/Brussels"}'],
    ['application/json; charset=utf-16', '{"timeZone":"Europe/Brussels"}'],
    ['application/x-www-form-urlencoded', 'timeZone=Europe/Brussels'],
    ['application/gzip', 'x'],
  ]
  for (const [type, body] of bodies) {
    const headers = { authorization: `Bearer ${bench.operatorKey}`, 'content-type': type }
    const answer = await fetch(url, { method: 'PATCH', headers, body: body as never })
    check(`${type} ${String(body).slice(0, 40)}`, answer, await answer.text())
  }
})

test('F09 what was published or commanded by then has no line of its own in it', async () => {
  const { published, made, ordered } = bench.fakes
  const texts = (value: unknown, key = ''): [string, string][] =>
    typeof value === 'string'
      ? [[key, value]]
      : value && typeof value === 'object'
        ? Object.entries(value).flatMap(([name, inner]) => [[`name of ${key}`, name] as [string, string], ...texts(inner, name)])
        : []
  const broken = texts([published.host, published.switch]).filter(
    ([key, text]) => /[\0-\x1f\x7f\u0085\u2028\u2029]/.test(text) && !/^(ca|certificate)$/.test(key),
  )
  assert.deepEqual(broken, [])
  assert.ok(made.length > 0 && ordered.length > 0 && published.switch.length > 20)
  // What is commanded of calls the switch checks itself, as it checks its agents: what passes there holds no line either.
  const lines = /[\0\r\n]/
  const passes = (verb: string, params: object) => {
    try {
      return checkVerb(verb as never, { ...params, call } as never) as object
    } catch {
      return null
    }
  }
  for (const { subscriber: _, by: __, ...wanted } of made) {
    const passed = passes('call.make', wanted)
    if (passed) assert.ok(!texts(passed).some(([, text]) => lines.test(text)), JSON.stringify(passed))
  }
  for (const { order: ordering } of ordered) {
    const passed = passes(`call.${ordering.verb}`, ordering.params)
    const shown = passed && texts(passed).filter(([key]) => key !== 'text')
    assert.ok(!shown?.some(([, text]) => lines.test(text)), JSON.stringify(passed))
  }
  assert.equal((await bench.api('GET', '/v1/health')).status, 200)
})
