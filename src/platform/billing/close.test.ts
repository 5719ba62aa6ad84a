import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { type Id, TielineError } from '#lib/index.ts'
import type { UsageRecord } from '#platform/words/index.ts'
import type { Account } from './account.ts'
import { type Closing, closePeriod } from './close.ts'
import { invoiceBytes } from './invoice.ts'
import { parseMicros } from './money.ts'
import { invoicePdf } from './pdf.ts'
import { period } from './period.ts'
import type { Plan } from './plan.ts'
import { standardPlan } from './standard.ts'

const id = <P extends 'lse' | 'sub' | 'call' | 'agt'>(prefix: P, n: number) =>
  `${prefix}_${n.toString(16).padStart(32, '0')}` as Id<P>
const account: Account = {
  subscriber: id('sub', 1),
  name: 'acme',
  timeZone: 'Europe/Brussels',
  since: new Date('2026-01-01T00:00:00Z'),
  until: null,
  plans: [{ since: new Date('2026-01-01T00:00:00Z'), plan: 'standard' }],
}
const plans = new Map<string, Plan>([['standard', standardPlan]])

function call(n: number, kind: string, answered: string, seconds: number, more: Partial<UsageRecord> = {}): UsageRecord {
  const released = new Date(Date.parse(answered) + seconds * 1000).toISOString()
  return {
    lease: id('lse', n),
    subscriber: account.subscriber,
    kind,
    count: 1,
    call: id('call', n),
    takenAt: answered,
    answeredAt: answered,
    releasedAt: released,
    billableMs: seconds * 1000,
    reason: 'hangup',
    detail: {},
    review: false,
    ...more,
  }
}

function close(usage: UsageRecord[], more: Partial<Closing> = {}) {
  return closePeriod({ account, period: period('2026-11', account.timeZone), state: 'closed', usage, plans, meters: {}, ...more })
}

const usage = [
  call(1, 'trunk.in', '2026-11-02T10:00:00.000Z', 61),
  call(2, 'trunk.in', '2026-11-03T10:00:00.000Z', 59),
  call(3, 'trunk.out', '2026-11-03T11:00:00.000Z', 61, { detail: { number: '+3225550101' } }),
  call(4, 'trunk.out', '2026-11-03T12:00:00.000Z', 5, { detail: { number: '+4420' } }),
  call(5, 'trunk.in', '2026-11-04T10:00:00.000Z', 0, { answeredAt: null, billableMs: 0 }),
  call(6, 'voice.port', '2026-11-04T10:00:00.000Z', 100),
]

test('lines group leases by rate and name each; the sum of lines, taxes and rounding is the total (B04)', () => {
  const { invoice } = close(usage)
  assert.deepEqual(
    invoice.lines.map(({ type, title, rate, count, units, amount, leases }) => [type, title, rate, count, units, amount, leases]),
    [
      ['recurring', 'Private channel and agent', undefined, 30, 0, '25.00', []],
      ['usage', 'Calls in', 'trunk.in', 2, 120, '0.012', [id('lse', 1), id('lse', 2)]],
      ['usage', 'Calls out, other countries', 'trunk.out', 1, 60, '0.25', [id('lse', 4)]],
      ['usage', 'Calls out, Belgium', 'trunk.out +32', 1, 120, '0.06', [id('lse', 3)]],
    ],
  )
  assert.equal(invoice.subtotal, '25.322')
  assert.deepEqual(invoice.taxes, [{ title: 'VAT', percent: '21', base: '25.322', amount: '5.32' }])
  assert.equal(invoice.rounding, '-0.002')
  assert.equal(invoice.total, '30.64')
})

test('a line names the leases that nobody ended, in JSON and PDF; other lines name none (B06)', async () => {
  const lost = call(7, 'trunk.in', '2026-11-05T10:00:00.000Z', 30, { review: true })
  const { invoice } = close([...usage, lost])
  const [line, other] = ['trunk.in', 'trunk.out +32'].map((rate) => invoice.lines.find((l) => l.rate === rate))
  assert.deepEqual([line?.leases.length, line?.review], [3, [lost.lease]])
  assert(!('review' in other!))
  assert(textOf(await invoicePdf(invoice)).includes('1 to be reviewed'))
})

test('every lease that costs something has one entry; debits are credits, and the receivable is the total', () => {
  const { invoice, entries } = close(usage)
  const sum = (account: string) =>
    entries.reduce((s, e) => s + (e.debit === account ? e.micros : 0n) - (e.credit === account ? e.micros : 0n), 0n)
  assert.equal(sum('receivable'), parseMicros(invoice.total))
  assert.equal(-sum('revenue:trunk.out'), parseMicros('0.31'))
  const leases = entries.flatMap((e) => e.lease ?? [])
  assert.deepEqual(
    leases.toSorted(),
    [1, 2, 3, 4].map((n) => id('lse', n)),
  )
  assert(entries.every((e) => e.micros > 0n))
})

