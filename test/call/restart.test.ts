import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '#lib/index.ts'
import { sleep, until } from '../peer/clock.ts'
import type { Call } from '../peer/sip/call.ts'
import { ScriptedLeg } from '../peer/sip/scripted.ts'
import { DID, PUBLIC, World } from './harness.ts'
import { Program } from './program.ts'

const CALLER = '+32470123456'
const heard = (call: Call, what: number) => (call.report().media?.heard ?? []).filter((h) => h.what === what).length

test('the switch is killed: joined calls keep their audio and end as ever, those in set-up are ended cleanly', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = [
    { user: '101', does: 'answer', ringMs: 10, tone: 700 },
    { user: '102', does: 'ring' },
  ]
  const program = await Program.connect(world, async (call) => {
    await call.do('call.dial', { target: { pbx: call.offered.to.number === DID ? '101' : '102' } })
  })
  const place = (number: string, i: number) =>
    world.carrier.place({ to: world.node, from: `+324701234${10 + i}`, number, tone: 400 })
  const joined = await Promise.all(Array.from({ length: 6 }, (_, i) => place(DID, i)))
  const ringing = await Promise.all(Array.from({ length: 3 }, (_, i) => place(PUBLIC, i)))
  await until('six to be up', () => joined.every((call) => call.phase === 'up'), 5000)
  await until('audio', () => joined.every((call) => heard(call, 700) >= 1), 5000)
  await until('three to ring', () => world.pbx.calls.length === 9, 3000)
  await world.kill('switch')
  program[Symbol.dispose]()
  // One caller hangs up while nobody is there: its BYE waits in the socket that host keeps.
  joined[0]!.hangup()
  await new Promise((resolve) => setTimeout(resolve, 300))
  await world.startSwitch()
  const over = () => world.pbx.calls.filter((c) => c.phase === 'ended' && c.called === '101').length
  await until('the PBX to hear of the waiting BYE', () => over() === 1, 5000)
  await until('those in set-up to end', () => ringing.every((call) => call.phase === 'ended'), 5000)
  for (const call of ringing) {
    assert.equal(call.report().final?.status, 503)
    assert.equal(call.report().final?.headers['Retry-After'], '5', 'a carrier may try again')
    assert.match(call.report().ending?.reason ?? '', /Q\.850;cause=41/)
  }
  const rung = world.pbx.calls.filter((call) => call.called === '102')
  await until('their other sides too', () => rung.every((call) => call.phase === 'ended'), 5000)
  const before = joined.slice(1).map((call) => heard(call, 700))
  await until(
    'audio to go on',
    () => joined.slice(1).every((call, i) => heard(call, 700) >= before[i]! && call.phase === 'up'),
    3000,
  )
  joined[1]!.hangup()
  await until('the PBX to hear of the second end', () => over() === 2, 5000)
  const answered = world.pbx.calls.filter((call) => call.phase === 'up')
  answered[0]!.hangup()
  answered[1]!.hangup()
  await until('either side to end it', () => joined.filter((call) => call.phase === 'ended').length >= 4, 5000)
  for (const call of joined) call.hangup()
  await world.quiet()
  await until('all to be over', () => world.pbx.calls.every((call) => call.phase === 'ended'), 3000)
  const events = await world.events()
  const cleared = events.filter((event) => event.type === 'call.cleared')
  assert.equal(cleared.length, 9)
  assert.equal(new Set(cleared.map((event) => event.call)).size, 9)
  assert.equal(cleared.filter((event) => event.cause?.reason === 'switch-restart').length, 3)
  assert.deepEqual(
    events.map((event) => event.number),
    events.map((_, i) => i + 1),
    'numbered without a gap, across the restart',
  )
  const leases = await world.leases()
  assert.ok(leases.every((lease) => lease.released !== null))
  assert.equal(leases.filter((l) => l.kind === 'voice.relay' && l.answered).length, 6)
  const status = await world.link.call('status', {})
  assert.equal(status.calls, 0)
})

test('a call in a verb goes back to its agent after a restart, and to the default route where there is none', async () => {
  await using world = await World.open({ voice: true })
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 10, tone: 700 }]
  const seen: boolean[] = []
  const decide = async (call: Parameters<Parameters<typeof Program.connect>[1]>[0]) => {
    seen.push(call.resumed)
    if (call.resumed) await call.do('call.dial', { target: { trunk: 'other', number: '+3225557000' } })
    else await call.do('call.play', { tone: [{ frequencies: [400], onMs: 30_000, offMs: 0 }] })
  }
  const program = await Program.connect(world, decide)
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => call.phase === 'up', 3000)
  await world.kill('switch')
  await world.startSwitch()
  await until('its agent to carry on', () => world.second.calls[0]?.phase === 'up', 5000)
  assert.deepEqual(seen, [false, true])
  assert.match(world.second.calls[0]!.report().to, /\+3225557000/)
  await until('audio', () => heard(call, 700) >= 1, 3000)
  call.hangup()
  await world.quiet()

  const again = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => again.phase === 'up', 3000)
  await world.kill('switch')
  program[Symbol.dispose]()
  await world.startSwitch()
  await until('the default route', () => world.second.calls[1]?.phase === 'up', 5000)
  assert.match(world.second.calls[1]!.report().to, /\+3225559000/)
  assert.equal(again.phase, 'up')
  again.hangup()
  await world.quiet()
  const resumed = (await world.events()).filter((event) => event.type === 'call.resumed')
  assert.equal(resumed.length, 2)
})

