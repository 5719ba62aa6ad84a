import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { newId, silentLog, systemClock } from '#lib/index.ts'
import { openJournal } from '#platform/journal/index.ts'
import { instantOf } from '#platform/words/index.ts'
import type { Figure } from './figure.ts'

const TURNS = 20_000

/** What one turn writes: a lease, an event, and a call's state of about 2 kB. */
function turnOf(boot: string) {
  const subscriber = newId('sub')
  const call = newId('call')
  const state = { dialog: 'x'.repeat(2000) }
  return () => {
    const at = instantOf(systemClock, boot)
    const lease = { id: newId('lse'), subscriber, kind: 'trunk.in', count: 1, call, taken: at }
    const event = {
      id: newId('evt'),
      subscriber,
      number: 0,
      at: new Date(at.wall).toISOString(),
      type: 'call.offered',
      call,
      data: {},
    } as const
    return [
      { type: 'lease.taken', at, lease },
      { type: 'event', at, event },
      { type: 'call', at, call, state },
      { type: 'lease.released', at, lease: { ...lease, released: at, reason: 'bench' } },
    ] as const
  }
}

/** Appending and flushing on this machine's disk, while `fdatasync` runs every 50 ms; then reading it all again. */
export async function measure(): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-journal-'))
  try {
    const open = (boot: string) => openJournal({ directory, clock: systemClock, boot, node: 'bench', log: silentLog })
    const journal = await open('b1')
    const turn = turnOf('b1')
    const flushes = new Float64Array(TURNS)
    const appends = new Float64Array(TURNS)
    for (let i = 0; i < TURNS; i++) {
      const records = turn()
      const start = performance.now()
      for (const record of records) journal.append(record)
      const appended = performance.now()
      journal.flush()
      flushes[i] = (performance.now() - appended) * 1000
      appends[i] = (appended - start) * 1000
      if (i % 20 === 0) await delay(1)
    }
    const before = performance.now()
    await journal.sync()
    const synced = performance.now() - before
    await journal.close()
    const start = performance.now()
    const again = await open('b2')
    const reopened = performance.now() - start
    await again.close()
    flushes.sort()
    appends.sort()
    const at = (times: Float64Array, part: number) => times[Math.floor(TURNS * part)]!
    const figure = (
      name: string,
      value: number,
      unit: string,
      must: number | null = null,
      aim: number | null = null,
    ): Figure => ({
      name: `journal: ${name}`,
      value: Math.round(value * 10) / 10,
      unit,
      must,
      aim,
      better: 'lower',
      peer: null,
    })
    return [
      figure('flush of a turn of 4 records, p50', at(flushes, 0.5), 'µs', 50, 10),
      figure('flush of a turn of 4 records, p99', at(flushes, 0.99), 'µs', null, 50),
      figure('append of these 4 records, p50', at(appends, 0.5), 'µs'),
      figure('last sync', synced, 'ms'),
      figure(`opening again, ${TURNS * 4} records`, reopened, 'ms'),
    ]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) {
  for (const f of await measure()) console.log(`${f.name}: ${f.value} ${f.unit} (must ${f.must ?? '–'}, aim ${f.aim ?? '–'})`)
}
