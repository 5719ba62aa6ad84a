import { Type } from 'typebox'

const closed = { additionalProperties: false }
const Nullable = (schema: ReturnType<typeof Type.String>) => Type.Union([schema, Type.Null()])

export const Money = Type.Object({
  amount: Type.String({ description: 'A decimal number.' }),
  currency: Type.String({ description: 'ISO 4217.' }),
})

export const Usage = Type.Object({
  lease: Type.String(),
  subscriber: Type.String(),
  kind: Type.String(),
  count: Type.Integer(),
  call: Type.Optional(Type.String({ description: "Whose lease it was; absent where it was an agent's." })),
  agent: Type.Optional(Type.String({ description: 'The version of the agent whose lease it was.' })),
  leg: Type.Optional(Type.String()),
  takenAt: Type.String({ format: 'date-time' }),
  answeredAt: Nullable(Type.String({ format: 'date-time' })),
  releasedAt: Type.String({ format: 'date-time' }),
  billableMs: Type.Integer(),
  reason: Type.String(),
  detail: Type.Record(Type.String(), Type.Unknown()),
  review: Type.Boolean({
    description: 'A crash, or a far end that was gone without a word, has closed it at the last proven moment.',
  }),
})

export const BillSummary = Type.Object({
  id: Type.String(),
  number: Type.String(),
  state: Type.String({ description: 'draft while the period is not over, then closed' }),
  subscriber: Type.String(),
  name: Type.String(),
  period: Type.String(),
  issuedOn: Type.String({ format: 'date' }),
  lines: Type.Integer(),
  total: Money,
})

export const BillLine = Type.Object({
  line: Type.Integer(),
  type: Type.String({ description: 'recurring, usage or adjustment' }),
  title: Type.String(),
  plan: Type.String(),
  rate: Type.Optional(Type.String()),
  kind: Type.Optional(Type.String()),
  adjusts: Type.Optional(Type.String({ description: 'The closed period that late usage belongs to.' })),
  count: Type.Integer({ description: 'Leases, or days of a recurring fee.' }),
  billableMs: Type.Integer(),
  units: Type.Integer({ description: 'As charged: lease count × seconds after increments, also of memory, or pieces.' }),
  unit: Type.Optional(
    Type.Literal('mebibyte-second', { description: 'What units are where they are neither seconds nor pieces.' }),
  ),
  includedUnits: Type.Integer(),
  amount: Type.String(),
  leases: Type.Array(Type.String()),
  review: Type.Optional(
    Type.Array(Type.String(), {
      description:
        'Of these leases: nobody ended them, so they are charged up to the last proven moment. Absent where there are none.',
    }),
  ),
})

export const Bill = Type.Object({
  id: Type.String(),
  number: Type.String(),
  state: Type.String(),
  subscriber: Type.String(),
  name: Type.String(),
  period: Type.String(),
  timeZone: Type.String(),
  from: Type.String({ format: 'date-time' }),
  to: Type.String({ format: 'date-time' }),
  issuedOn: Type.String({ format: 'date' }),
  currency: Type.String(),
  lines: Type.Array(BillLine),
  subtotal: Type.String(),
  taxes: Type.Array(Type.Object({ title: Type.String(), percent: Type.String(), base: Type.String(), amount: Type.String() })),
  prepaid: Type.Optional(
    Type.Object(
      {
        topUps: Type.Array(
          Type.Object({
            id: Type.String(),
            at: Type.String({ format: 'date-time' }),
            amount: Type.String(),
            currency: Type.String(),
            reference: Type.Optional(Type.String()),
          }),
          { description: 'What was paid in, in the period.' },
        ),
        used: Type.String({ description: 'What the balance has paid of the lines: it is not asked for again.' }),
      },
      { description: 'Absent where nothing was paid in advance.' },
    ),
  ),
  rounding: Type.String(),
  total: Type.String({ description: 'What is asked for: Σ lines − prepaid.used + Σ taxes + rounding, exactly.' }),
})

export const Posting = Type.Object({
  line: Type.Union([Type.Integer(), Type.Null()]),
  lease: Nullable(Type.String()),
  debit: Type.String(),
  credit: Type.String(),
  amount: Money,
})

const KIND = '^[a-z][a-z0-9.-]{0,62}$'
const Amount = Type.String({ maxLength: 32, description: 'A decimal number with at most six places.' })

const Rate = Type.Object(
  {
    kind: Type.String({ pattern: KIND }),
    prefix: Type.String({ maxLength: 32, description: 'The beginning of the E.164 number; empty for all.' }),
    title: Type.String({ maxLength: 200 }),
    unit: Type.Union([Type.Literal('second'), Type.Literal('piece'), Type.Literal('mebibyte-hour')]),
    increments: Type.Object({ first: Type.Integer(), next: Type.Integer() }, closed),
    setUpFee: Amount,
    per: Type.Integer({ description: 'How many units a price is for: 60 makes it a price per minute.' }),
    included: Type.Integer({ description: 'Units free of charge in each period.' }),
    tiers: Type.Array(Type.Object({ upTo: Type.Union([Type.Integer(), Type.Null()]), price: Amount }, closed), {
      minItems: 1,
      maxItems: 50,
    }),
  },
  closed,
)

const Rates = Type.Array(Rate, { maxItems: 20_000 })
const Free = Type.Array(Type.String({ pattern: KIND }), {
  maxItems: 1000,
  description: 'Kinds that cost nothing. Where a new plan does not say, all that there are and that it has no rate for.',
})

export const Plan = Type.Object(
  {
    name: Type.String({ maxLength: 64 }),
    title: Type.String({ maxLength: 200 }),
    currency: Type.String({ maxLength: 8 }),
    prepaid: Type.Optional(
      Type.Boolean({
        description:
          'Usage is paid from a balance. Then each thing has one price, without included units and tiers, and there are neither ' +
          'recurring fees nor taxes, which are due where money is paid in.',
      }),
    ),
    rates: Rates,
    free: Type.Optional(Free),
    recurring: Type.Array(Type.Object({ title: Type.String({ maxLength: 200 }), amount: Amount }, closed), { maxItems: 50 }),
    taxes: Type.Array(Type.Object({ title: Type.String({ maxLength: 200 }), percent: Amount }, closed), { maxItems: 10 }),
  },
  closed,
)

/** A plan as it is kept. */
export const KeptPlan = Type.Object({
  ...Plan.properties,
  unpriced: Type.Array(Type.String(), {
    description:
      'Kinds of the platform of which the plan says nothing: their usage waits, on no bill, until the plan is added to.',
  }),
})

export const PlanAddition = Type.Object(
  {
    rates: Type.Optional(Rates),
    free: Type.Optional(Free),
    standard: Type.Optional(
      Type.Boolean({
        description:
          'What the standard plan of this release says of kinds of which the plan says nothing, if its currency is the same',
      }),
    ),
  },
  closed,
)

export const UnratedUsage = Type.Object({
  subscriber: Type.String(),
  plan: Type.String(),
  kind: Type.String(),
  leases: Type.Integer(),
  billableMs: Type.Integer(),
})
