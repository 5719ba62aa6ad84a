import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { type Id, isId, newId } from '#lib/index.ts'
import { explain } from '#platform/cti/index.ts'
import { visibleToSubscriber } from '#platform/trace/index.ts'
import type { CallView } from '#platform/words/index.ts'
import { Nothing } from './answers.ts'
import { type App, readerOf, scopeOf } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { problem } from './problem.ts'
import { OfSubscriber, Progress } from './schema.ts'

const Party = Type.Object({
  number: Type.String(),
  name: Type.Optional(Type.String()),
  uri: Type.Optional(Type.String()),
  verstat: Type.Optional(Type.String({ description: 'What the carrier says of the right to the number.' })),
})
const Call = Type.Object({
  id: Type.String(),
  subscriber: Type.String(),
  state: Type.String({ description: 'setup, verb, joined or ending' }),
  from: Party,
  to: Party,
  startedAt: Type.String({ format: 'date-time' }),
  answeredAt: Type.Optional(Type.String({ format: 'date-time' })),
  legs: Type.Array(
    Type.Object({ id: Type.String(), direction: Type.String(), state: Type.String(), via: Type.String(), party: Party }),
  ),
})
const OfCall = Type.Object({ call: Type.String() })

const Explained = Type.Object({
  call: Type.String(),
  subscriber: Type.String(),
  summary: Type.String({ description: 'One sentence for people.' }),
  cause: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  refusals: Type.Array(Type.Record(Type.String(), Type.Unknown()), {
    description: 'kind, limitedBy, limit, inUse, requested, fault, and the holders that the reader may see.',
  }),
  steps: Type.Array(Type.Object({ at: Type.String({ format: 'date-time' }), type: Type.String(), text: Type.String() })),
})

export function callRoutes(app: App, deps: ApiDeps): void {
  app.get(
    '/v1/calls',
    {
      schema: {
        summary: 'Calls that are up',
        querystring: Type.Object({ subscriber: Type.Optional(Type.String()) }, { additionalProperties: false }),
        response: { 200: Type.Object({ items: Type.Array(Call) }) },
      },
    },
    async (request) => {
      const { subscriber } = request.query
      const scope = scopeOf(request.principal)
      const one = subscriber === undefined ? scope : (await deps.install.store.find(scope, subscriber)).id
      return { items: await liveCalls(deps, one) }
    },
  )
  app.get('/v1/calls/:call', { schema: { summary: 'A call that is up', params: OfCall, response: { 200: Call } } }, (request) =>
    findCall(deps, request, request.params.call),
  )
  app.post(
    '/v1/calls/:call/kill',
    { schema: { summary: 'End a call in whatever state it is', params: OfCall, response: { 204: Nothing } } },
    async (request, reply) => {
      const { id } = await findCall(deps, request, request.params.call)
      await deps.switch.call('call.kill', { call: id })
      return reply.code(204).send()
    },
  )
  makeRoute(app, deps)
  orderRoutes(app, deps)
  app.get(
    '/v1/calls/:call/trace',
    { schema: { summary: 'What was said for a call that is up or was lately', params: OfCall, response: { 200: Trace } } },
    (request) => traceOf(deps, request, request.params.call),
  )
  app.get(
    '/v1/calls/:call/explain',
    { schema: { summary: 'Why a call went as it did, also after its end', params: OfCall, response: { 200: Explained } } },
    async (request) => {
      const call = callId(request.params.call)
      const { items } = await deps.events.listEvents(scopeOf(request.principal), { call, limit: 1000 })
      const explanation = explain(items, readerOf(request.principal))
      if (!explanation) throw problem('not-found', 404, 'There is no such call.')
      return explanation
    },
  )
}

