import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { DID, World } from './harness.ts'
import { Program } from './program.ts'

const CALLER = '+32470123456'

test('S07 R03 both sides hang up at once: each BYE is answered, and there is one end, one release', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const [rounds, atOnce] = [25, 8]
  for (let i = 0; i < rounds; i++) {
    const place = (n: number) => world.carrier.place({ to: world.node, from: `+3247012345${n}`, number: DID })
    const calls = await Promise.all(Array.from({ length: atOnce }, (_, n) => place(n)))
    const others = () => world.second.calls.slice(i * atOnce)
    const up = () => others().length === atOnce && [...calls, ...others()].every(({ phase }) => phase === 'up')
    await until('answers', up, 5000)
    const ends = [...calls, ...others()]
    for (const end of ends) end.hangup()
    const answered = () => ends.every((end) => /\(BYE\)/.test(end.report().timeline.at(-1)!.what))
    await until('all BYEs to be answered', answered, 1500)
  }
  await world.quiet()
  const events = await world.events()
  assert.equal(events.filter((event) => event.type === 'leg.cleared').length, 2 * rounds * atOnce)
  assert.equal(events.filter((event) => event.type === 'call.cleared').length, rounds * atOnce)
  assert.ok((await world.leases()).every((lease) => lease.released !== null))
})

test('S19 C04 C13 a caller that gives up while the agent thinks: no leg goes out, the agent hears of it, its verb is told', async () => {
  await using world = await World.open({ voice: true })
  const told: string[] = []
  using program = await Program.connect(world, async (call) => {
    await until('the end', () => program.ended.some((e) => e.call === call.offered.call), 3000)
    await call.do('call.dial', { target: { pbx: '101' } }).catch((error) => told.push(error.verdict.code))
  })
  const calls = await Promise.all(
    [5, 10, 20, 40, 80].map((ms, i) =>
      world.carrier.place({ to: world.node, from: `${CALLER}${i}`, number: DID, cancelAfterMs: ms }),
    ),
  )
  await until('all to end', () => calls.every((call) => call.phase === 'ended'), 3000)
  await until('all verbs to be told', () => told.length === 5, 3000)
  assert.deepEqual(told, Array(5).fill('call-gone'))
  assert.equal(program.ended.length, 5)
  assert.equal(world.pbx.calls.length, 0)
  await world.quiet()
})

test('C09 a dial that nobody answers is cancelled at its time, and the caller goes on with its agent', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = [{ user: '101', does: 'ring' }]
  const results: { status: string; cause: { reason: string } }[] = []
  using _program = await Program.connect(world, async (call) => {
    results.push(await call.do('call.dial', { target: { pbx: '101' }, timeoutSeconds: 0.4 }))
    await call.do('call.play', { tone: [{ frequencies: [700], onMs: 300, offMs: 0 }] })
  })
  const call = await world.carrier.place({ to: world.node, from: CALLER, number: DID })
  await until('the prompt behind it', () => call.phase === 'up', 3000)
  assert.deepEqual([results[0]?.status, results[0]?.cause.reason], ['no-answer', 'no-answer'])
  await until('the PBX to be cancelled', () => world.pbx.calls[0]?.phase === 'ended', 2000)
  await until('the end behind the agent', () => call.phase === 'ended', 3000)
  assert.ok(
    call.report().timeline.some((t) => t.what === '< 180'),
    'the ringing was passed on',
  )
  await world.quiet()
})

test('R04 a hundred calls of every kind of end leave no lease, no endpoint, no session', async () => {
  await using world = await World.open({ voice: true })
  world.pbx.rules = [
    { user: '101', does: 'answer', ringMs: 10, hangUpAfterMs: 50 },
    { user: '102', does: 486 },
    { user: '103', does: 'ring' },
    { user: '104', does: 'answer', ringMs: 10 },
  ]
  using _program = await Program.connect(world, async (call) => {
    const kind = Number(call.offered.from.number.at(-1)) % 5
    if (kind === 4) return void (await call.do('call.reject', { status: 603 }))
    await call.do('call.dial', { target: { pbx: `10${kind + 1}` }, timeoutSeconds: 0.5 })
  })
  const calls = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      world.carrier.place({
        ...{ to: world.node, from: `+3247012${1000 + i}`, number: DID },
        ...(i % 7 === 0 ? { cancelAfterMs: 30 } : {}),
        hangUpAfterMs: 150,
      }),
    ),
  )
  await until('all to end', () => calls.every((call) => call.phase === 'ended'), 15_000)
  await world.quiet()
  await until('the PBX to be idle', () => world.pbx.calls.every((call) => call.phase === 'ended'), 5000)
  const events = await world.events()
  const count = (type: string) => events.filter((event) => event.type === type).length
  assert.equal(count('call.cleared'), 100)
  const legs = new Set(events.flatMap((event) => (event.type === 'leg.originated' ? [event.leg] : [])))
  const ends = events.filter((event) => event.type === 'leg.cleared' || event.type === 'leg.failed')
  assert.equal(new Set(ends.map((event) => event.leg)).size, ends.length, 'one terminal event a leg (C07)')
  assert.equal(ends.length, 100 + legs.size)
  const leases = await world.leases()
  assert.ok(leases.every((lease) => lease.released !== null))
})
