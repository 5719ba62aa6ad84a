import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createSealer } from '#platform/subscriber/index.ts'
import { DID, World } from '../call/harness.ts'
import { sleep, until } from '../peer/clock.ts'
import { type Reader, readers } from '../peer/readers/index.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { Password } from '../peer/sip/password.ts'
import { RawEnd, rawRequest } from '../peer/sip/raw.ts'
import { register } from '../peer/sip/register.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { Watcher } from '../peer/sip/subscribe.ts'
import { type Sent, Wire } from './wire.ts'

const READERS = readers()
const PASSWORD = 'circle of life'

/** What the vectors of RFC 4475 lie in, beside the working tree; they are not ours to distribute. */
const TORTURE = new URL('../../../shared/data/rfc4475/', import.meta.url)

const absent = existsSync(TORTURE) ? false : 'the RFC 4475 messages are not beside this tree (shared/data/rfc4475)'

/** What the test below makes the switch write, at the least. */
const WRITTEN = [
  ...['ACK', 'BYE', 'CANCEL', 'INVITE', 'NOTIFY', 'OPTIONS', 'PRACK', 'REGISTER'],
  ...[
    '100 INVITE',
    '180 INVITE',
    '183 INVITE',
    '200 INVITE',
    '200 CANCEL',
    '200 INFO',
    '200 OPTIONS',
    '200 PRACK',
    '200 REGISTER',
  ],
  ...['200 SUBSCRIBE', '200 UPDATE', '200 BYE', '202 REFER', '401 REGISTER', '401 SUBSCRIBE', '404 INVITE', '405 MESSAGE'],
  ...['405 PUBLISH', '406 INVITE', '415 INFO', '416 INVITE', '420 INVITE', '422 INVITE', '423 REGISTER', '481 BYE', '481 CANCEL'],
  ...['481 NOTIFY', '483 INVITE', '484 INVITE', '487 INVITE', '505 INVITE'],
]

/** A method, or an answer as `200 INVITE`. */
function kindOf(octets: Uint8Array): string {
  const text = String(octets)
  const status = /^SIP\/2\.0 (\d{3})/.exec(text)?.[1]
  return status ? `${status} ${/^CSeq: *\d+ +(\S+)/im.exec(text)?.[1] ?? '?'}` : text.slice(0, text.indexOf(' '))
}

/** What is wrong with a message, as this reader has it; null where it is as it says itself. */
function complaint(reader: Reader, octets: Uint8Array): string | null {
  try {
    const { start } = reader.read(octets)
    if (start !== kindOf(octets).split(' ')[0]) return `it begins with ${start}`
    const [head = '', body = ''] = String(octets).split('\r\n\r\n')
    if (/^Content-Type: application\/sdp/im.test(head)) reader.readSdp(body)
    return null
  } catch (error) {
    return String(error)
  }
}

/** All that the switch sent, each kind of text once, held against each reader; gives the kinds. */
function readAll(world: World, messages: readonly Sent[]): Set<string> {
  const ours = messages.filter(({ from }) => from === world.node.address || from === world.siteSwitch.address)
  for (const reader of READERS)
    for (const { octets } of ours) {
      const wrong = complaint(reader, octets)
      assert.equal(wrong, null, `${reader.name}: ${wrong}\n${octets}`)
    }
  return new Set(ours.map(({ octets }) => kindOf(octets)))
}