test('O01 a plain stop ends all calls with BYE; a handover leaves them for the next switch', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 10 }]
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('an answer', () => call.phase === 'up', 3000)
  const child = world.child('switch')
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.send({ stop: { reason: 'handover' } })
  assert.equal(await gone, 0)
  world.children.delete('switch')
  assert.equal(call.phase, 'up')
  await world.startSwitch()
  assert.equal((await world.link.call('call.list', {})).length, 1)
  assert.equal(await world.kill('switch', 'SIGTERM'), 0)
  assert.equal(call.phase, 'ended')
  assert.equal(world.second.calls[0]!.phase, 'ended')
  await world.startSwitch()
  await world.quiet()
})

test('a telephone that holds its call while voice can’t be reached yet has its answer, and is heard again afterwards; so has one that hangs up', async () => {
  await using world = await World.open({ voice: true, subscriber: { defaultRoute: { pbx: '101' } } })
  const talk = async (port: number) => {
    const b = ScriptedLeg.await(world.pbx)
    const a = await world.second.place({ to: world.node, from: CALLER, number: DID, tone: 400 })
    b.reply(await b.next('INVITE'), 200, { body: b.sdp({ port }) })
    await b.next('ACK')
    await until('an answer', () => a.phase === 'up', 3000)
    return { a, b }
  }
  const [first, second] = [await talk(31_000), await talk(31_002)]
  for (const restarts of [true, false]) {
    const voice = world.child('voice')
    voice.kill('SIGSTOP')
    if (restarts) {
      await world.kill('switch')
      await world.startSwitch()
    }
    first.b.ask('INVITE', { body: first.b.sdp({ port: 31_000, direction: 'sendonly', version: restarts ? 2 : 4 }) })
    const held = await first.b.next('200 INVITE', 1500)
    first.b.ack(held)
    assert.match(held.body, /a=recvonly/)
    await sleep(300)
    voice.kill('SIGCONT')
    first.b.ask('INVITE', { body: first.b.sdp({ port: 31_000, version: restarts ? 3 : 5 }) })
    first.b.ack(await first.b.next('200 INVITE'))
    await sleep(500)
    assert.deepEqual([first.a.phase, second.a.phase, first.b.count('BYE')], ['up', 'up', 0])
  }
  for (const { a, b } of [first, second]) {
    b.ask('BYE')
    await until('its end', () => a.phase === 'ended', 3000)
  }
  await world.quiet()
})

for (const { voice, also } of [
  { voice: false, also: 'where there is no voice' },
  { voice: true, also: 'while voice is away, too' },
]) {
  test(`a switch that is started again takes new calls at once, whatever it has taken up, ${also}`, async () => {
    await using world = await World.open({ voice })
    world.second.rules = [
      { user: '+3225557001', does: 'ring' },
      { user: '*', does: 'answer', ringMs: 10 },
    ]
    const numbers = ['+3225557000', '+3225557001']
    const program = await Program.connect(world, async (call) => {
      const number = numbers.shift()
      if (number) await call.do('call.dial', { target: { trunk: 'other', number } })
      else await call.do('call.reject', {})
    })
    const version = { id: newId('agt'), digest: '', path: '/', entry: '' }
    await world.change({ agent: { ...world.snapshot.subscribers[0]!.agent, version } })
    const place = () => world.carrier.place({ to: world.node, from: CALLER, number: DID })
    const up = await place()
    await until('an answer', () => up.phase === 'up', 3000)
    const ringing = await place()
    await until('it to ring', () => ringing.report().timeline.some(({ what }) => what === '< 180'), 3000)
    await world.kill('switch')
    if (voice) await world.kill('voice')
    // It waits where host keeps what nobody reads, and its agent finds the new switch a moment after it.
    const waiting = await place()
    await world.startSwitch()
    const began = performance.now()
    await until('its agent to decide', () => waiting.phase === 'ended', 3000)
    assert.equal(waiting.report().final?.status, 603)
    const next = await place()
    await until('another one, too', () => next.phase === 'ended', 3000)
    assert.equal(next.report().final?.status, 603)
    await until('who was in set-up to be told', () => ringing.phase === 'ended', 3000)
    assert.equal(ringing.report().final?.status, 503)
    // Voice has 5 s to come back.
    assert.ok(performance.now() - began < 4500, 'nobody waited for voice')
    assert.equal(up.phase, 'up')
    program[Symbol.dispose]()
    up.hangup()
    await world.quiet()
  })
}
