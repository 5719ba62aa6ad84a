import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { until } from '../peer/clock.ts'
import { NAME, NamesWorld } from './names-world.ts'

let names: NamesWorld
/** The carrier's name, in each test another: of a known one the last answer goes on. */
let name = ''
let tests = 0
before(async () => {
  names = await NamesWorld.open()
})
after(() => names[Symbol.asyncDispose]())
beforeEach(() => {
  name = `carrier${++tests}.example`
  names.dns.mood = {}
  for (const name of Object.keys(names.dns.records)) delete names.dns.records[name]
})

const host = (last: number) => `s${last}.${NAME}`
/** DNS says nothing of this target, or that it can't. */
const untold = (last: number, how: 'silent' | 'fails') => {
  names.dns.records[host(last)] = { [how]: true }
}
const acks = (end: Awaited<ReturnType<NamesWorld['server']>>) =>
  end.calls.flatMap((call) => call.report().timeline).filter(({ what }) => what === '< ACK').length
/** Why the last leg out could not be had. */
const why = async () => (await names.world.events()).findLast(({ type }) => type === 'leg.failed')!.cause!

/** The carrier has these servers, in this order of priority, and the trunk is known by its name. */
async function cluster(lasts: number[], ttl = 30): Promise<void> {
  const SRV = lasts.map((last, priority) => ({ priority, weight: 1, port: 5060, target: host(last) }))
  names.dns.records[`_sip._udp.${name}`] = { SRV, ttl }
  for (const last of lasts) names.dns.records[host(last)] ??= { A: [names.address(last)], ttl }
  await names.name({}, { address: name }, false)
}

for (const how of ['silent', 'fails'] as const)
  test(`S34 S35 one server’s address is not told (${how}), one is dead, one says 503, one serves: it has the call, in bounded time`, async () => {
    const busy = await names.server(how === 'fails' ? 4 : 14)
    busy.rules = [{ user: '*', does: 503 }]
    const last = how === 'fails' ? 4 : 14
    const [far, dead] = how === 'fails' ? [8, 9] : [18, 19]
    untold(far!, how)
    await cluster([far!, dead!, last, 3])
    const { call, ms } = await names.up(8000)
    assert.ok(ms < 4500, `after ${Math.round(ms)} ms`)
    assert.deepEqual([acks(busy), names.world.second.calls.at(-1)?.phase], [1, 'up'])
    call.hangup()
    await names.world.quiet()
    const state = (await names.state()).names[0]!
    assert.match(state.text, new RegExp(`address of ${host(far!)}`))
  })

test('S34 S35 one server’s address is not told, and the other one is dead: the caller is told so in time, the event says both; told again, it serves', async () => {
  untold(28, 'fails')
  await cluster([28, 29], 1)
  const begun = performance.now()
  assert.equal(await names.refused(), 504)
  assert.ok(performance.now() - begun < 9000)
  const { reason, text } = await why()
  assert.equal(reason, 'no-response')
  assert.match(text!, new RegExp(`${names.address(29)}:5060 said nothing`))
  assert.match(text!, new RegExp(`DNS does not tell the address of ${host(28)}`))
  await names.world.quiet()
  const back = await names.server(28)
  names.dns.records[host(28)] = { A: [names.address(28)], ttl: 1 }
  await until('it to be known', async () => (await names.state()).names[0]?.state === 'located', 12_000)
  const { call, ms } = await names.up()
  assert.ok(ms < 1500, `the dead one is not waited for: ${Math.round(ms)} ms`)
  assert.equal(back.calls.length, 1)
  call.hangup()
  await names.world.quiet()
})

test('S35 all servers say 503 but for one whose address is not told: each 503 is acknowledged, and the caller gets 500', async () => {
  const ends = [await names.server(34), await names.server(35)]
  for (const end of ends) end.rules = [{ user: '*', does: 503 }]
  untold(38, 'silent')
  await cluster([34, 38, 35])
  assert.equal(await names.refused(), 500)
  await until('both ACKs', () => ends.every((end) => acks(end) === 1), 2000)
  assert.match((await why()).text!, new RegExp(`34:5060 said 503.*35:5060 said 503.*${host(38)}`))
  await names.world.quiet()
})

test('S34 of two gateways one is a name that is not told, and the other is dead: both reasons, in bounded time', async () => {
  const gateways = [{ address: 'nowhere.example' }, { address: names.address(39), port: 5060 }]
  names.dns.records['nowhere.example'] = { fails: true }
  await names.name({ gateways }, {}, false)
  const begun = performance.now()
  assert.equal(await names.refused(), 504)
  assert.ok(performance.now() - begun < 9000)
  const { text } = await why()
  assert.match(text!, new RegExp(`${names.address(39)}:5060 said nothing`))
  assert.match(text!, /nowhere\.example/)
  await names.world.quiet()
})
