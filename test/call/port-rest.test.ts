import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '#lib/index.ts'
import { LINKS, type Refusal, type VoiceMethods } from '#platform/words/index.ts'
import { connectLink } from '#protocol/link/index.ts'
import { until } from '../peer/clock.ts'
import { headerOf } from '../peer/sip/message.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { answered, hangUp, hearEachOther, placed } from './codec-scene.ts'
import { World } from './harness.ts'
import { addNeighbour } from './neighbour.ts'

test('M13 whoever talks on after its call is never heard by another subscriber: its ports rest, and are not given while they do', async (t) => {
  // Each call has two legs on the trunk side: there are ports for the call that is over, one beside it, and half of a third.
  await using world = await World.open({ voice: true, ports: { first: 20_000, last: 20_009 } })
  const voice = connectLink<{ calls: VoiceMethods }>({
    path: join(world.run, LINKS.voice(0)),
    hello: { process: 'test', version: 1 },
    log: silentLog,
  })
  t.after(() => voice.close())
  const ports = async () => {
    const { portsInUse, portsQuarantined } = await (await voice.ready()).call('status', {})
    return { portsInUse, portsQuarantined }
  }
  const number = await addNeighbour(world)
  const before = await placed(t, world, { a: ['PCMU'], far: world.second })
  await answered(t, before, { a: 'PCMU', b: 'PCMU' })
  await hearEachOther(before.a, before.b, 'acme')
  const left = [before.a.phone, before.b.phone]
  before.a.leg.ask('BYE')
  before.b.leg.reply(await before.b.leg.next('BYE'), 200)
  await before.a.leg.next('200 BYE')
  await world.quiet()
  // Neither end of acme's call has stopped: they talk on through all that follows, at the ports where they were heard.
  for (const phone of left) phone.speak(1000)
  assert.deepEqual(await ports(), { portsInUse: 0, portsQuarantined: 2 })
  const next = await placed(t, world, { a: ['PCMU'], far: world.second, number })
  await answered(t, next, { a: 'PCMU', b: 'PCMU' })
  await hearEachOther(next.a, next.b, 'globex')
  assert.deepEqual(await ports(), { portsInUse: 2, portsQuarantined: 2 })
  const heard = left.map((phone) => phone.heard.length)
  next.a.phone.quiet()
  next.b.phone.quiet()
  const quiet = [next.a.phone.heard.length, next.b.phone.heard.length]
  const third = ScriptedLeg.place(world.carrier, world.node, number, { body: next.a.sdp(['PCMU']) })
  const refusal = await until('a refusal', () => third.heard.find(({ status = 0 }) => status >= 300), 5000)
  third.ack(refusal)
  assert.equal(refusal.status, 503, 'what rests is not given, however much it is wanted')
  assert.equal(headerOf(refusal, 'retry-after'), '5')
  const refused = (await world.events()).filter(({ type }) => type === 'resource.refused').map(({ data }) => data.refusal)
  assert.ok(refused.length > 0)
  for (const told of refused) {
    const { kind, limitedBy, limit, inUse } = told as Refusal
    assert.deepEqual([kind, limitedBy, limit, inUse], ['voice.port', 'pool', 5, 5])
  }
  assert.ok(
    next.a.phone.heard.length - quiet[0]! < 3 && next.b.phone.heard.length - quiet[1]! < 3,
    'globex hears nothing of acme',
  )
  assert.deepEqual(
    left.map((phone) => phone.heard.length),
    heard,
    'and acme nothing of globex',
  )
  await hangUp(world, next.a, next.b)
  assert.deepEqual(await ports(), { portsInUse: 0, portsQuarantined: 5 })
})
