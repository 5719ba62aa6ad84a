import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep, until } from '../peer/clock.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { DID, World } from './harness.ts'

const CALLER = '+32470123456'

test('F01 F02 a carrier that calls from a network of its own is heard from there, and from nowhere else; no call goes there; O07 what is up goes on when the network is taken away', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const end = (last: number) => FarEnd.open({ address: `${world.net}.${last}`, port: 5060, name: `far${last}`, watched: [] })
  const place = (far: FarEnd) => far.place({ to: world.node, from: CALLER, number: DID })
  const silent = async (last: number) => {
    const far = await end(last)
    const call = await place(far)
    await sleep(700)
    // What was not heard is asked again until it goes.
    await far.close()
    const heard = call.report().timeline.filter(({ what }) => what.startsWith('<'))
    assert.deepEqual(heard, [], 'no answer at all')
  }
  await silent(40)
  await world.changeTrunk('main', { sources: [`${world.net}.32/27`] })
  const inside = await end(41)
  world.defer(() => inside.close())
  const call = await place(inside)
  await until('an answer', () => call.phase === 'up', 3000)
  await silent(70)
  await world.changeTrunk('main', { sources: [] })
  assert.equal(await call.reinvite(), 200)
  await silent(42)
  world.second.calls[0]!.hangup()
  await until('its BYE', () => call.phase === 'ended', 3000)
  await world.quiet()
  assert.equal(inside.calls.filter((each) => each !== call).length, 0, 'it was never called')
})

test('O07 a gateway that becomes one of a network from which its carrier calls: what is up goes on, it begins calls as before, and no call goes there; and back again', async () => {
  await using world = await World.open()
  const far = await FarEnd.open({ address: `${world.net}.41`, port: 5060, name: 'far41', watched: [] })
  world.defer(() => far.close())
  for (const end of [far, world.second, world.carrier]) end.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const at = (last: number) => ({ address: `${world.net}.${last}`, port: 5060 })
  const up = async (from: FarEnd, trunk: string) => {
    await world.change({ defaultRoute: { trunk, number: '+3225559000' } })
    const call = await from.place({ to: world.node, from: CALLER, number: DID })
    await until('an answer', () => call.phase === 'up', 3000)
    return call
  }
  const server = { gateways: [at(41)], sources: [] }
  const network = { gateways: [at(2)], sources: [`${world.net}.32/27`] }
  await world.changeTrunk('main', server)
  for (const then of [network, server]) {
    const inward = await up(far, 'other')
    const before = far.calls.length
    const outward = await up(world.second, 'main')
    const callee = then === network ? far.calls[before]! : world.carrier.calls.at(-1)!
    await world.changeTrunk('main', then)
    assert.deepEqual([await inward.reinvite(), await callee.reinvite()], [200, 200])
    const another = await up(far, 'other')
    const told = far.calls.length
    const onward = await up(world.second, 'main')
    assert.equal(far.calls.length - told, then === network ? 0 : 1, 'whether it is called')
    callee.hangup()
    await until('its BYE', () => outward.phase === 'ended', 3000)
    for (const call of [inward, another, onward]) call.hangup()
    await world.quiet()
  }
})
