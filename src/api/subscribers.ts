import { Type } from 'typebox'
import {
  addNumber,
  changeSubscriber,
  install,
  OWN_FIELDS,
  type SubscriberPatch as Patch,
  remove,
  removeNumber,
  suspend,
} from '#journeys/install/index.ts'
import { type App, operatorOnly, scopeOf } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { problem } from './problem.ts'
import { InstallOrder, OfSubscriber, Paged, PageParams, Subscriber, SubscriberPatch } from './schema.ts'
import { subscriberView } from './view.ts'

const Installed = Type.Object({
  subscriber: Subscriber,
  siteFile: Type.String({ description: "For the site's wg-quick. Told this once." }),
  apiKey: Type.String({ description: 'Told this once.' }),
  telephones: Type.Array(Type.Object({ name: Type.String(), password: Type.String() }), { description: 'Told this once.' }),
})

export function subscriberRoutes(app: App, { install: deps }: ApiDeps): void {
  const { store } = deps
  app.post(
    '/v1/subscribers',
    { config: operatorOnly, schema: { summary: 'Install a subscriber', body: InstallOrder, response: { 201: Installed } } },
    async (request, reply) => {
      const installed = await install(deps, request.body as Parameters<typeof install>[1])
      return reply.code(201).send({ ...installed, subscriber: subscriberView(installed.subscriber) })
    },
  )
  app.get(
    '/v1/subscribers',
    { schema: { summary: 'List subscribers by name', querystring: PageParams, response: { 200: Paged(Subscriber) } } },
    async (request) => {
      const { principal } = request
      if (principal.role === 'subscriber')
        return { items: [subscriberView(await store.find(principal.subscriber, principal.subscriber))] }
      const { after, limit = 100 } = request.query
      const page = await store.list({ after, limit })
      return { ...page, items: page.items.map(subscriberView) }
    },
  )
  app.get(
    '/v1/subscribers/:subscriber',
    { schema: { summary: 'Show a subscriber', params: OfSubscriber, response: { 200: Subscriber } } },
    (request) => subscriberView(request.subscriber),
  )
  app.patch(
    '/v1/subscribers/:subscriber',
    {
      schema: {
        summary: 'Change a subscriber; what is absent stays',
        params: OfSubscriber,
        body: SubscriberPatch,
        response: { 200: Subscriber },
      },
    },
    async (request) => {
      const patch = request.body as Patch
      const foreign = Object.keys(patch).find((field) => !OWN_FIELDS.includes(field as keyof Patch))
      if (foreign && request.principal.role !== 'operator')
        throw problem('forbidden', 403, `Only the operator of the platform may change ${foreign}.`, { field: foreign })
      return subscriberView(await changeSubscriber(deps, scopeOf(request.principal), request.subscriber, patch))
    },
  )
  app.delete(
    '/v1/subscribers/:subscriber',
    {
      config: operatorOnly,
      schema: { summary: 'Remove a subscriber; answers when nothing of it is left on the node', params: OfSubscriber },
    },
    async (request, reply) => {
      await remove(deps, request.subscriber)
      return reply.code(204).send()
    },
  )
  for (const [verb, suspended] of [
    ['suspend', true],
    ['resume', false],
  ] as const)
    app.post(
      `/v1/subscribers/:subscriber/${verb}`,
      {
        config: operatorOnly,
        schema: {
          summary: suspended ? 'Refuse all resources, but for emergency calls' : 'Grant resources again',
          params: OfSubscriber,
          response: { 200: Subscriber },
        },
      },
      async (request) => subscriberView(await suspend(deps, request.subscriber, suspended)),
    )
  numberRoutes(app, deps)
}

function numberRoutes(app: App, deps: ApiDeps['install']): void {
  app.post(
    '/v1/subscribers/:subscriber/numbers',
    {
      config: operatorOnly,
      schema: {
        summary: 'Give a number',
        params: OfSubscriber,
        body: Type.Object({ number: Type.String() }, { additionalProperties: false }),
        response: { 201: Type.Object({ number: Type.String() }) },
      },
    },
    async (request, reply) => {
      await addNumber(deps, request.subscriber, request.body.number)
      return reply.code(201).send({ number: request.body.number })
    },
  )
  app.delete(
    '/v1/subscribers/:subscriber/numbers/:number',
    {
      config: operatorOnly,
      schema: { summary: 'Take a number back', params: Type.Object({ subscriber: Type.String(), number: Type.String() }) },
    },
    async (request, reply) => {
      await removeNumber(deps, request.subscriber, request.params.number)
      return reply.code(204).send()
    },
  )
}
