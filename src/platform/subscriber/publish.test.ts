import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { silentLog, TurnedClock } from '#lib/index.ts'
import type { Snapshot, SnapshotChange } from '#platform/words/index.ts'
import { type PublicationSource, Publisher, type Receiver } from './publish.ts'

const EMPTY: Snapshot = {
  number: 0,
  capacities: [],
  trunks: [],
  subscribers: [],
  emergency: { numbers: ['112'] },
  ca: '',
  switchCertificate: { certificate: '', key: 'v1.' },
}

function world() {
  let number = 0
  let away = false
  const next = () => {
    if (away) throw new Error('away')
    number += 1
    return number
  }
  const source: PublicationSource = {
    snapshot: async () => ({ ...EMPTY, number: next() }),
    parts: async () => ({
      number: next(),
      parts: { capacities: [{ kind: 'trunk.in', capacity: number }] },
      subscribers: new Map(),
    }),
  }
  const clock = new TurnedClock()
  const publisher = new Publisher({ source, clock, log: silentLog })
  return {
    publisher,
    clock,
    setAway: (value: boolean) => {
      away = value
    },
  }
}

/** Keeps what it is sent; a change only on its base. */
function receiver(): Receiver & { seen: string[]; at: number } {
  const r = {
    seen: [] as string[],
    at: 0,
    async publish(params: { snapshot: Snapshot } | { change: SnapshotChange }) {
      if ('snapshot' in params) {
        r.seen.push(`whole ${params.snapshot.number}`)
        r.at = params.snapshot.number
      } else if (params.change.base === r.at) {
        r.seen.push(`change ${params.change.number}`)
        r.at = params.change.number
      } else r.seen.push('no')
      return { number: r.at }
    },
  }
  return r
}

describe('the publisher', () => {
  it('sends the whole at first, then changes, and the whole again to who is elsewhere', async () => {
    const { publisher } = world()
    const r = receiver()
    await publisher.refresh()
    publisher.attach('host', r)
    await publisher.publish({ capacities: true })
    await publisher.publish({ capacities: true })
    r.at = 1
    await publisher.publish({ capacities: true })
    assert.deepEqual(r.seen, ['whole 1', 'change 2', 'change 3', 'no', 'whole 4'])
  })

  it('keeps changes in order, however they are asked for', async () => {
    const { publisher } = world()
    const r = receiver()
    await publisher.refresh()
    publisher.attach('host', r)
    await Promise.all([1, 2, 3, 4].map(() => publisher.publish({ capacities: true })))
    assert.deepEqual(r.seen, ['whole 1', 'change 2', 'change 3', 'change 4', 'change 5'])
  })

  it('publishes all as soon as the database can be read again', async () => {
    const { publisher, clock, setAway } = world()
    const r = receiver()
    await publisher.refresh()
    publisher.attach('host', r)
    setAway(true)
    await assert.rejects(publisher.publish({ capacities: true }), /away/)
    await clock.turnAsync(3000)
    assert.deepEqual(r.seen, ['whole 1'])
    setAway(false)
    await clock.turnAsync(1500)
    assert.deepEqual(r.seen, ['whole 1', 'whole 2'])
    assert.equal(clock.pending, 0)
  })

  it('is not held up by a receiver that fails', async () => {
    const { publisher } = world()
    const r = receiver()
    publisher.attach('switch', { publish: async () => Promise.reject(new Error('lost')) })
    publisher.attach('host', r)
    await publisher.publish({ capacities: true })
    assert.deepEqual(r.seen, ['whole 1'])
  })
})
