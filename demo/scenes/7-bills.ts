import assert from 'node:assert/strict'
import type { UsageRecord } from '#platform/words/index.ts'
import { until } from '../../test/peer/index.ts'
import { PLAN, type Stage } from '../stage.ts'

interface Line {
  type: string
  title: string
  kind?: string
  rate?: string
  units: number
  amount: string
  leases: string[]
}

interface Bill {
  id: string
  number: string
  name: string
  currency: string
  lines: Line[]
  subtotal: string
  taxes: { amount: string }[]
  rounding: string
  total: string
}

/** A rate of the plan, as the API tells it. */
interface Rate {
  kind: string
  prefix: string
  unit: string
  increments: { first: number; next: number }
  per: number
  tiers: { price: string }[]
}

/** Both bills; the sum of the lines equals the leases. The prices are worked out here once more, from the records alone. */
export async function bills(stage: Stage): Promise<void> {
  const { platform } = stage
  for (const name of ['acme', 'globex']) await resize(stage, name)
  const period = new Date().toISOString().slice(0, 7)
  const run = await platform.cli<{ bills: { id: string; name: string }[]; failures: unknown[] }>(
    'bill',
    'run',
    '--period',
    period,
  )
  assert.deepEqual(run.failures, [])
  assert.deepEqual(run.bills.map(({ name }) => name).sort(), ['acme', 'globex'])
  stage.tell('operator', `tieline bill run --period ${period}`)
  const plan = await platform.api<{ rates: Rate[] }>('GET', `/v1/plans/${PLAN}`)
  for (const { id, name } of run.bills) {
    const bill = await platform.api<Bill>('GET', `/v1/bills/${id}`)
    const usage = await platform.usage(name)
    check(bill, usage, plan.rates)
    const leases = bill.lines.reduce((sum, line) => sum + line.leases.length, 0)
    stage.tell('operator', `${name}: ${bill.lines.length} lines, ${bill.total} ${bill.currency}`, `bill ${bill.number}`)
    for (const line of bill.lines)
      stage.story.say(`${' '.repeat(23)}${line.title.padEnd(34)} ${String(line.units).padStart(6)}  ${line.amount.padStart(10)}`)
    stage.story.proof(
      `${name}: every line is the sum of its leases, ${leases} of ${usage.length}; the rest was never answered, or is free`,
    )
  }
}

/** Its agent gets another size: what the old sandbox held until then is usage, and the new one holds a lease of its own. */
async function resize(stage: Stage, name: string): Promise<void> {
  const { platform } = stage
  const leases = () => platform.cli<{ lease: string; count: number }[]>('resource', 'leases', name, '--kind', 'agent.memory')
  const [before] = await leases()
  assert.equal(before?.count, 256)
  await platform.api('PATCH', `/v1/subscribers/${name}`, { agent: { memoryMebibytes: 192 } })
  const isNew = async () => (await leases()).every(({ count }) => count === 192) && (await platform.agent(name)).state === 'ready'
  await until('the other sandbox', isNew, 20_000, 100)
  const isUsed = async () => (await platform.usage(name)).some(({ lease }) => lease === before.lease)
  await until('what the first one held', isUsed, 10_000, 100)
  stage.tell('operator', `${name}: its agent has 192 MiB now, under a lease of its own`, 'the 256 MiB until here are usage')
}

function check(bill: Bill, usage: UsageRecord[], rates: Rate[]): void {
  const records = new Map(usage.map((record) => [record.lease as string, record]))
  const billed = bill.lines.flatMap(({ leases }) => leases)
  assert.equal(new Set(billed).size, billed.length, 'no lease is billed twice')
  let sum = 0n
  for (const line of bill.lines) {
    sum += micros(line.amount)
    if (line.type !== 'usage') continue
    const worth = line.leases.map((lease) => {
      const record = records.get(lease)
      assert.ok(record, `the lease ${lease} of a line is a record`)
      assert.equal(record.kind, line.kind)
      return price(record, rates)
    })
    assert.equal(
      micros(line.amount),
      worth.reduce((a, b) => a + b, 0n),
      `${bill.name}: ${line.title}`,
    )
  }
  assert.equal(micros(bill.subtotal), sum, 'the lines add up')
  const taxes = bill.taxes.reduce((total, tax) => total + micros(tax.amount), 0n)
  assert.equal(micros(bill.total), sum + taxes + micros(bill.rounding))
  const owed = usage.filter((record) => rateOf(record, rates) && record.billableMs > 0 && !record.detail.emergency)
  assert.deepEqual(new Set(owed.map(({ lease }) => lease as string)), new Set(billed), 'what was used is what is billed')
  for (const record of usage) if (!record.answeredAt) assert.ok(!billed.includes(record.lease), 'never answered, never billed')
}

function rateOf(record: UsageRecord, rates: Rate[]): Rate | undefined {
  const number = record.detail.number ?? ''
  return rates
    .filter((rate) => rate.kind === record.kind && number.startsWith(rate.prefix))
    .sort((a, b) => b.prefix.length - a.prefix.length)[0]
}

/** Millionths: the price of one record, by increments, rounded half up once. */
function price(record: UsageRecord, rates: Rate[]): bigint {
  const rate = rateOf(record, rates)!
  const { first, next } = rate.increments
  let seconds = first
  while (seconds * 1000 < record.billableMs) seconds += next
  const worth = micros(rate.tiers[0]!.price) * BigInt(seconds) * BigInt(record.count)
  const per = BigInt(rate.per) * (rate.unit === 'mebibyte-hour' ? 3600n : 1n)
  return (worth * 2n + per) / (2n * per)
}

function micros(amount: string): bigint {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(amount)!
  const value = BigInt(whole!) * 1_000_000n + BigInt(fraction.padEnd(6, '0'))
  return sign ? -value : value
}
