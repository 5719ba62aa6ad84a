import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { readSdp } from '../peer/sip/sdp.ts'
import { DID, World } from './harness.ts'
import { Program } from './program.ts'

const MUSIC = { tone: [{ frequencies: [425], onMs: 1000, offMs: 0 }] }

test('R08 the maximum duration fires in every state, also where both far ends ignore the BYE', async () => {
  await using world = await World.open({ voice: true, maxCallSeconds: 2 })
  world.pbx.rules = [
    { user: '101', does: 'answer', ringMs: 5, ignoreBye: true },
    { user: '102', does: 'answer', ringMs: 5 },
    { user: '103', does: 'ring' },
  ]
  const doings = ['ring', 'joined', 'prompt', 'held', 'parked'] as const
  await Program.connect(world, async (call) => {
    const doing = doings[Number(call.offered.from.number.slice(-1))]
    if (doing === 'prompt') await call.do('call.play', { ...MUSIC, totalMs: 60_000 })
    else if (doing === 'parked') await call.do('call.park', { slot: '*1' })
    else if (doing === 'ring') await call.do('call.dial', { target: { pbx: '103' } })
    else {
      const dialled = call.do('call.dial', { target: { pbx: doing === 'joined' ? '101' : '102' } })
      if (doing === 'held') {
        await until('102', () => world.pbx.calls.some((c) => c.phase === 'up' && c.called === '102'), 3000)
        await call.do('call.hold', { music: MUSIC })
      }
      await dialled
    }
  })
  const place = (i: number) => world.carrier.place({ to: world.node, from: `+3247012340${i}`, number: DID, ignoreBye: i === 1 })
  await Promise.all(doings.map((_, i) => place(i)))
  await until('five calls', async () => (await world.link.call('status', {})).calls === 5, 3000)
  await world.quiet(12_000)
  const events = await world.events()
  const causes = events.filter(({ type }) => type === 'call.cleared').map(({ cause }) => `${cause?.by} ${cause?.reason}`)
  assert.deepEqual(causes, Array(5).fill('switch max-duration'))
  const ends = events.filter(({ type }) => type === 'leg.cleared' || type === 'leg.failed')
  assert.deepEqual([ends.length, new Set(ends.map(({ leg }) => leg)).size], [8, 8])
})

test('M01 a leg that is held by us or by itself is silent for as long as it likes; one that dies behind it is found', async () => {
  await using world = await World.open({ voice: true, mediaTimeoutMs: 500, subscriber: { defaultRoute: { pbx: '101' } } })
  const b = ScriptedLeg.await(world.pbx)
  const a = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID, tone: 400 })
  b.reply(await b.next('INVITE'), 200, { body: b.sdp({ port: 31_000 }) })
  await b.next('ACK')
  // A telephone that is scripted sends nothing: held by itself at once, it need not.
  b.ask('INVITE', { body: b.sdp({ port: 31_000, direction: 'sendonly', version: 2 }) })
  b.ack(await b.next('200 INVITE'))
  const { id } = (await world.link.call('call.list', {}))[0]!
  const order = (verb: 'hold' | 'retrieve', params = {}) =>
    world.link.call('call.order', { call: id, order: { verb, params }, by: 'subscriber' })
  await new Promise((resolve) => setTimeout(resolve, 1500))
  assert.deepEqual([b.count('OPTIONS'), b.count('BYE')], [0, 0], 'held by itself')
  const holding = order('hold', { party: 'dialled' })
  const told = await b.next('INVITE')
  assert.equal(readSdp(told.body)?.direction, 'sendonly')
  b.reply(told, 200, { body: b.sdp({ port: 31_000, version: 3 }).replace('sendrecv', 'recvonly') })
  await holding
  b.ask('UPDATE', { body: b.sdp({ port: 31_000, version: 4 }) })
  const answer = await b.next('200 UPDATE')
  assert.equal(readSdp(answer.body)?.direction, 'sendonly', 'it retrieves, and is held by us still')
  await new Promise((resolve) => setTimeout(resolve, 1500))
  assert.deepEqual([b.count('OPTIONS'), b.count('BYE')], [0, 0], 'held by us')
  // The switch goes, and comes back: nobody is left who would retrieve it, so it is held no longer.
  await world.kill('switch')
  await world.startSwitch()
  const back = await b.next('INVITE', 5000)
  assert.equal(readSdp(back.body)?.direction, 'sendrecv')
  b.reply(back, 200, { body: b.sdp({ port: 31_000, version: 5 }) })
  // It is dead now: no sound, and no answer to the question whether it lives.
  await b.next('OPTIONS', 6000)
  await until('the end', () => a.phase === 'ended', 9000)
  await world.quiet()
  const ends = (await world.events()).filter(({ type }) => type === 'leg.cleared')
  assert.deepEqual(
    ends.map(({ cause }) => cause?.reason),
    ['channel-lost', 'channel-lost'],
  )
})
