import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Id, newId, silentLog, TurnedClock } from '#lib/index.ts'
import type { JournalEntry, PlatformEvent, Refusal } from '#platform/words/index.ts'
import { explain } from './explain.ts'
import { shipJournal, shipOnce } from './ship.ts'

const subscriber = newId('sub')
const call = newId('call')

function event(number: number, type: PlatformEvent['type'], more: Partial<PlatformEvent> = {}): PlatformEvent {
  return { id: newId('evt'), subscriber, number, at: '2026-11-23T00:00:00.000Z', type, call, data: {}, ...more }
}

function journalOf(events: PlatformEvent[]): JournalEntry[] {
  return events.map((event, i) => ({ position: i + 1, record: { type: 'event', at: { wall: 0, mono: 0, boot: 'b' }, event } }))
}

/** A journal and a database, either of which may be away. */
function world(entries: JournalEntry[]) {
  const w = { position: 0, taken: new Map<string, PlatformEvent>(), shipped: 0, leases: 0, away: false, clock: new TurnedClock() }
  const present = async () => {
    if (w.away) throw new Error('away')
  }
  const options = {
    source: {
      read: async ({ after, limit }: { after: number; limit: number }) => {
        await present()
        const found = entries.filter(({ position }) => position > after).slice(0, limit)
        return { entries: found, position: found.at(-1)?.position ?? Math.min(after, entries.at(-1)?.position ?? 0) }
      },
      shipped: async ({ position }: { position: number }) => {
        await present()
        w.shipped = position
      },
    },
    events: {
      position: async () => w.position,
      take: async (events: PlatformEvent[], position: number) => {
        await present()
        for (const e of events) w.taken.set(e.id, e)
        w.position = position
      },
    },
    leases: {
      take: async (found: JournalEntry[]) => {
        w.leases += found.length
      },
    },
    clock: w.clock,
    log: silentLog,
    signal: new AbortController().signal,
    batch: 2,
  }
  return { w, options }
}

describe('shipping the journal', () => {
  it('takes everything in, batch by batch, and lets the switch forget only what was taken', async () => {
    const { w, options } = world(journalOf([1, 2, 3].map((n) => event(n, 'call.offered'))))
    assert.deepEqual([await shipOnce(options), w.shipped], [true, 2])
    assert.deepEqual([await shipOnce(options), w.shipped], [true, 3])
    assert.deepEqual([await shipOnce(options), w.taken.size, w.leases], [false, 3, 3])
  })

  it('begins at the start of a journal that is younger than what it knows', async () => {
    const { w, options } = world(journalOf([event(1, 'call.offered')]))
    w.position = 500
    assert.equal(await shipOnce(options), true)
    assert.deepEqual([w.taken.size, w.shipped], [1, 1])
  })

  it('waits while either is away, and goes on by itself (PITFALLS O08)', async () => {
    const { w, options } = world(journalOf([1, 2, 3].map((n) => event(n, 'call.offered'))))
    const stopped = new AbortController()
    w.away = true
    const running = shipJournal({ ...options, signal: stopped.signal })
    await w.clock.turnAsync(20_000, 200)
    assert.equal(w.taken.size, 0)
    w.away = false
    await w.clock.turnAsync(6000, 200)
    assert.deepEqual([w.taken.size, w.shipped], [3, 3])
    stopped.abort()
    await running
    assert.equal(w.clock.pending, 0)
  })
})

describe('explaining a call', () => {
  const other: Id<'sub'> = newId('sub')
  const refusal: Refusal = {
    kind: 'trunk.in',
    limitedBy: 'ceiling',
    limit: 2,
    inUse: 2,
    requested: 1,
    holders: [
      { subscriber, call: newId('call'), count: 1 },
      { subscriber: other, call: newId('call'), count: 1 },
    ],
    fault: 'subscriber',
  }

  it('names kind, limit and holders of a refusal; others only to the operator (PITFALLS T02)', () => {
    const events = [
      event(1, 'call.refused', { data: { refusal }, cause: { by: 'switch', reason: 'ceiling', sip: 486, q850: 17 } }),
    ]
    const toOperator = explain(events, 'operator')
    assert.match(toOperator?.summary ?? '', /trunk\.in was refused by the subscriber's own ceiling: 2 of 2 were in use/)
    assert.equal(toOperator?.refusals[0]?.holders.length, 2)
    assert.ok(!JSON.stringify(explain(events, subscriber)).includes(other))
  })

  it('says of a call out which class is denied, or which limit was met (F14)', () => {
    const told = (more: Partial<Refusal>) => {
      const out = { ...refusal, kind: 'trunk.out', ...more }
      return explain([event(1, 'resource.refused', { data: { refusal: out } })], 'operator')?.summary ?? ''
    }
    assert.match(told({ limitedBy: 'class', class: 'premium' }), /the operator denies calls out to numbers of the class premium/)
    const met = told({ limitedBy: 'velocity', class: 'premium', rule: 'callsPerHour', limit: 10, inUse: 10 })
    assert.match(met, /calls out to numbers of the class premium are limited to 10 calls an hour, and 10 were used/)
    assert.match(told({ limitedBy: 'spend', rule: 'spendPerDay', limit: 20 }), /limited to 20 currency units a day/)
  })

  it('says which road was taken, why, and who ended it', () => {
    const explanation = explain(
      [
        event(1, 'call.offered'),
        event(2, 'call.routed', { data: { by: 'default', why: 'the agent was late' } }),
        event(3, 'leg.diverted', { data: { from: 'channel', to: 'trunk', why: 'the tunnel is down' } }),
        event(4, 'call.cleared', { cause: { by: 'caller', reason: 'hangup' } }),
      ],
      'operator',
    )
    assert.equal(
      explanation?.summary,
      'The call was routed by its default route (the agent was late). It took another road, because the tunnel is down. It ended by the caller: hangup.',
    )
    assert.equal(explanation?.steps.length, 4)
  })

  it('tells parties by their numbers, targets in words, and of sound what a person asks first', () => {
    const received = { lossRatio: 0.0123, jitterMs: 4, mos: 4.39, packetsLost: 1 }
    const steps = explain(
      [
        event(1, 'call.offered', { data: { from: { number: '+32470123456', uri: 'sip:x@203.0.113.10' }, trunk: 'carrier' } }),
        event(2, 'call.routed', { data: { by: 'agent', target: { pbx: '101' } } }),
        event(3, 'leg.cleared', { data: { media: { packetsReceived: 74, packetsSent: 77, received, octetsSent: 1 } } }),
      ],
      'operator',
    )?.steps.map(({ text }) => text)
    assert.deepEqual(steps, [
      'from +32470123456, trunk carrier',
      'by agent, target pbx 101',
      'media 74 packets received (1.2 % lost, jitter 4 ms, MOS 4.39), 77 sent',
    ])
  })

  it('knows nothing of a call without events', () => {
    assert.equal(explain([], 'operator'), null)
  })
})
