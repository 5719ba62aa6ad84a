import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../peer/clock.ts'
import { FarEnd } from '../peer/sip/far-end.ts'
import { DID, World } from './harness.ts'

test('a call goes from trunk to trunk with its audio passing by, and everything of it is in the journal', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 20 }]
  const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
  await until('an answer', () => call.phase === 'up', 2000)
  const other = world.second.calls[0]!.report()
  assert.equal(other.to, `sip:+3225559000@${world.net}.3:5060`)
  assert.notEqual(other.callId, call.callId)
  call.hangup()
  await until('the far end to hear of it', () => world.second.calls[0]!.phase === 'ended', 2000)
  await world.quiet()
  const events = await world.events()
  assert.deepEqual(
    events.map((event) => event.type),
    [
      'call.offered',
      'call.routed',
      'leg.originated',
      'leg.delivered',
      'leg.established',
      'leg.established',
      'leg.cleared',
      'leg.cleared',
      'call.cleared',
    ],
  )
  assert.deepEqual(
    events.map((event) => event.number),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
  assert.equal(events.at(-1)?.cause?.reason, 'hangup')
  assert.equal(events.at(-1)?.cause?.by, 'caller')
  assert.deepEqual(await world.leases(), [
    { kind: 'trunk.in', answered: true, released: 'hangup' },
    { kind: 'trunk.out', answered: true, released: 'hangup' },
  ])
})

test('S46 each refusal of the far end is told as what it is, and a challenge or a 503 never crosses', async () => {
  await using world = await World.open()
  const table: [status: number, told: number, reason: string][] = [
    [302, 480, 'redirected'],
    [401, 403, 'forbidden'],
    [403, 403, 'forbidden'],
    [404, 404, 'unallocated'],
    [408, 504, 'no-response'],
    [410, 410, 'moved'],
    [480, 480, 'unavailable'],
    [484, 484, 'incomplete-number'],
    [486, 486, 'busy'],
    [488, 488, 'not-acceptable'],
    [500, 500, 'temporary-failure'],
    [503, 500, 'temporary-failure'],
    [600, 600, 'busy-everywhere'],
    [603, 603, 'declined'],
  ]
  for (const [status, told, reason] of table) {
    world.second.rules = [{ user: '*', does: status }]
    const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID })
    await until(`the end by ${status}`, () => call.phase === 'ended', 2000)
    assert.equal(call.report().final?.status, told, `far end says ${status}`)
    assert.match(call.report().ending?.reason ?? '', /^Q\.850;cause=\d+;text="/)
    await world.quiet()
    const cleared = (await world.events()).at(-1)
    assert.deepEqual([cleared?.type, cleared?.cause?.reason, cleared?.cause?.sip], ['call.cleared', reason, status])
  }
  const events = await world.events()
  const failed = events.filter((e) => e.type === 'leg.failed')
  assert.equal(failed.length, 2 * table.length, 'one terminal event a leg (C07)')
  const leases = await world.leases()
  assert.ok(
    leases.every((lease) => !lease.answered && lease.released !== null),
    'never answered, never billable (B04)',
  )
})

test('S18 CANCEL around the 200: no leg is left, whichever comes first', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 20 }]
  const calls = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      world.carrier.place({ to: world.node, from: `+3247000${1000 + i}`, number: DID, cancelAfterMs: 15 + (i % 20) }),
    ),
  )
  await until('all to end', () => calls.every((call) => call.phase === 'ended'), 5000)
  await until('the other side too', () => world.second.calls.every((call) => call.phase === 'ended'), 5000)
  await world.quiet()
  const events = await world.events()
  for (const type of ['call.offered', 'call.cleared']) assert.equal(events.filter((e) => e.type === type).length, 60, type)
  const legs = new Map<string, number>()
  for (const e of events) if (e.type === 'leg.cleared' || e.type === 'leg.failed') legs.set(e.leg!, (legs.get(e.leg!) ?? 0) + 1)
  assert.ok(
    [...legs.values()].every((n) => n === 1),
    'exactly one terminal event a leg',
  )
  assert.equal((await world.leases()).filter((l) => l.released === null).length, 0)
})

test('F01 F02 a stranger gets no answer at all, and F08 S55 nothing of one leg is on the other', async () => {
  await using world = await World.open()
  world.second.rules = [{ user: '*', does: 'answer', ringMs: 5 }]
  const stranger = await FarEnd.open({ address: `${world.net}.9`, port: 5060, name: 'stranger', watched: [400] })
  try {
    const knock = await stranger.place({ to: world.node, from: '+32470123456', number: DID })
    const headers: [string, string][] = [
      ['X-Internal', 'secret-of-a'],
      ['x-internal ', 'secret-of-a'],
      ['Diversion', '<sip:secret-of-a@a>'],
      ['User-Agent', 'secret-of-a'],
    ]
    const seen: string[] = []
    const { socket } = world.second
    const receive = socket.onRequest
    socket.onRequest = (message, from) => {
      seen.push(JSON.stringify([message.uri, message.headers]))
      receive(message, from)
    }
    const call = await world.carrier.place({ to: world.node, from: '+32470123456', number: DID, headers })
    await until('an answer', () => call.phase === 'up', 2000)
    call.hangup()
    await until('INVITE, ACK and BYE to be seen', () => seen.length >= 3, 2000)
    await world.quiet()
    const text = seen.join('\n')
    assert.doesNotMatch(text, /secret-of-a/)
    assert.ok(!text.includes(`${world.net}.2:`), 'the address of one leg is not in the signalling of the other')
    assert.deepEqual(
      knock.report().timeline.filter((t) => t.what.startsWith('<')),
      [],
    )
  } finally {
    stranger.close()
  }
})