/** A world whose carrier `second` wants a registration and a password, with two telephones of the site and what they speak by. */
async function openBusyWorld() {
  const world = await World.open({ voice: true })
  const wire = await Wire.open(world)
  const sealer = createSealer(world.sealingKey)
  const telephones = ['101', '102'].map((name) => ({ name, password: sealer.seal(PASSWORD) }))
  new Password(world.second.socket, { user: 'tl', password: PASSWORD })
  const credentials = { user: 'tl', password: sealer.seal(PASSWORD) }
  const trunks = world.snapshot.trunks.map((trunk) =>
    trunk.name === 'other'
      ? { ...trunk, credentials, registerSeconds: 60, optionsSeconds: 1 }
      : { ...trunk, gateways: [...trunk.gateways, { address: `${world.net}.4`, port: 5060 }] },
  )
  const [acme] = world.snapshot.subscribers
  const subscribers = [{ ...acme!, telephones, defaultRoute: { user: '101' } }]
  await world.publish({ ...world.snapshot, number: world.snapshot.number + 1, trunks, subscribers })
  const [desk, lamp, caller] = await Promise.all(
    [75, 76, 4].map(async (last) => {
      const end = await FarEnd.open({ address: `${world.net}.${last}`, port: 5060, name: `end${last}`, watched: [] })
      world.defer(() => end.close())
      return end
    }),
  )
  return { world, desk: desk!, lamp: lamp!, caller: caller!, wire }
}

async function enter(world: World, end: FarEnd, user: string): Promise<void> {
  const at = { to: world.siteSwitch, user, password: PASSWORD, expires: 600 }
  assert.equal((await register(end.socket, at)).status, 200)
  assert.equal((await register(end.socket, { ...at, password: 'wrong' })).status, 401)
  assert.equal((await register(end.socket, { ...at, expires: 1 })).status, 423)
}

/** A call to the telephone and from it on to the carrier: reliable ringing on both sides, hold, keys, a transfer, a session timer. */
async function talk(world: World, desk: FarEnd, caller: FarEnd): Promise<void> {
  const b = ScriptedLeg.await(desk)
  const sdp = ScriptedLeg.await(caller).sdp()
  const a = ScriptedLeg.place(caller, world.node, DID, {
    headers: [
      ['Require', '100rel'],
      ['Supported', 'timer'],
      ['Session-Expires', '120;refresher=uac'],
    ],
    body: sdp,
  })
  const invite = await b.next('INVITE')
  const reliable: [string, string][] = [
    ['Require', '100rel'],
    ['RSeq', '77'],
  ]
  b.reply(invite, 183, { headers: reliable, body: b.sdp({ port: 31_000 }) })
  b.reply(await b.next('PRACK'), 200)
  const early = await a.next('183').catch(() => a.next('180'))
  a.prack(early)
  await a.next('200 PRACK')
  b.reply(invite, 200, { body: b.sdp({ port: 31_000 }) })
  await b.next('ACK')
  a.ack(await a.next('200 INVITE'))
  a.ask('UPDATE', {
    headers: [
      ['Supported', 'timer'],
      ['Session-Expires', '120;refresher=uac'],
    ],
  })
  await a.next('200 UPDATE')
  b.ask('INVITE', { body: b.sdp({ port: 31_000, version: 2, direction: 'sendonly' }) })
  b.ack(await b.next('200 INVITE'))
  b.ask('INVITE', { body: b.sdp({ port: 31_000, version: 3 }) })
  b.ack(await b.next('200 INVITE'))
  b.ask('INFO', { headers: [['Content-Type', 'application/dtmf-relay']], body: 'Signal=5\r\nDuration=160\r\n' })
  await b.next('200 INFO')
  b.ask('INFO', { headers: [['Content-Type', 'text/plain']], body: 'x' })
  await b.next('415 INFO')
  b.ask('REFER', { headers: [['Refer-To', `<sip:+32470888888@${world.siteSwitch.address}>`]] })
  await b.next('202')
  await b.progress()
  b.reply(await b.next('BYE', 6000), 200)
  a.ask('BYE')
  await a.next('200 BYE')
}