test('closing again gives the same bytes, in whatever order usage comes, the PDF included', async () => {
  const first = close(usage).invoice
  const second = close(usage.toReversed()).invoice
  assert.equal(invoiceBytes(second), invoiceBytes(first))
  const [a, b] = [await invoicePdf(first), await invoicePdf(second)]
  assert.deepEqual(sha(a), sha(b))
  assert.equal(first.issuedOn, '2026-12-01')
  assert.match(first.id, /^inv_[0-9a-f]{32}$/)
  assert.notEqual(close(usage, { period: period('2026-12', account.timeZone) }).invoice.id, first.id)
})

test('a call over the end of the month is on the next invoice, whole (B10)', () => {
  const over = call(9, 'trunk.in', '2026-10-31T22:59:30.000Z', 60) // ends 00:00:30 on 1 November in Brussels
  const { invoice } = close([over])
  assert.deepEqual(invoice.lines.find((line) => line.rate)?.leases, [over.lease])
  assert.equal(invoice.lines.find((line) => line.rate)?.type, 'usage')
})

test('usage of a kind that its plan says nothing of waits, and is on no line; what is free, or owed by nobody, does not (B07)', () => {
  const without = (kind: string): Plan => ({ ...standardPlan, rates: standardPlan.rates.filter((r) => r.kind !== kind) })
  const unheard = call(7, 'voice.detection', '2026-11-05T10:00:00.000Z', 0, { answeredAt: null, billableMs: 0 })
  const more = [...usage, call(8, 'voice.detection', '2026-11-05T10:00:00.000Z', 30), unheard]
  const { invoice, waiting } = close(more, { plans: new Map([['standard', without('voice.detection')]]) })
  assert.deepEqual(
    waiting.map((one) => [one.usage.lease, one.plan]),
    [[id('lse', 8), 'standard']],
  )
  assert(!invoice.lines.some((line) => line.kind === 'voice.detection'))
  assert.deepEqual(close(more).waiting, [])
})

test('late usage is an adjustment that names its period and counts on where that had stopped (B12)', () => {
  const late = call(9, 'trunk.in', '2026-10-20T10:00:00.000Z', 60)
  const included: Plan = { ...standardPlan, rates: standardPlan.rates.map((r) => ({ ...r, included: 100 })) }
  const { invoice, meters } = close([late, ...usage], {
    plans: new Map([['standard', included]]),
    meters: { '2026-10': { 'standard trunk.in': 70 } },
  })
  const line = invoice.lines.at(-1)!
  assert.deepEqual([line.type, line.adjusts, line.includedUnits, line.amount], ['adjustment', '2026-10', 30, '0.003'])
  assert.equal(meters['2026-10']?.['standard trunk.in'], 130)
  assert.equal(invoice.lines.find((l) => l.type === 'usage' && l.rate === 'trunk.in')?.includedUnits, 100)
})

test('a call is rated by the plan in force when it was answered', () => {
  const dear: Plan = {
    ...standardPlan,
    name: 'dear',
    rates: standardPlan.rates.map((r) => ({ ...r, tiers: [{ upTo: null, price: '6' }] })),
  }
  const changed = { ...account, plans: [...account.plans, { since: new Date('2026-11-03T00:00:00Z'), plan: 'dear' }] }
  const { invoice } = close(usage, { account: changed, plans: new Map([...plans, ['dear', dear]]) })
  const calls = invoice.lines.filter((line) => line.rate === 'trunk.in')
  assert.deepEqual(
    calls.map((line) => [line.plan, line.amount]),
    [
      ['dear', '5.90'],
      ['standard', '0.0061'],
    ],
  )
})

test('a plan that does not exist, or of another currency, bills nothing rather than something wrong (B07)', () => {
  const code = (run: () => unknown) => {
    try {
      run()
    } catch (error) {
      return error instanceof TielineError ? error.verdict.code : error
    }
    return 'none'
  }
  assert.equal(
    code(() => close(usage, { plans: new Map() })),
    'plan-unknown',
  )
  const changed = { ...account, plans: [...account.plans, { since: new Date('2026-11-20T00:00:00Z'), plan: 'yen' }] }
  const yen = { ...standardPlan, name: 'yen', currency: 'JPY' }
  assert.equal(
    code(() => close(usage, { account: changed, plans: new Map([...plans, ['yen', yen]]) })),
    'currency-mixed',
  )
})

