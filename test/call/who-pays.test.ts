import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { until } from '../peer/clock.ts'
import type { FarEnd } from '../peer/sip/far-end.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, World } from './harness.ts'
import { type Commanded, Program } from './program.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/operate/who-pays.md'), 'utf8')
const TABLE = new Map([...page.matchAll(/^\| ([^|]+) \| (\d[^|]+) \|$/gm)].map(([, what = '', billed = '']) => [what, billed]))
const FAR = '+32470999999'

let world: World
let decide: (call: Commanded) => Promise<void>
before(async () => {
  world = await World.open({ voice: true })
  await Program.connect(world, (call) => decide(call))
})
after(() => world[Symbol.asyncDispose]())

/** Plays a row of the table and holds it against what has been billed since. */
function row(what: string, play: () => Promise<void>): void {
  test(`B13 ${what}`, async () => {
    const expected = TABLE.get(what)
    assert.ok(expected, 'the page has such a row')
    const before = (await world.records()).length
    world.pbx.rules = [
      { user: '101', does: 'answer', ringMs: 5 },
      { user: '103', does: 486 },
    ]
    for (const far of [world.carrier, world.second]) far.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
    await play()
    await world.quiet()
    const counts = new Map<string, number>()
    const ids = new Set<string>()
    for (const record of (await world.records()).slice(before)) {
      if (record.type !== 'lease.released' || !record.lease.answered) continue
      assert.ok(!ids.has(record.lease.id), 'billed once')
      ids.add(record.lease.id)
      counts.set(record.lease.kind, (counts.get(record.lease.kind) ?? 0) + 1)
    }
    const billed = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, count]) => `${count} ${kind}`)
    assert.equal(billed.join(', '), expected)
  })
}

const place = () => world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
const up = (far: FarEnd) => until('an answer there', () => far.calls.find((c) => c.direction === 'in' && c.phase === 'up'), 4000)

async function dialled(far: FarEnd, target: object): Promise<void> {
  decide = async (call) => void (await call.do('call.dial', { target: target as { pbx: string } }))
  const caller = await place()
  await up(far)
  await until('an answer', () => caller.phase === 'up', 4000)
  caller.hangup()
}

/** A caller outside talks to a telephone of the site, which the test plays. */
async function scripted(): Promise<[a: ScriptedLeg, b: ScriptedLeg]> {
  decide = async (call) => void (await call.do('call.dial', { target: { pbx: '101' } }))
  const b = ScriptedLeg.await(world.pbx)
  const a = ScriptedLeg.place(world.second, world.node, DID, { body: sdpOf(world.second) })
  b.reply(await b.next('INVITE'), 200, { body: b.sdp({ port: 31_000 }) })
  await b.next('ACK')
  a.ack(await a.next('200 INVITE'))
  return [a, b]
}

const sdpOf = ({ socket }: FarEnd) =>
  `v=0\r\no=- 1 1 IN IP4 ${socket.address}\r\ns=-\r\nc=IN IP4 ${socket.address}\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n`

async function refer(leg: ScriptedLeg, to: string): Promise<void> {
  leg.ask('REFER', { headers: [['Refer-To', to]] })
  await leg.next('202')
  await leg.progress()
}

/** The first hangs up, and the others are told. */
async function hangUp(leg: ScriptedLeg, ...others: ScriptedLeg[]): Promise<void> {
  leg.ask('BYE')
  await leg.next('200 BYE')
  for (const other of others) other.reply(await other.next('BYE', 5000), 200)
}

row('redirect over the channel', () => dialled(world.pbx, { pbx: '101' }))
row('redirect over a trunk, forward to a number outside', () => dialled(world.second, { trunk: 'other', number: FAR }))
row('redirect to a target that does not answer', async () => {
  decide = async (call) => {
    await call.do('call.answer', {})
    await call.do('call.dial', { target: { pbx: '103' } })
  }
  const caller = await place()
  await until('the end', () => caller.phase === 'ended', 4000)
})
row('call out from the site', async () => {
  const caller = await world.pbx.place({ to: world.siteSwitch, from: '101', number: FAR })
  await until('an answer', () => caller.phase === 'up', 4000)
  caller.hangup()
})
row('conference of two callers', async () => {
  decide = async (call) => void (await call.do('call.conference', { room: 'sales' }))
  const callers = [await place(), await place()]
  await until('both', () => callers.every(({ phase }) => phase === 'up'), 4000)
  for (const caller of callers) caller.hangup()
})
row('parked, and picked up by a telephone', async () => {
  decide = async (call) => void (await call.do('call.park', { slot: '701' }))
  const caller = await place()
  await until('parked', () => caller.phase === 'up', 4000)
  const phone = await world.pbx.place({ to: world.siteSwitch, from: '101', number: '701' })
  await until('an answer', () => phone.phase === 'up', 4000)
  await until('the talk', async () => (await world.link.call('call.list', {}))[0]?.state === 'joined', 4000)
  caller.hangup()
})
row('two callers joined by their agent', async () => {
  const calls: Commanded[] = []
  decide = async (call) => {
    calls.push(call)
    if (calls.length === 1) {
      await call.do('call.answer', {})
      await until('the other', () => calls.length === 2, 4000)
      await calls[1]!.do('call.answer', {})
      await call.do('call.join', { other: calls[1]!.offered.call })
    } else await until('its end', () => other.phase === 'ended', 8000)
  }
  const caller = await place()
  const other = await place()
  await until('the talk', async () => (await world.link.call('call.list', {})).some(({ state }) => state === 'joined'), 4000)
  caller.hangup()
  await until('its end', () => other.phase === 'ended', 4000)
})
// From here on the site and the second carrier are played by hand.
row('blind transfer by the site to a number outside', async () => {
  const [a, b] = await scripted()
  await refer(b, `<sip:${FAR}@tieline.test>`)
  b.reply(await b.next('BYE', 5000), 200)
  await hangUp(a)
})
row('blind transfer to a target that does not answer', async () => {
  const [a, b] = await scripted()
  world.carrier.rules = [{ user: '*', does: 486 }]
  await refer(b, `<sip:${FAR}@tieline.test>`)
  await hangUp(a, b)
})
row('attended transfer by the site: a call in and a call out become one', async () => {
  const [a, b1] = await scripted()
  const b2 = ScriptedLeg.place(world.pbx, world.siteSwitch, FAR, { body: sdpOf(world.pbx) })
  b2.ack(await b2.next('200 INVITE'))
  b1.ask('REFER', { headers: [['Refer-To', `<sip:x@y?Replaces=${encodeURIComponent(b2.replaces)}>`]] })
  b2.reply(await b2.next('BYE'), 200)
  await b1.progress()
  b1.reply(await b1.next('BYE', 5000), 200)
  await hangUp(a)
})

test('B13 every row of the page is played', () => {
  assert.equal(TABLE.size, 10)
})
