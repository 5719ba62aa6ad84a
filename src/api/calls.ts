import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { type Id, isId } from '#lib/index.ts'
import { explain } from '#platform/cti/index.ts'
import type { CallView } from '#platform/words/index.ts'
import { type App, readerOf, scopeOf } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { problem } from './problem.ts'

const Party = Type.Object({ number: Type.String(), name: Type.Optional(Type.String()), uri: Type.Optional(Type.String()) })
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
    { schema: { summary: 'End a call in whatever state it is', params: OfCall } },
    async (request, reply) => {
      const { id } = await findCall(deps, request, request.params.call)
      await deps.switch.call('call.kill', { call: id })
      return reply.code(204).send()
    },
  )
  app.get(
    '/v1/calls/:call/explain',
    { schema: { summary: 'Why a call went as it did, also after its end', params: OfCall } },
    async (request) => {
      const call = callId(request.params.call)
      const { items } = await deps.events.listEvents(scopeOf(request.principal), { call, limit: 1000 })
      const explanation = explain(items, readerOf(request.principal))
      if (!explanation) throw problem('not-found', 404, 'There is no such call.')
      return explanation
    },
  )
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
