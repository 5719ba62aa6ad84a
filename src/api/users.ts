import { Type } from 'typebox'
import { removeUser, writeUser } from '#journeys/install/index.ts'
import { type App, scopeOf } from './app.ts'
import type { ApiDeps } from './deps.ts'
import { OfSubscriber } from './schema.ts'

const closed = { additionalProperties: false }

const ForwardTarget = Type.Union(
  [
    Type.Object({ user: Type.String() }, closed),
    Type.Object({ pbx: Type.String() }, closed),
    Type.Object({ number: Type.String() }, closed),
  ],
  { description: 'Another user, an extension of the PBX, or a number outside, which costs what a call out costs.' },
)

const rules = {
  ring: Type.Optional(
    Type.Array(Type.Object({ at: Type.Array(ForwardTarget, { minItems: 1, maxItems: 20 }), seconds: Type.Integer() }, closed), {
      maxItems: 10,
      description: 'Steps, one after the other; what stands in one rings at once. Absent: its own telephone.',
    }),
  ),
  forward: Type.Optional(
    Type.Object(
      {
        unconditional: Type.Optional(ForwardTarget),
        busy: Type.Optional(ForwardTarget),
        noAnswer: Type.Optional(Type.Object({ to: ForwardTarget, afterSeconds: Type.Integer() }, closed)),
        unregistered: Type.Optional(ForwardTarget),
      },
      { ...closed, description: 'Where its calls go instead.' },
    ),
  ),
}

const User = Type.Object({ name: Type.String(), ...rules })
const OfUser = Type.Object({ subscriber: Type.String(), name: Type.String() })

/** What rings for the users of a site, and where their calls go instead: the subscriber's own to change. */
export function userRoutes(app: App, { install: deps }: ApiDeps): void {
  app.get(
    '/v1/subscribers/:subscriber/users',
    {
      schema: {
        summary: 'Users for whom something is stored',
        params: OfSubscriber,
        response: { 200: Type.Object({ items: Type.Array(User) }) },
      },
    },
    ({ subscriber }) => ({ items: subscriber.users }),
  )
  app.put(
    '/v1/subscribers/:subscriber/users/:name',
    {
      schema: {
        summary: 'Store what rings for a user, and where its calls go instead',
        params: OfUser,
        body: Type.Object(rules, closed),
        response: { 200: User },
      },
    },
    ({ subscriber, principal, params, body }) =>
      writeUser(deps, scopeOf(principal), subscriber, { name: params.name, ...body } as Parameters<typeof writeUser>[3]),
  )
  app.delete(
    '/v1/subscribers/:subscriber/users/:name',
    { schema: { summary: 'Store nothing for a user any more', params: OfUser } },
    async ({ subscriber, principal, params }, reply) => {
      await removeUser(deps, scopeOf(principal), subscriber, params.name)
      return reply.code(204).send()
    },
  )
}