const Text = (maxLength: number) => Type.String({ minLength: 1, maxLength })
const Closed = { additionalProperties: false }
const Target = Type.Union([
  Type.Object({ pbx: Text(64) }, Closed),
  Type.Object({ user: Text(64) }, Closed),
  Type.Object({ number: Text(32) }, Closed),
  Type.Object({ trunk: Text(64), number: Text(32) }, Closed),
  Type.Object({ sip: Text(512) }, Closed),
])
const LegId = Type.String({ description: 'A leg, which has to ring.', maxLength: 64 })
const Alerting = Type.Union(
  [Type.Object({ user: Text(64) }, Closed), Type.Object({ call: Text(64) }, Closed), Type.Object({ leg: Text(64) }, Closed)],
  { description: 'What rings: at or for a user of the site, the longest of several; a call; one of its legs.' },
)
const WhichParty = Type.Optional(
  Type.Union([Type.Literal('caller'), Type.Literal('dialled')], { description: 'Default: the caller' }),
)
const Music = Type.Optional(
  Type.Record(Type.String(), Type.Unknown(), {
    description: 'What is heard meanwhile, as for `play`: { file }, { text }, { signal }',
  }),
)

const Ms = (minimum: number, maximum: number, description: string) =>
  Type.Optional(Type.Integer({ minimum, maximum, description }))

const Amd = Type.Object(
  {
    until: Type.Optional(Type.Union([Type.Literal('verdict'), Type.Literal('message-end')])),
    country: Type.Optional(Type.String({ description: 'Whose network’s tones may come behind an answer (ISO 3166-1)' })),
    timeoutSeconds: Type.Optional(Type.Number({ minimum: 1, maximum: 60, description: 'Default 30' })),
    greetingMs: Ms(500, 10_000, 'A greeting of a person is shorter; default 2400'),
    greetingEndMs: Ms(300, 5000, 'Silence that ends a greeting; default 800'),
    noSpeechMs: Ms(1000, 30_000, 'Nothing said for so long is `unknown`; default 5000'),
    messageEndMs: Ms(500, 10_000, 'Silence after which a machine that does not beep listens; default 3000'),
  },
  {
    ...Closed,
    description:
      'Listens to whom the call is for: `to`, or `from` where the agent talks to it. Events `call.amd` tell who has answered: human, machine, machine-end, fax, network (nobody: it says busy behind an answer) or unknown.',
  },
)

const Cause = Type.Record(Type.String(), Type.Unknown(), { description: 'by, reason, sip, q850, text' })
const Ordered = Type.Object(
  {
    transferred: Type.Optional(Type.Boolean({ description: 'Of transfer.' })),
    pickedUp: Type.Optional(Type.Boolean({ description: 'Of pickup.' })),
    cause: Type.Optional(Cause),
  },
  { description: 'What a transfer and a pickup have come to, and why; of the others nothing.' },
)

/** What can be commanded of a call whose two legs talk, or that rings, by anybody who may see it. */
const ORDERS = {
  hold: { summary: 'Hold one of the two who talk', body: Type.Object({ party: WhichParty, music: Music }, Closed) },
  retrieve: { summary: 'Let them talk again', body: Type.Object({ party: WhichParty }, Closed) },
  transfer: {
    summary: 'Let the caller go on with somebody else; answers when that is so, or could not be',
    body: Type.Object({ target: Target, amd: Type.Optional(Amd), progress: Type.Optional(Progress) }, Closed),
  },
  park: {
    summary: 'Let the caller wait in a slot, which a telephone of the site picks up by dialling it',
    body: Type.Object(
      { slot: Text(7), timeoutSeconds: Type.Optional(Type.Number({ minimum: 1, maximum: 3600 })), music: Music },
      Closed,
    ),
  },
  pickup: {
    summary: 'Call somebody to take a call that rings elsewhere; answers when that is so, or could not be',
    body: Type.Object({ by: Target, leg: Type.Optional(LegId) }, Closed),
  },
} as const

const Made = Type.Object(
  {
    id: Type.Optional(Type.String({ description: 'The id that the call shall have; the same again is the same call.' })),
    from: Target,
    to: Type.Union([
      Target,
      Type.Literal('agent', { description: 'Offered to the agent, once it has been answered' }),
      Type.Object({ pickUp: Alerting }, { ...Closed, description: '`from` takes what rings elsewhere' }),
    ]),
    callerId: Type.Optional(Text(32)),
    timeoutSeconds: Type.Optional(Type.Number({ minimum: 1, maximum: 300, description: 'How long `from` may ring; default 30' })),
    amd: Type.Optional(Amd),
    progress: Type.Optional(Progress),
  },
  Closed,
)