test('whatever the calls, the sums are exact and no line is negative (B04)', () => {
  const one = fc.record({
    kind: fc.constantFrom('trunk.in', 'trunk.out', 'channel.leg', 'voice.prompt', 'voice.port'),
    seconds: fc.integer({ min: 0, max: 100_000 }),
    at: fc.integer({ min: Date.UTC(2026, 8, 1), max: Date.UTC(2026, 10, 28) }),
    answered: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(one, { maxLength: 40 }), (calls) => {
      const records = calls.map(({ kind, seconds, at, answered }, n) =>
        call(n, kind, new Date(at).toISOString(), seconds, answered ? {} : { answeredAt: null, billableMs: 0 }),
      )
      const { invoice, entries } = close(records)
      const lines = invoice.lines.reduce((sum, line) => sum + parseMicros(line.amount), 0n)
      const taxes = invoice.taxes.reduce((sum, tax) => sum + parseMicros(tax.amount), 0n)
      assert.equal(lines, parseMicros(invoice.subtotal))
      assert.equal(lines + taxes + parseMicros(invoice.rounding), parseMicros(invoice.total))
      assert.equal(parseMicros(invoice.total) % 10_000n, 0n)
      assert(invoice.lines.every((line) => parseMicros(line.amount) >= 0n))
      for (const line of invoice.lines.filter((l) => l.rate)) {
        const posted = entries.filter((e) => e.line === line.line).reduce((sum, e) => sum + e.micros, 0n)
        assert.equal(posted, parseMicros(line.amount))
      }
      const billed = records.filter((u) => u.billableMs > 0 && u.kind !== 'voice.port').map((u) => u.lease)
      assert.deepEqual(invoice.lines.flatMap((line) => line.leases).sort(), billed.sort())
    }),
    { numRuns: 100 },
  )
})

test('the PDF names kind, count, minutes, amount and a reference to the leases of each line', async () => {
  const { invoice } = close(usage)
  const text = textOf(await invoicePdf(invoice))
  const reference = createHash('sha256')
    .update(`${id('lse', 1)}\n${id('lse', 2)}`)
    .digest('hex')
    .slice(0, 10)
  for (const part of [invoice.number, 'acme', 'Calls in (trunk.in)', '2.00', reference, '0.012', 'VAT 21 %', '30.64']) {
    assert(text.includes(part), `${part} is missing in ${text}`)
  }
})

test('a long invoice goes on over several pages, with the head of the table on each', async () => {
  const invoice = close(usage).invoice
  const line = invoice.lines[1]!
  const long = { ...invoice, lines: Array.from({ length: 120 }, (_, i) => ({ ...line, line: i + 1 })) }
  const bytes = Buffer.from(await invoicePdf(long))
  const pages = bytes.toString('latin1').match(/\/Type \/Page\n/g)?.length ?? 0
  assert(pages >= 3, `${pages} pages`)
  assert.equal(textOf(bytes).split('Minutes').length - 1, pages + 1, 'once a page and once in the note')
})

function sha(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The text of a PDF that pdfkit made with its own fonts: compressed streams of hex strings. */
function textOf(pdf: Uint8Array): string {
  const bytes = Buffer.from(pdf)
  let text = ''
  for (let at = bytes.indexOf('stream\n'); at >= 0; at = bytes.indexOf('stream\n', at + 1)) {
    if (bytes.toString('latin1', at - 3, at) === 'end') continue
    const content = inflateSync(bytes.subarray(at + 7, bytes.indexOf('\nendstream', at))).toString('latin1')
    for (const [, array] of content.matchAll(/\[(.*?)\] TJ/g)) {
      for (const [, hex] of array!.matchAll(/<([0-9a-f]+)>/g)) text += Buffer.from(hex!, 'hex').toString('latin1')
      text += '\n'
    }
  }
  return text
}

test('memory that was held over the end of a month stands on both bills for its part, by the mebibyte-hour', async () => {
  const rate = standardPlan.rates[0]!
  const memory = { ...rate, kind: 'agent.memory', title: 'Memory of the agent', unit: 'mebibyte-hour' as const, per: 1000 }
  const priced = { ...standardPlan, rates: [{ ...memory, tiers: [{ upTo: null, price: '0.0200' }] }], free: [] }
  const held = (n: number, from: string, to: string): UsageRecord => {
    const { call: _, ...rest } = call(n, 'agent.memory', from, (Date.parse(to) - Date.parse(from)) / 1000)
    return { ...rest, agent: id('agt', 1), count: 256, reason: 'day' }
  }
  // Brussels: the month ends at 23:00 UTC.
  const [november, december] = [
    held(1, '2026-11-30T11:00:00.000Z', '2026-11-30T22:59:59.999Z'),
    held(2, '2026-11-30T22:59:59.999Z', '2026-12-01T22:59:59.999Z'),
  ]
  const own = { plans: new Map([['standard', priced]]) }
  const [first, again, second] = [
    close([november], own),
    close([november], own),
    close([december], { ...own, period: period('2026-12', account.timeZone) }),
  ]
  const lineOf = ({ invoice }: typeof first) => invoice.lines.find(({ kind }) => kind === 'agent.memory')
  assert.deepEqual(
    [lineOf(first), lineOf(second)].map((line) => [line?.type, line?.amount, line?.units, line?.unit, line?.leases]),
    [
      // 256 MiB for 12 h are 3072 MiB h.
      ['usage', '0.06144', 256 * 43_200, 'mebibyte-second', [november.lease]],
      ['usage', '0.12288', 256 * 86_400, 'mebibyte-second', [december.lease]],
    ],
  )
  assert.equal(invoiceBytes(first.invoice), invoiceBytes(again.invoice))
  const pdf = await invoicePdf(first.invoice)
  assert.deepEqual(pdf, await invoicePdf(again.invoice))
  assert.match(textOf(pdf), /3072\.00\s+MiB\sh/)
})
