import { type Id, newId, systemClock } from '#lib/index.ts'
import { ResourceRegistry, ResourceUnavailable } from '#platform/resource/index.ts'
import type { Demand, Lease } from '#platform/words/index.ts'
import type { Figure } from './figure.ts'

const KINDS = ['trunk.in', 'trunk.out', 'channel.leg', 'voice.relay']

/** 100 subscribers that hold 10,000 leases, with room for as many again. */
function fullHouse(): { registry: ResourceRegistry; subscribers: Id<'sub'>[]; trunk: Id<'trk'> } {
  const registry = new ResourceRegistry({ clock: systemClock, boot: 'bench', record() {} })
  const subscribers = Array.from({ length: 100 }, () => newId('sub'))
  const trunk = newId('trk')
  registry.configure({
    capacities: KINDS.map((kind) => ({ kind, capacity: 5000 })),
    subscribers: subscribers.map((id) => ({
      id,
      allocations: KINDS.map((kind) => ({ kind, guaranteed: 20, ceiling: 50 })),
    })),
    trunks: [{ id: trunk, maxIn: 5000, maxOut: 5000, emergencyReserve: 10 }],
  })
  for (let i = 0; i < 10_000; i++) {
    const kind = KINDS[Math.floor(i / 100) % KINDS.length]!
    registry.admit({ subscriber: subscribers[i % 100]!, call: newId('call'), demands: [{ kind, count: 1, trunk }] })
  }
  return { registry, subscribers, trunk }
}

/** µs of each of `n` runs, as median and 99th percentile; `after` each run is not timed. */
function timed<T>(n: number, run: (i: number) => T, after: (result: T) => void = () => {}): { p50: number; p99: number } {
  for (let i = 0; i < n / 10; i++) after(run(i))
  const times = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    const start = performance.now()
    const result = run(i)
    times[i] = (performance.now() - start) * 1000
    after(result)
  }
  times.sort()
  return { p50: times[n >> 1]!, p99: times[Math.floor(n * 0.99)]! }
}

/** Admission with a house full of leases: granted and given back, and refused. */
export async function measure(): Promise<Figure[]> {
  const { registry, subscribers, trunk } = fullHouse()
  const calls = Array.from({ length: 1000 }, () => newId('call'))
  const demands: Demand[] = [
    { kind: 'trunk.in', count: 1, trunk },
    { kind: 'channel.leg', count: 1 },
    { kind: 'voice.relay', count: 1 },
  ]
  const figure = (name: string, value: number, budget?: { must: number; aim: number }): Figure => ({
    name: `admission: ${name}`,
    value: Math.round(value * 100) / 100,
    unit: 'µs',
    must: budget?.must ?? null,
    aim: budget?.aim ?? null,
    better: 'lower',
    peer: null,
  })
  const admit = (some: Demand[]) => (i: number) =>
    registry.admit({ subscriber: subscribers[i % 100]!, call: calls[i % 1000]!, demands: some })
  const release = (leases: Lease[]) =>
    registry.release(
      leases.map((lease) => lease.id),
      'bench',
    )
  const one = timed(50_000, admit(demands.slice(0, 1)), release)
  const three = timed(50_000, admit(demands), release)
  const back = timed(50_000, (i) => release(admit(demands.slice(0, 1))(i)))
  const refused = timed(20_000, (i) => {
    try {
      registry.admit({ subscriber: subscribers[i % 100]!, call: calls[i % 1000]!, demands: [{ kind: 'trunk.in', count: 40 }] })
    } catch (error) {
      if (!(error instanceof ResourceUnavailable)) throw error
    }
  })
  return [
    figure('decision, one kind, with its lease, p50', one.p50, { must: 20, aim: 2 }),
    figure('decision, one kind, with its lease, p99', one.p99),
    figure('decision, three kinds at once, with their leases, p50', three.p50),
    figure('one kind, granted and given back, p50', back.p50),
    {
      name: 'admission: decisions granted and given back',
      value: Math.round(1e6 / back.p50),
      unit: '1/s',
      must: null,
      aim: null,
      better: 'higher',
      peer: null,
    },
    figure('refused with its explanation, p50', refused.p50),
  ]
}

if (process.argv[1] === import.meta.filename) {
  for (const f of await measure()) console.log(`${f.name}: ${f.value} ${f.unit} (must ${f.must ?? '–'}, aim ${f.aim ?? '–'})`)
}