/** Answers when `from` is being called: a name of the site's may have to be asked for before. */
const LAUNCH_MS = 10_000

function makeRoute(app: App, deps: ApiDeps): void {
  app.post(
    '/v1/subscribers/:subscriber/calls',
    {
      schema: {
        summary: 'Call one, then another, and join them (click to dial)',
        params: OfSubscriber,
        body: Made,
        response: { 201: Type.Object({ id: Type.String() }) },
      },
    },
    async (request, reply) => {
      const { id, ...wanted } = request.body
      const call = id === undefined ? newId('call', deps.clock.wall()) : callId(id)
      const by = request.principal.role === 'operator' ? 'operator' : 'subscriber'
      const made = { ...wanted, call, by, subscriber: request.subscriber.id } as const
      const { call: known } = await deps.switch.call('call.make', made, { timeoutMs: LAUNCH_MS })
      return reply.code(201).send({ id: known })
    },
  )
}

/** A transfer answers when somebody has answered; ms that it may ring, and some. */
const LONGEST_ORDER_MS = 75_000

function orderRoutes(app: App, deps: ApiDeps): void {
  for (const verb of Object.keys(ORDERS) as (keyof typeof ORDERS)[]) {
    const { summary, body } = ORDERS[verb]
    app.post(
      `/v1/calls/:call/${verb}`,
      { schema: { summary, params: OfCall, body, response: { 200: Ordered } } },
      async (request) => {
        const { id } = await findCall(deps, request, request.params.call)
        const by = request.principal.role === 'operator' ? 'operator' : 'subscriber'
        const order = { verb, params: request.body as Record<string, unknown> }
        const done = await deps.switch.call('call.order', { call: id, order, by }, { timeoutMs: LONGEST_ORDER_MS })
        return done ?? {}
      },
    )
  }
}

const Trace = Type.Object({
  call: Type.String(),
  subscriber: Type.String(),
  dropped: Type.Integer({ description: 'Lines that found no room.' }),
  entries: Type.Array(
    Type.Object({
      at: Type.String({ format: 'date-time' }),
      leg: Type.Optional(Type.String()),
      kind: Type.String({ description: 'sip, event or lease' }),
      direction: Type.Optional(Type.String({ description: 'in or out, of a SIP message' })),
      realm: Type.Optional(Type.String({ description: 'node for the trunk side, or the subscriber whose channel it is' })),
      transport: Type.Optional(Type.String()),
      local: Type.Optional(Type.String()),
      peer: Type.Optional(Type.String()),
      message: Type.Optional(Type.String({ description: 'The SIP message, without secrets.' })),
      type: Type.Optional(Type.String({ description: 'Of an event' })),
      data: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      what: Type.Optional(Type.String({ description: 'taken or released' })),
      lease: Type.Optional(Type.String()),
      resource: Type.Optional(Type.String({ description: 'The kind that is leased' })),
      reason: Type.Optional(Type.String()),
    }),
  ),
})

/** Another subscriber's call, like one that nobody knows, is not found (PITFALLS T02). */
async function traceOf(deps: ApiDeps, { principal }: FastifyRequest, id: string) {
  const trace = await deps.switch.call('call.trace', { call: callId(id) })
  const scope = scopeOf(principal)
  if (!trace || (scope !== 'platform' && trace.subscriber !== scope))
    throw problem('not-found', 404, 'There is no trace of such a call, or no more.')
  return scope === 'platform' ? trace : visibleToSubscriber(trace)
}

async function liveCalls(deps: ApiDeps, scope: 'platform' | Id<'sub'>): Promise<CallView[]> {
  const calls = await deps.switch.call('call.list', scope === 'platform' ? {} : { subscriber: scope })
  return scope === 'platform' ? calls : calls.filter(({ subscriber }) => subscriber === scope)
}

async function findCall(deps: ApiDeps, { principal }: FastifyRequest, id: string): Promise<CallView> {
  const call = (await liveCalls(deps, scopeOf(principal))).find((candidate) => candidate.id === callId(id))
  if (!call) throw problem('not-found', 404, 'There is no such call up.')
  return call
}

function callId(id: string): Id<'call'> {
  if (!isId('call', id)) throw problem('not-found', 404, 'There is no such call.')
  return id
}
