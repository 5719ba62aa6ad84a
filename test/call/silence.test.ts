import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { DID, World } from './harness.ts'
import { Program } from './program.ts'

const CALLER = '+32470123456'
const heard = (call: Call, what: number) => (call.report().media?.heard ?? []).filter((h) => h.what === what).length

test('M03 a leg whose channel is cut ends within the media timeout and its proof, with a cause of its own', async () => {
  await using world = await World.open({ voice: true, mediaTimeoutMs: 800 })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  const results: { cause: { reason: string } }[] = []
  using _program = await Program.connect(world, async (call) => {
    results.push(await call.do('call.dial', { target: { pbx: '101' } }))
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('audio', () => heard(call, 700) >= 2, 4000)
  // Nothing of the site is there any more: no sound, no answer to anything.
  world.pbx.calls[0]!.stream.close()
  world.pbx.socket.onRequest = () => {}
  await until('the end', () => call.phase === 'ended', 9000)
  await world.quiet()
  assert.equal(results[0]?.cause.reason, 'channel-lost')
  const types = (await world.events()).map((event) => event.type)
  assert.ok(types.includes('media.silent'))
  assert.equal(types.filter((type) => type === 'leg.cleared').length, 2)
})

test('M04 a far end that is silent but alive is not cut', async () => {
  await using world = await World.open({ voice: true, mediaTimeoutMs: 500 })
  world.pbx.rules = [{ user: '101', does: 'answer', ringMs: 10, tone: 700 }]
  using _program = await Program.connect(world, async (call) => {
    await call.do('call.dial', { target: { pbx: '101' } })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
  await until('audio', () => heard(call, 700) >= 2, 4000)
  world.pbx.calls[0]!.stream.close() // its sound stops; its telephone still answers
  const silent = async () => (await world.events()).some((event) => event.type === 'media.silent')
  await until('the silence to be seen', silent, 4000)
  await new Promise((resolve) => setTimeout(resolve, 2500))
  assert.equal(call.phase, 'up')
  call.hangup()
  await world.quiet()
})