/** Everything that is refused, outside dialogs and in such that there are not. */
async function refused(world: World): Promise<void> {
  await using trunk = await RawEnd.open(`${world.net}.2`)
  await using site = await RawEnd.open(`${world.net}.90`)
  const methods = [
    'MESSAGE',
    'PUBLISH',
    'SUBSCRIBE',
    'NOTIFY',
    'REFER',
    'INFO',
    'UPDATE',
    'PRACK',
    'BYE',
    'CANCEL',
    'OPTIONS',
    'FOO',
  ]
  let n = 0
  for (const [end, to] of [
    [trunk, world.node],
    [site, world.siteSwitch],
  ] as const)
    for (const method of [...methods, 'INVITE', 'REGISTER']) {
      const text = rawRequest(method, { from: end.at, to, user: 'nobody', n: n++ })
      for (const each of [
        text,
        text.replace('Max-Forwards: 70', 'Max-Forwards: 0'),
        text.replace('Max-Forwards', 'Require: nothing-known\r\nMax-Forwards'),
        text.replace('SIP/2.0\r\n', 'SIP/3.0\r\n'),
        text.replace('sip:nobody', 'unknown:nobody'),
        text.replace('Max-Forwards', 'Supported: timer\r\nSession-Expires: 30\r\nMax-Forwards'),
        text.replace('Max-Forwards', 'Accept: text/plain\r\nMax-Forwards'),
        text.replace(/<sip:nobody@[^>]*>/, '$&;tag=gone'),
      ])
        end.send(each.replace(/branch=[^\r]*/, `$&-${n++}`).replace(/Call-ID: /, `$&${n}`), to)
    }
  await sleep(500)
  for (const end of [trunk, site]) assert.ok(end.heard.length > 30, `${end.heard.length}`)
}

test('all that the switch writes in calls, registrations, subscriptions and refusals is read by three foreign parsers, the descriptions too', async () => {
  const { world, desk, lamp, caller, wire } = await openBusyWorld()
  await using _ = world
  await using __ = wire
  world.carrier.rules = [{ user: '*', does: 'answer', ringMs: 20, tone: 700 }]
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 20, tone: 700 }]
  await enter(world, desk, '101')
  await enter(world, lamp, '102')
  const watcher = new Watcher(lamp.socket, {
    to: world.siteSwitch,
    user: '102',
    password: PASSWORD,
    watched: '101',
    expires: 120,
  })
  await watcher.ask()
  desk.rules = [{ user: '*', does: 'ring' }]
  const rung = await world.second.place({ to: world.node, from: '+32470123456', number: DID, cancelAfterMs: 400 })
  await until('its end', () => rung.phase === 'ended', 4000)
  await talk(world, desk, caller)
  await until('a lamp that was on', () => watcher.told.length >= 3, 4000)
  await watcher.ask(0)
  await refused(world)
  await world.quiet()
  const kinds = readAll(world, await wire.messages())
  assert.equal(world.carrier.calls.length, 1)
  assert.deepEqual(
    WRITTEN.filter((kind) => !kinds.has(kind)),
    [],
  )
})

test('F12 the messages of RFC 4475: whichever parser reads one of them reads what it is answered', { skip: absent }, async () => {
  await using world = await World.open({ subscriber: { defaultRoute: { trunk: 'other', number: '+3225559000' } } })
  world.second.rules = [{ user: '*', does: 486 }]
  await using wire = await Wire.open(world)
  await using raw = await RawEnd.open(`${world.net}.2`)
  const vectors = readdirSync(TORTURE).map((file) => readFileSync(new URL(file, TORTURE)))
  for (const octets of vectors) {
    raw.send(octets, world.node)
    await sleep(10)
  }
  await sleep(300)
  const answers = (await wire.messages()).filter(({ octets, from }) => from === world.node.address && /^SIP/.test(String(octets)))
  for (const reader of READERS) {
    const read = new Set(vectors.filter((octets) => complaint(reader, octets) === null).map(callIdOf))
    const theirs = answers.filter(({ octets }) => read.has(callIdOf(octets)))
    assert.ok(new Set(theirs.map(({ octets }) => callIdOf(octets))).size >= 10, `${reader.name}: ${theirs.length}`)
    for (const { octets } of theirs) assert.equal(complaint(reader, octets), null, `${reader.name}\n${octets}`)
  }
  await world.quiet(40_000)
})

function callIdOf(octets: Uint8Array): string {
  return /^(?:Call-ID|i)\s*:\s*(\S+)/im.exec(String(octets))?.[1] ?? '?'
}
