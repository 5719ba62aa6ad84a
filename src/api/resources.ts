import { Type } from 'typebox'
import { allocate, setCapacity } from '#journeys/install/index.ts'
import { isId } from '#lib/index.ts'
import { type App, operatorOnly } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { problem } from './problem.ts'
import { Allocation, OfSubscriber, Paged, PageParams } from './schema.ts'

const Amounts = Type.Object(
  { guaranteed: Type.Integer({ minimum: 0 }), ceiling: Type.Integer({ minimum: 0 }) },
  { additionalProperties: false },
)
const OfKind = Type.Object({ subscriber: Type.String(), kind: Type.String() })
const Capacity = Type.Object({ kind: Type.String(), capacity: Type.Integer() })

const Amount = Type.Optional(Type.Integer())
/** The node's figures have a capacity and holders, a subscriber's what it may take. */
const InUse = Type.Object({
  kind: Type.String(),
  inUse: Type.Integer(),
  capacity: Amount,
  guaranteed: Amount,
  ceiling: Amount,
  bySubscriber: Type.Optional(
    Type.Array(
      Type.Object({
        subscriber: Type.String(),
        ...{ inUse: Type.Integer(), guaranteed: Type.Integer(), ceiling: Type.Integer() },
      }),
    ),
  ),
})

const Held = Type.Object({
  lease: Type.String(),
  kind: Type.String(),
  count: Type.Integer(),
  call: Type.Optional(Type.String({ description: 'The call that holds it; absent where an agent does.' })),
  agent: Type.Optional(Type.String({ description: 'The version of the agent that holds it.' })),
  leg: Type.Optional(Type.String()),
  takenAt: Type.String({ format: 'date-time' }),
  answeredAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
})

export function resourceRoutes(app: App, { install: deps, switch: callSwitch }: ApiDeps): void {
  app.get(
    '/v1/resources',
    {
      schema: {
        summary: 'Resources in use',
        description: 'The operator sees the node and who holds what; a subscriber sees its own.',
        querystring: Type.Object({ subscriber: Type.Optional(Type.String()) }, { additionalProperties: false }),
        response: { 200: Type.Object({ items: Type.Array(InUse) }) },
      },
    },
    async ({ principal, query }) => {
      const scope = principal.role === 'operator' ? 'platform' : principal.subscriber
      const one = query.subscriber === undefined ? scope : (await deps.store.find(scope, query.subscriber)).id
      const kinds = await callSwitch.call('resource.list', one === 'platform' ? {} : { subscriber: one })
      if (principal.role === 'operator') return { items: kinds }
      // What the node has and what others hold is not a subscriber's to know.
      const own = kinds.map(({ kind, bySubscriber }) => ({ kind, ...bySubscriber.find(({ subscriber }) => subscriber === one) }))
      return { items: own.map(({ kind, inUse = 0, guaranteed = 0, ceiling = 0 }) => ({ kind, inUse, guaranteed, ceiling })) }
    },
  )
  app.get(
    '/v1/subscribers/:subscriber/leases',
    {
      schema: {
        summary: 'What a subscriber holds at this moment, lease by lease',
        description: 'What was given back is usage.',
        params: OfSubscriber,
        querystring: Type.Object(
          { ...PageParams.properties, kind: Type.Optional(Type.String()) },
          { additionalProperties: false },
        ),
        response: { 200: Paged(Held) },
      },
    },
    ({ query: { kind, after, limit = 100 }, subscriber }) => {
      if (after !== undefined && !isId('lse', after))
        throw problem('invalid-argument', 422, 'after is no lease.', { field: 'after' })
      return callSwitch.call('lease.list', {
        ...{ subscriber: subscriber.id, limit },
        ...(kind === undefined ? {} : { kind }),
        ...(after === undefined ? {} : { after }),
      })
    },
  )
  app.get(
    '/v1/capacities',
    {
      config: operatorOnly,
      schema: { summary: 'What the node has', response: { 200: Type.Object({ items: Type.Array(Capacity) }) } },
    },
    async () => ({ items: await deps.store.listCapacities() }),
  )
  app.put(
    '/v1/capacities/:kind',
    {
      config: operatorOnly,
      schema: {
        summary: 'Set what the node has of a kind',
        params: Type.Object({ kind: Type.String({ pattern: '^[a-z][a-z0-9.-]{1,62}$' }) }),
        body: Type.Object(
          { capacity: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }) },
          { additionalProperties: false },
        ),
        response: { 200: Capacity },
      },
    },
    async (request) => {
      const capacity = { kind: request.params.kind, capacity: request.body.capacity }
      await setCapacity(deps, capacity)
      return capacity
    },
  )
  app.put(
    '/v1/subscribers/:subscriber/allocations/:kind',
    {
      config: operatorOnly,
      schema: {
        summary: 'Set what a subscriber may take of a kind',
        params: OfKind,
        body: Amounts,
        response: { 200: Allocation },
      },
    },
    async (request) => {
      const allocation = { kind: request.params.kind, ...request.body }
      await allocate(deps, request.subscriber, allocation)
      return allocation
    },
  )
  app.get(
    '/v1/subscribers/:subscriber/allocations',
    {
      schema: {
        summary: 'What a subscriber may take',
        params: OfSubscriber,
        response: { 200: Type.Object({ items: Type.Array(Allocation) }) },
      },
    },
    (request) => ({ items: request.subscriber.allocations }),
  )
}
